namespace Tessera;

/// <summary>The form that key material is given in.</summary>
public enum JsonWebKeyKind
{
    /// <summary>The bytes of an HMAC secret.</summary>
    Secret = 0,

    /// <summary>A PEM text (RFC 7468).</summary>
    Pem = 1,

    /// <summary>A JSON Web Key (RFC 7517).</summary>
    Jwk = 2,
}
