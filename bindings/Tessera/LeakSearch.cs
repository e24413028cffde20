namespace Tessera;

/// <summary>Where to look for values of tokens.</summary>
public sealed record LeakSearch
{
    /// <summary>Files and folders: 1 to 1,000, each of at most 4,096 characters. A relative one starts at the current
    /// folder of the process. A folder is searched with all that is below it, hidden files included; links below it are
    /// not followed.</summary>
    public required IReadOnlyList<string> Paths { get; init; }

    /// <summary>How many folders below a path are entered: 0 for the files right in it. <see langword="null"/>:
    /// all.</summary>
    public int? MaximumDepth { get; init; }

    /// <summary>Whether to tell also of values that have nothing to do with the store: opaque ones with a prefix that no
    /// profile has, and JSON Web Tokens that none of its keys signed.</summary>
    public bool IncludeUnknown { get; init; }

    /// <summary>Is told what could not be read, between the values that were found, on the thread that enumerates
    /// them.</summary>
    public Action<UnreadFile>? NotRead { get; init; }

    /// <summary>Is told how far the search has come, likewise, some four times a second.</summary>
    public IProgress<LeakSearchProgress>? Progress { get; init; }
}

/// <summary>How far a search has come.</summary>
/// <param name="Files">How many files were read.</param>
/// <param name="Bytes">How many bytes were read.</param>
public readonly record struct LeakSearchProgress(long Files, long Bytes);
