namespace Tessera;

/// <summary>The state of a signing key.</summary>
public enum SigningKeyState
{
    /// <summary>It signs, and what it signed is accepted.</summary>
    Active = 0,

    /// <summary>It signs nothing, and nothing that it signed is accepted.</summary>
    Revoked = 1,
}
