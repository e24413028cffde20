namespace Tessera;

/// <summary>The form of a token's value.</summary>
public enum TokenFormat
{
    /// <summary>A random value that means nothing by itself: a prefix and 50 characters of base62.</summary>
    Opaque = 0,

    /// <summary>A JSON Web Token (RFC 7519), signed by a key of the store.</summary>
    Jwt = 1,
}
