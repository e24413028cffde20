namespace Tessera;

/// <summary>The signature algorithms that Tessera makes and checks (RFC 7518 section 3.1, RFC 8037). There is no
/// <c>none</c>.</summary>
public enum SigningAlgorithm
{
    /// <summary>HMAC with SHA-256: one secret both signs and verifies, so there is no public half.</summary>
    HS256 = 0,

    /// <summary>ECDSA on P-256 with SHA-256. The default.</summary>
    ES256 = 1,

    /// <summary>ECDSA on P-384 with SHA-384.</summary>
    ES384 = 2,

    /// <summary>RSASSA-PKCS1-v1_5 with SHA-256, for peers that know nothing newer.</summary>
    RS256 = 3,

    /// <summary>RSASSA-PSS with SHA-256.</summary>
    PS256 = 4,

    /// <summary>EdDSA on Ed25519.</summary>
    EdDSA = 5,
}
