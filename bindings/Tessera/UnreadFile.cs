namespace Tessera;

/// <summary>A file or folder that a search could not read, or not to its end.</summary>
public sealed record UnreadFile
{
    /// <summary>Its path.</summary>
    public required string Path { get; init; }

    /// <summary>Why.</summary>
    public required UnreadReason Reason { get; init; }

    /// <summary>Why, as a sentence for people.</summary>
    public required string Message { get; init; }
}

/// <summary>Why a file was not read.</summary>
public enum UnreadReason
{
    /// <summary>The operating system reported another failure.</summary>
    Failed = 0,

    /// <summary>There is no such file or folder.</summary>
    NotFound = 1,

    /// <summary>It may not be read.</summary>
    NotPermitted = 2,

    /// <summary>This process has it open, as a store or perhaps as another database: to read it would take locks from
    /// it.</summary>
    InUse = 3,

    /// <summary>It is neither a file nor a folder.</summary>
    NotAFile = 4,
}
