namespace Tessera;

/// <summary>Which audit events to list. Each member that is given narrows the list.</summary>
public sealed record AuditEventFilter
{
    /// <summary>Events of this name, with <c>*</c> for any characters and <c>?</c> for one, such as
    /// <c>token.*</c>.</summary>
    public string? Event { get; init; }

    /// <summary>What an actor of this name did, with the same wildcards, compared without regard to case.</summary>
    public string? Actor { get; init; }

    /// <summary>What was done to things of this kind.</summary>
    public AuditSubjectKind? SubjectKind { get; init; }

    /// <summary>What was done to this: a token's exact id, where <see cref="SubjectKind"/> is
    /// <see cref="AuditSubjectKind.Token"/>; otherwise a name with the same wildcards, compared without regard to
    /// case.</summary>
    public string? Subject { get; init; }

    /// <summary>What ended so: <c>Success</c>, or the name of what refused it, compared without regard to case.</summary>
    public string? Outcome { get; init; }

    /// <summary>What happened at this time or later. A fraction of a second is rounded up.</summary>
    public DateTimeOffset? After { get; init; }

    /// <summary>What happened before this time. A fraction of a second is rounded up.</summary>
    public DateTimeOffset? Before { get; init; }

    /// <summary>Whether the newest come first. <see langword="false"/> unless said otherwise.</summary>
    public bool NewestFirst { get; init; }
}
