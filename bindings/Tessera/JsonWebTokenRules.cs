namespace Tessera;

/// <summary>What a JSON Web Token must be to be accepted.</summary>
public sealed record JsonWebTokenRules
{
    /// <summary>The kind of token that is expected.</summary>
    public JsonWebTokenKind Kind { get; init; } = JsonWebTokenKind.AccessToken;

    /// <summary>The issuer that it must name, compared exactly. <see langword="null"/>: the store's, and any where
    /// there is no store.</summary>
    public string? Issuer { get; init; }

    /// <summary>The audience that it must be for, compared exactly. <see langword="null"/>: any.</summary>
    public string? Audience { get; init; }

    /// <summary>The time to judge it at. <see langword="null"/>: now. A fraction of a second is cut off.</summary>
    public DateTimeOffset? At { get; init; }

    /// <summary>The one algorithm that is accepted. <see langword="null"/>: the key's; an RSA key of the caller's that
    /// does not say its own needs it. Of a store's keys, one for another algorithm is refused.</summary>
    public SigningAlgorithm? Algorithm { get; init; }
}
