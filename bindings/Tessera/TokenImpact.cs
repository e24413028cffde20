namespace Tessera;

/// <summary>What would be felt if a token ended now.</summary>
public sealed record TokenImpact
{
    /// <summary>When it was last used; UTC, in whole seconds. <see langword="null"/>: never.</summary>
    public DateTimeOffset? LastUsedAt { get; init; }

    /// <summary>How often it was used today and on the six days before, in UTC.</summary>
    public required long UsesInSevenDays { get; init; }

    /// <summary>The last five addresses that it was used from, the latest first; those that checks were told.</summary>
    public IReadOnlyList<string> Addresses { get; init; } = [];

    /// <summary>How many tokens that can be used now, or later, were granted by it or by tokens that it granted. They are
    /// revoked with it.</summary>
    public required long Children { get; init; }
}
