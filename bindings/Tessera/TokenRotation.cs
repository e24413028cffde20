namespace Tessera;

/// <summary>A rotation: the token that gives way, and the one that takes over.</summary>
/// <remarks>Disposing of it clears <see cref="Value"/> from memory.</remarks>
public sealed record TokenRotation : IDisposable
{
    /// <summary>The token that gives way.</summary>
    public required Token Predecessor { get; init; }

    /// <summary>The token that takes over: all that the other has, with an id, a value and a life of its own.</summary>
    public required Token Successor { get; init; }

    /// <summary>The new token's value, a secret, told this once. <see langword="null"/> where it was told before: a repeat
    /// whose value was presented, or was delivered.</summary>
    public TokenValue? Value { get; init; }

    /// <summary>Clears <see cref="Value"/> from memory.</summary>
    public void Dispose() => Value?.Dispose();
}
