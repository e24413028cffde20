using System.Diagnostics.CodeAnalysis;

namespace Tessera.PowerShell;

/// <summary>The store of a user who connected to none: where <c>TESSERA_STORE</c> says, or in the user's data folder.</summary>
internal static class DefaultStore
{
    /// <summary>The environment variable that names the default store.</summary>
    public const string EnvironmentVariable = "TESSERA_STORE";

    /// <summary>The path in <see cref="EnvironmentVariable"/>, as it was written; null where it is unset or empty.</summary>
    public static string? FromEnvironment =>
        Environment.GetEnvironmentVariable(EnvironmentVariable) is { Length: > 0 } path ? path : null;

    /// <summary>The full path of the store in the user's data folder.</summary>
    /// <exception cref="StoreException">The system names no such folder.</exception>
    public static string InDataFolder
    {
        get
        {
            string folder = Environment.GetFolderPath(
                Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
            return folder.Length > 0
                ? Path.Combine(folder, "Tessera", "tokens.db")
                : throw new StoreException(
                    ErrorCode.StorePath,
                    $"This user has no data folder. Name a store: Connect-Tessera -Path, or the environment variable {EnvironmentVariable}.",
                    EnvironmentVariable);
        }
    }

    /// <summary>Opens the default store.</summary>
    /// <param name="path">Its full path.</param>
    /// <param name="createIfMissing">Whether to make the store, and its folder, where there is none.</param>
    /// <param name="issuer">The issuer of its JSON Web Tokens; null: the one that it was made with.</param>
    /// <exception cref="TesseraException">It cannot be opened.</exception>
    public static TokenStore Open(string path, bool createIfMissing, string? issuer = null)
    {
        if (createIfMissing && FromEnvironment is null)
        {
            CreateFolder(Path.GetDirectoryName(path)!);
        }

        return TokenStore.Open(path, new TokenStoreOptions { CreateIfMissing = createIfMissing, Issuer = issuer });
    }

    /// <summary>Finds the default store without a cmdlet at hand, for completion.</summary>
    /// <param name="path">Its full path, where it exists. A relative one in the environment is not looked for.</param>
    /// <returns>Whether there is one.</returns>
    public static bool TryFindExisting([NotNullWhen(true)] out string? path)
    {
        path = FromEnvironment ?? InDataFolder;
        return Path.IsPathFullyQualified(path) && File.Exists(path);
    }

    /// <summary>Makes the folder for its owner alone: it will hold the store's key.</summary>
    private static void CreateFolder(string folder)
    {
        try
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(folder);
            }
            else
            {
                Directory.CreateDirectory(
                    folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(
                ErrorCode.StorePath,
                $"The folder of the default store, '{folder}', cannot be made: {exception.Message} Name a store elsewhere: Connect-Tessera -Path, or the environment variable {EnvironmentVariable}.",
                folder,
                exception);
        }
    }
}
