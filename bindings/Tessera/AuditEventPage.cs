namespace Tessera;

/// <summary>A page of a list of audit events.</summary>
public sealed record AuditEventPage
{
    /// <summary>The events, in the order that the filter asks for; empty where none is left.</summary>
    public required IReadOnlyList<AuditEvent> Events { get; init; }

    /// <summary>Where the next page begins: what <see cref="TokenStore.GetAuditEventPage"/> takes as <c>start</c>.
    /// <see langword="null"/> after the last page.</summary>
    public long? Next { get; init; }
}
