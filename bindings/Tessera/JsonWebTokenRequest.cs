namespace Tessera;

/// <summary>What to put into a JSON Web Token, and how to sign it.</summary>
/// <remarks>A token made this way is not recorded in a store: it cannot be listed or revoked by itself, only with its
/// key. Use <see cref="TokenStore.Grant"/> for one that can.</remarks>
public sealed record JsonWebTokenRequest
{
    /// <summary>
    /// The claims: the text of a JSON object, at most 8,192 bytes of UTF-8. <c>iss</c>, <c>iat</c>, <c>nbf</c>,
    /// <c>exp</c> and <c>jti</c> are filled in where they are absent and the kind of token has them.
    /// </summary>
    public required string Claims { get; init; }

    /// <summary>The kind of token to make.</summary>
    public JsonWebTokenKind Kind { get; init; } = JsonWebTokenKind.AccessToken;

    /// <summary>The algorithm to sign with. <see langword="null"/>: the one that the key is for; an RSA key that does
    /// not say needs it.</summary>
    public SigningAlgorithm? Algorithm { get; init; }

    /// <summary>The id of the store's key that signs; not to be given with a key of the caller's own.
    /// <see langword="null"/>: the store's newest active key.</summary>
    public string? KeyId { get; init; }

    /// <summary>How long the token lives from now on: at least one second. A fraction of a second is cut off. Not to be
    /// given when the claims have <c>exp</c>. <see langword="null"/>: the kind's default, 90 days or a
    /// year.</summary>
    public TimeSpan? ExpiresIn { get; init; }
}
