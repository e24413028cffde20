namespace Tessera;

/// <summary>The kinds of JSON Web Token that Tessera makes and accepts. They differ in header type, required claims and
/// key rules.</summary>
public enum JsonWebTokenKind
{
    /// <summary>An access token (RFC 9068): <c>typ</c> is <c>at+jwt</c>; a <c>kid</c>, issuer, subject, audience,
    /// client id, id and times are required.</summary>
    AccessToken = 0,

    /// <summary>A token with <c>typ</c> <c>JWT</c> and the claims that safe use needs (RFC 8725): issuer, subject,
    /// audience, id and times.</summary>
    JsonWebToken = 1,

    /// <summary>An app token of PowerShell Universal. Short HMAC keys are accepted, with a warning at each
    /// use.</summary>
    PowerShellUniversal = 2,

    /// <summary>A token of Universal Dashboard's REST API. Short HMAC keys are accepted, with a warning at each
    /// use.</summary>
    UniversalDashboard = 3,
}
