namespace Tessera;

/// <summary>What a check of a store's integrity found.</summary>
public sealed record StoreCheck
{
    /// <summary>Whether the database is sound: there are no <see cref="Problems"/>.</summary>
    public required bool IsSound { get; init; }

    /// <summary>What is wrong with it, a sentence each; empty where it is sound.</summary>
    public required IReadOnlyList<string> Problems { get; init; }
}
