namespace Tessera;

/// <summary>How far a rotation is, told of the token that takes over.</summary>
public enum RotationStage
{
    /// <summary>Its value is being handed to a vault; it cannot be used yet, and its predecessor knows nothing of
    /// it.</summary>
    Prepared = 0,

    /// <summary>It can be used, and its first use ends its predecessor.</summary>
    Waiting = 1,
}
