namespace Tessera;

/// <summary>What a check of a JSON Web Token found.</summary>
public sealed record JsonWebTokenVerdict
{
    /// <summary>The outcome. A signature by no key that is known, or of another issuer, is
    /// <see cref="Outcome.Unknown"/>.</summary>
    public required Outcome Outcome { get; init; }

    /// <summary>Whether the token is good.</summary>
    public bool IsValid => Outcome == Outcome.Valid;

    /// <summary>Why it was refused, for administrators and logs; <see langword="null"/> where it is good. Tell whoever
    /// presented it only that it was refused.</summary>
    public string? Reason { get; init; }

    /// <summary>The id of the key that was tried, where it has one.</summary>
    public string? KeyId { get; init; }

    /// <summary>The algorithm of the key that was tried, where one was.</summary>
    public SigningAlgorithm? Algorithm { get; init; }

    /// <summary>What is weak about it and was let pass, a sentence each: a short key, for example.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The header, decoded, as JSON text, where the token is well formed. Unless <see cref="IsValid"/> it may
    /// be anyone's.</summary>
    public string? Header { get; init; }

    /// <summary>The claims, decoded, as JSON text, where the token is well formed. Unless <see cref="IsValid"/> they
    /// may be anyone's.</summary>
    public string? Payload { get; init; }
}
