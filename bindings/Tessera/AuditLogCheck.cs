namespace Tessera;

/// <summary>What a check of a store's audit log found: see <see cref="TokenStore.CheckAuditLog"/>.</summary>
public sealed record AuditLogCheck
{
    /// <summary>Whether the log is as it was written: there is no <see cref="BrokenRecord"/>.</summary>
    public required bool IsSound { get; init; }

    /// <summary>How many records were good.</summary>
    public required long Records { get; init; }

    /// <summary>The hash of the last good record. Who keeps it elsewhere can tell later whether the log still has that
    /// record.</summary>
    public string? LastHash { get; init; }

    /// <summary>How many signed heads were good.</summary>
    public required long Heads { get; init; }

    /// <summary>The record up to which a signature vouches for the log; zero where there is none. What comes after it is
    /// chained, and not signed yet.</summary>
    public required long SignedUpTo { get; init; }

    /// <summary>The number of the first record that cannot be relied on; it may be one that is missing.
    /// <see langword="null"/> where all are as they were written.</summary>
    public long? BrokenRecord { get; init; }

    /// <summary>What was found there, as a sentence. <see langword="null"/> where all are as they were written.</summary>
    public string? Problem { get; init; }
}
