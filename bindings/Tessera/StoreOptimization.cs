namespace Tessera;

/// <summary>What was tidied up in a store.</summary>
public sealed record StoreOptimization
{
    /// <summary>How many tokens were removed because their profile does not keep them any longer.</summary>
    public required long RemovedTokens { get; init; }

    /// <summary>The size of the database before, in bytes, with what was not yet written back from its log.</summary>
    public required long SizeBeforeBytes { get; init; }

    /// <summary>Its size now, in bytes.</summary>
    public required long SizeBytes { get; init; }
}
