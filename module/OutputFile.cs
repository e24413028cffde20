using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>A file that a command writes: it takes its place as a whole, and never that of a store's own files.</summary>
internal static class OutputFile
{
    // What a store keeps beside its database: its key, and SQLite's own files.
    private static readonly string[] StoreFileSuffixes = ["", ".key", "-wal", "-shm", "-journal", "-counter"];

    /// <summary>Writes a file.</summary>
    /// <param name="path">The full path of the file.</param>
    /// <param name="force">Whether a file that is there is overwritten.</param>
    /// <param name="isPrivate">Whether only its owner may read it, where the system has such rights.</param>
    /// <param name="write">What writes the text.</param>
    /// <returns>What went wrong with the file; null where nothing did.</returns>
    public static ErrorRecord? Write(string path, bool force, bool isPrivate, Action<Stream> write)
    {
        if (File.Exists(path) && !force)
        {
            return Errors.FileExists(path);
        }

        // Beside the file, so that it can take its place in one step. A link is followed, to keep it one.
        string target = FollowLinks(path);
        string draft = $"{target}.{Guid.NewGuid():N}";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (isPrivate && !OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        try
        {
            using (var file = new FileStream(draft, options))
            {
                write(file);
            }

            File.Move(draft, target, overwrite: force);
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            TryDelete(draft);
            return File.Exists(path) && !force ? Errors.FileExists(path) : Errors.FileNotWritten(path, exception);
        }
        catch
        {
            TryDelete(draft);
            throw;
        }
    }

    /// <summary>Says whether a path leads, through links or not, to one of a store's files, be it there yet or not.</summary>
    public static bool IsOf(TokenStore store, string path)
    {
        // In any case: some file systems tell no capitals from small letters, and nobody needs such a name.
        string target = FollowLinks(path);
        return StoreFileSuffixes.Any(suffix =>
            string.Equals(FollowLinks(Path.GetFullPath(store.Path) + suffix), target, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>The path without links, as far as they can be read.</summary>
    private static string FollowLinks(string path)
    {
        if (Path.GetDirectoryName(path) is not { } folder)
        {
            return path;
        }

        string direct = Path.Combine(FollowLinks(folder), Path.GetFileName(path));
        try
        {
            return File.ResolveLinkTarget(direct, returnFinalTarget: true) is { } target ? FollowLinks(target.FullName) : direct;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return direct;
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // What failed before is what the user should hear of.
        }
    }
}
