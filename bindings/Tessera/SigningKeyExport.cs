namespace Tessera;

/// <summary>The form in which public keys are given out.</summary>
public enum SigningKeyExport
{
    /// <summary>A JSON Web Key Set (RFC 7517 section 5).</summary>
    Jwks = 0,

    /// <summary>PEM blocks of SubjectPublicKeyInfo (RFC 7468 section 13).</summary>
    Pem = 1,
}
