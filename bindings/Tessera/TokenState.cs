namespace Tessera;

/// <summary>The state of a token at a time. Names are fixed, the same in every language that Tessera speaks.</summary>
public enum TokenState
{
    /// <summary>It can be used.</summary>
    Active = 0,

    /// <summary>Its time has not come.</summary>
    Pending = 1,

    /// <summary>Its time is over.</summary>
    Expired = 2,

    /// <summary>It was revoked, by itself, with its identity or with its signing key. It stays so whatever the
    /// time.</summary>
    Revoked = 3,

    /// <summary>It was switched off for now.</summary>
    Disabled = 4,
}
