namespace Tessera;

/// <summary>What cuts a token's roles and organisations to what somebody has now.</summary>
public enum TokenBound
{
    /// <summary>The identity that it speaks for.</summary>
    Identity = 0,

    /// <summary>The one who granted it.</summary>
    Creator = 1,

    /// <summary>Both of them.</summary>
    Both = 2,

    /// <summary>Nobody: it has what it was granted.</summary>
    Neither = 3,
}
