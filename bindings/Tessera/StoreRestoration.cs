namespace Tessera;

/// <summary>A store that a backup was put in the place of.</summary>
public sealed record StoreRestoration
{
    /// <summary>The full path of the store.</summary>
    public required string Path { get; init; }

    /// <summary>Its size in bytes.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>Whether what was ended since the backup was brought over: revocations, removals, rotations, tokens that
    /// were switched off, uses that were spent. If not, tokens that were revoked since may be good again.</summary>
    public required bool Replayed { get; init; }

    /// <summary>How many tokens are revoked by what was brought over.</summary>
    public required long RevokedTokens { get; init; }

    /// <summary>How many tokens are removed by what was brought over.</summary>
    public required long RemovedTokens { get; init; }
}
