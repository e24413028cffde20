namespace Tessera;

/// <summary>A token just granted, with its value: the only time that Tessera gives it out.</summary>
/// <remarks>Disposing of the grant clears <see cref="Value"/> from memory.</remarks>
public sealed record TokenGrant : IDisposable
{
    /// <summary>The token's record.</summary>
    public required Token Token { get; init; }

    /// <summary>The token's value, a secret. The store keeps only a keyed digest of it. Without one
    /// (<see cref="HasValue"/>) it cannot be read.</summary>
    public required TokenValue Value { get; init; }

    /// <summary>Whether there is a value. A repeat under the same <see cref="TokenGrantRequest.IdempotencyKey"/> has none
    /// once somebody has presented it, or when the token is of no use any more.</summary>
    public bool HasValue => !Value.IsEmpty;

    /// <summary>Clears <see cref="Value"/> from memory.</summary>
    public void Dispose() => Value.Dispose();
}
