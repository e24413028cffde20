namespace Tessera;

/// <summary>A JSON Web Token just made.</summary>
/// <remarks>Disposing of it clears <see cref="Value"/> from memory.</remarks>
public sealed record JsonWebTokenMint : IDisposable
{
    /// <summary>The token in compact form (RFC 7515 section 7.1), a secret.</summary>
    public required TokenValue Value { get; init; }

    /// <summary>The id of the key that signed it, where the key has one.</summary>
    public string? KeyId { get; init; }

    /// <summary>The algorithm that it was signed with.</summary>
    public required SigningAlgorithm Algorithm { get; init; }

    /// <summary>What is weak about it and was let pass, a sentence each: a short key, for example.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Clears <see cref="Value"/> from memory.</summary>
    public void Dispose() => Value.Dispose();
}
