namespace Tessera;

/// <summary>How many tokens a store holds, by their state at the time of asking.</summary>
public sealed record TokenCounts
{
    /// <summary>All of them.</summary>
    public required long Total { get; init; }

    /// <summary>Those that can be used.</summary>
    public required long Active { get; init; }

    /// <summary>Those whose time has not come.</summary>
    public required long Pending { get; init; }

    /// <summary>Those whose time is over.</summary>
    public required long Expired { get; init; }

    /// <summary>Those that were revoked.</summary>
    public required long Revoked { get; init; }

    /// <summary>Those that are switched off for now.</summary>
    public required long Disabled { get; init; }
}
