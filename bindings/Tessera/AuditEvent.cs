namespace Tessera;

/// <summary>An event in a store's audit log: what was done or refused, by whom, when. It never holds a token's value or
/// another secret.</summary>
public sealed record AuditEvent
{
    /// <summary>Its number. Numbers begin with 1 and have no gaps.</summary>
    public required long Sequence { get; init; }

    /// <summary>When it happened; UTC, in whole seconds.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>What was done, such as <c>token.grant</c>. <c>token.refuse</c> is a check that refused,
    /// <c>session.refuse</c> a session that was not permitted what it asked for, <c>token.expiring</c> the use of a token
    /// that is about to expire, <c>token.confirm</c> the first use of a token that took over by rotation,
    /// <c>token.reveal</c> that somebody was given the value of a token whose profile keeps values, and
    /// <c>token.reuse</c> and <c>token.decoy</c> are alarms: the value of a token that has given way, or of a decoy, was
    /// presented.</summary>
    public required string Event { get; init; }

    /// <summary>Who did it: the name of an identity, <c>local owner</c>, or <c>bearer</c> for someone who presented what
    /// is no token.</summary>
    public required string Actor { get; init; }

    /// <summary>As what: <c>owner</c>, <c>identity</c>, <c>bearer</c>, or <c>token:</c> and the id of the token that
    /// acted.</summary>
    public required string ActorKind { get; init; }

    /// <summary>What kind of thing it was done to.</summary>
    public required AuditSubjectKind SubjectKind { get; init; }

    /// <summary>What it was done to: a token's public id, a key's id or a name. <see langword="null"/> where it has none,
    /// as the store.</summary>
    public string? Subject { get; init; }

    /// <summary><c>Success</c>, or the name of what refused it: an <see cref="Tessera.Outcome"/> or an
    /// <see cref="ErrorCode"/>.</summary>
    public required string Outcome { get; init; }

    /// <summary>What else is to be known, as a JSON object.</summary>
    public string? Detail { get; init; }

    /// <summary>SHA-256 over the hash of the record before it and this one: 64 hexadecimal digits.</summary>
    public required string Hash { get; init; }
}
