namespace Tessera.Tests;

/// <summary>Folders for the tests' stores.</summary>
internal static class TestFolder
{
    /// <summary>Where stores are kept after their test, when the whole suite wants to look through them at its end.</summary>
    private static readonly string? Kept = Environment.GetEnvironmentVariable("TESSERA_TEST_KEEP_STORES");

    /// <summary>Makes a new folder, its owner's alone.</summary>
    internal static string Create()
    {
        if (Kept is null)
        {
            return Directory.CreateTempSubdirectory("tessera-").FullName;
        }

        string folder = Path.Combine(Kept, $"dotnet-{Guid.NewGuid():N}");
        return OperatingSystem.IsWindows()
            ? Directory.CreateDirectory(folder).FullName
            : Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
    }

    /// <summary>Removes a folder, unless it is to be kept.</summary>
    internal static void Remove(string folder)
    {
        if (Kept is null)
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
