namespace Tessera;

/// <summary>What the removal of an identity did.</summary>
public sealed record IdentityRemoval
{
    /// <summary>Whether there was such an identity to remove.</summary>
    public required bool Removed { get; init; }

    /// <summary>How many tokens were revoked with it.</summary>
    public required long RevokedTokens { get; init; }
}
