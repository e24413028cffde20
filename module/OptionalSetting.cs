namespace Tessera.PowerShell;

/// <summary>The settings of a profile that it need not have.</summary>
public enum OptionalSetting
{
    /// <summary>Cleared: a token lives for ever when the grant says nothing.</summary>
    DefaultLifetime,

    /// <summary>Cleared: a grant may ask for any life.</summary>
    MaximumLifetime,

    /// <summary>Cleared: no role is asked for.</summary>
    RequiredRole,

    /// <summary>Cleared: a token that is granted with no tag has none.</summary>
    DefaultTag,

    /// <summary>Cleared: a token whose grant names no role has all that it may have.</summary>
    DefaultRole,

    /// <summary>Cleared: expired tokens stay.</summary>
    RemoveExpiredAfter,

    /// <summary>Cleared: revoked tokens stay.</summary>
    RemoveRevokedAfter,

    /// <summary>Cleared: checks don't warn.</summary>
    WarnBefore,

    /// <summary>Cleared: a token is restricted to no URI unless its grant says so.</summary>
    DefaultSubject,

    /// <summary>Cleared: no values of another system are known by their beginning.</summary>
    ForeignPrefix,
}
