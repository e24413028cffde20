namespace Tessera;

/// <summary>A copy of a store's database. The key file is never part of it: keep that elsewhere.</summary>
public sealed record StoreBackup
{
    /// <summary>The full path of the copy.</summary>
    public required string Path { get; init; }

    /// <summary>The size of the copy in bytes.</summary>
    public required long SizeBytes { get; init; }
}
