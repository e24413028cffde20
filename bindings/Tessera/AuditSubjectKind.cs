namespace Tessera;

/// <summary>What an audit event is about.</summary>
public enum AuditSubjectKind
{
    /// <summary>A token, by its public id.</summary>
    Token = 0,

    /// <summary>An identity, by its name.</summary>
    Identity = 1,

    /// <summary>A role, by its name.</summary>
    Role = 2,

    /// <summary>An organisation, by its name.</summary>
    Organization = 3,

    /// <summary>A profile, by its name.</summary>
    Profile = 4,

    /// <summary>A signing key, by its id.</summary>
    Key = 5,

    /// <summary>The store itself.</summary>
    Store = 6,
}
