namespace Tessera;

/// <summary>What a store is and how much it holds.</summary>
public sealed record StoreStatus
{
    /// <summary>The full path of the database file.</summary>
    public required string Path { get; init; }

    /// <summary>The store's own id, random and made with it.</summary>
    public required string StoreId { get; init; }

    /// <summary>The issuer that the store's JSON Web Tokens name (RFC 7519 section 4.1.1).</summary>
    public string? Issuer { get; init; }

    /// <summary>The version of the database's schema.</summary>
    public required long SchemaVersion { get; init; }

    /// <summary>The version of the SQLite library inside Tessera.</summary>
    public required string SqliteVersion { get; init; }

    /// <summary>The size of the database in bytes, with what is not yet written back from its log.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>When the store was made; UTC, in whole seconds.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>How many tokens it holds, by state.</summary>
    public required TokenCounts Tokens { get; init; }

    /// <summary>How many identities it holds.</summary>
    public required long Identities { get; init; }

    /// <summary>How many signing keys it holds.</summary>
    public required long SigningKeys { get; init; }

    /// <summary>How many times writing down uses and refusals failed since this process opened the store. Nothing is lost
    /// by that: it is tried again.</summary>
    public long FailedFlushes { get; init; }

    /// <summary>How many uses were not counted since this process opened the store, because more tokens were in use at
    /// once (65,536 between two flushes) than there is room for.</summary>
    public long LostUses { get; init; }
}
