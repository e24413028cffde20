namespace Tessera;

/// <summary>What becomes of a token when the identity that granted it is removed.</summary>
public enum CreatorRemoval
{
    /// <summary>It stays as it is.</summary>
    Keep = 0,

    /// <summary>It is revoked with that, for the reason <c>CreatorDeleted</c>.</summary>
    Revoke = 1,
}
