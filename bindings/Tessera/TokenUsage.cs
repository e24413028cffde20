namespace Tessera;

/// <summary>How a token was used. Uses are gathered in memory and written down some time later: see
/// <see cref="TokenStore.Flush"/>.</summary>
public sealed record TokenUsage
{
    /// <summary>The token's id.</summary>
    public required string Id { get; init; }

    /// <summary>When it was last used; UTC, in whole seconds. <see langword="null"/>: never.</summary>
    public DateTimeOffset? LastUsedAt { get; init; }

    /// <summary>How many checks it has passed.</summary>
    public required long Uses { get; init; }

    /// <summary>How many on each of the last 90 days, the latest first. Days without use are left out.</summary>
    public IReadOnlyList<TokenUsageDay> Days { get; init; } = [];

    /// <summary>The last five addresses that it was used from, the latest first; those that checks were told.</summary>
    public IReadOnlyList<TokenUsageAddress> Addresses { get; init; } = [];
}

/// <summary>How often a token was used on a day.</summary>
public sealed record TokenUsageDay
{
    /// <summary>The day, in UTC.</summary>
    public required DateOnly Day { get; init; }

    /// <summary>How many checks it passed on that day.</summary>
    public required long Uses { get; init; }
}

/// <summary>An address that a token was used from.</summary>
public sealed record TokenUsageAddress
{
    /// <summary>The address, IPv4 or IPv6.</summary>
    public required string Address { get; init; }

    /// <summary>When it was last used from there; UTC, in whole seconds.</summary>
    public required DateTimeOffset LastUsedAt { get; init; }
}
