namespace Tessera;

/// <summary>What the removal of a signing key did.</summary>
public sealed record SigningKeyRemoval
{
    /// <summary>Whether there was such a key to remove.</summary>
    public required bool Removed { get; init; }

    /// <summary>How many tokens were revoked with it.</summary>
    public required long RevokedTokens { get; init; }
}
