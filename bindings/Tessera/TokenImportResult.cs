namespace Tessera;

/// <summary>What an import came to.</summary>
public sealed record TokenImportResult
{
    /// <summary>How many tokens were brought over.</summary>
    public required long Created { get; init; }

    /// <summary>How many tokens the store had already, and left as they were.</summary>
    public required long Unchanged { get; init; }

    /// <summary>How many lines could not be brought over.</summary>
    public required long Bad { get; init; }

    /// <summary>How many identities were made.</summary>
    public required long Identities { get; init; }

    /// <summary>Whether the whole file was read. Otherwise a bad line ended it, as <see
    /// cref="TokenImportOptions.StopOnError"/> asked.</summary>
    public required bool IsComplete { get; init; }
}
