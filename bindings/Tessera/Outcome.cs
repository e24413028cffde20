namespace Tessera;

/// <summary>The outcome of a check. Names and numbers are fixed, the same in every language that Tessera
/// speaks.</summary>
/// <remarks>The checks run in a fixed order, and the first that fails is the outcome.</remarks>
public enum Outcome
{
    /// <summary>The token is good for this request.</summary>
    Valid = 0,

    /// <summary>The value is not in the form of a token.</summary>
    Malformed = 1,

    /// <summary>No such token here: never granted, removed, or signed by no key and issuer of this store.</summary>
    Unknown = 2,

    /// <summary>The token's time has not come.</summary>
    NotYetValid = 3,

    /// <summary>The token's time is over.</summary>
    Expired = 4,

    /// <summary>The token, its identity or its signing key was revoked or removed.</summary>
    Revoked = 5,

    /// <summary>The token is switched off for now.</summary>
    Disabled = 6,

    /// <summary>The token is for other audiences.</summary>
    AudienceDenied = 7,

    /// <summary>The token has no access to the organisation.</summary>
    OrganizationDenied = 8,

    /// <summary>The token does not reach the path.</summary>
    PathDenied = 9,

    /// <summary>The token may not be used with the method.</summary>
    MethodDenied = 10,

    /// <summary>The token may not be used from the referrer.</summary>
    ReferrerDenied = 11,

    /// <summary>The token may not be used from the address.</summary>
    AddressDenied = 12,

    /// <summary>No token may do the operation.</summary>
    OperationDenied = 13,

    /// <summary>The token lacks the role.</summary>
    RoleDenied = 14,

    /// <summary>The token was used too often of late.</summary>
    RateLimited = 15,

    /// <summary>The token's uses are spent.</summary>
    UsesExhausted = 16,

    /// <summary>The store could not be asked, so nothing is known. Refuse the request, and try again later.</summary>
    StoreUnavailable = 17,
}
