namespace Tessera.PowerShell;

/// <summary>The token that took over by a rotation, with its value: the only time that it is given out.</summary>
public sealed class RotatedToken : GrantedToken
{
    internal RotatedToken(TokenRotation rotation, TokenValue? value, bool asPlainText)
        : base(rotation.Successor, value, asPlainText)
    {
        Predecessor = rotation.Predecessor.Id;
        PredecessorRetiresAt = rotation.Predecessor.RetiresAt;
    }

    /// <summary>The public id of the token that gives way to it.</summary>
    public string Predecessor { get; }

    /// <summary>When that one gives way, or has given way; UTC. Null: when this one is first used.</summary>
    public DateTimeOffset? PredecessorRetiresAt { get; }
}
