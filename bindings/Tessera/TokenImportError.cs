namespace Tessera;

/// <summary>A line that could not be brought over, and left nothing behind.</summary>
public sealed record TokenImportError
{
    /// <summary>The number of the line that the token begins on, from 1.</summary>
    public required long Line { get; init; }

    /// <summary>What kind of failure it is.</summary>
    public required ErrorCode Code { get; init; }

    /// <summary>What was wrong and what to do. It never repeats a secret.</summary>
    public required string Message { get; init; }

    /// <summary>The member that was wrong, where it is one.</summary>
    public string? Subject { get; init; }
}
