namespace Tessera;

/// <summary>When a token gives way to the one that takes over from it.</summary>
public enum RotationMode
{
    /// <summary>When the new one is first used, and at the deadline where there is one.</summary>
    Confirm = 0,

    /// <summary>After a time of grace, in which both are good.</summary>
    Grace = 1,

    /// <summary>At once.</summary>
    Immediate = 2,
}
