namespace Tessera;

/// <summary>Which token to rotate, and how.</summary>
/// <remarks>Of <see cref="ExpiresIn"/>, <see cref="ExpiresAt"/> and <see cref="NoExpiry"/> at most one may be given.
/// Without any the new token lives as long as the old one was granted for.</remarks>
public sealed record TokenRotationRequest
{
    /// <summary>The public id of the token that is to give way.</summary>
    public required string Id { get; init; }

    /// <summary>When it gives way.</summary>
    public RotationMode Mode { get; init; } = RotationMode.Confirm;

    /// <summary>How long the old token is good beside the new one, at least one second; a fraction of a second is cut
    /// off. <see cref="RotationMode.Grace"/> requires it, and it belongs to no other mode. A token whose uses are counted
    /// cannot have it.</summary>
    public TimeSpan? Grace { get; init; }

    /// <summary>When the old token gives way although nobody has used the new one: in the future. A fraction of a second
    /// is cut off. It belongs to <see cref="RotationMode.Confirm"/>. <see langword="null"/>: never.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>How long the new token lives: at least one second. A fraction of a second is cut off.</summary>
    public TimeSpan? ExpiresIn { get; init; }

    /// <summary>The first second at which the new token's time is over: in the future. A fraction of a second is cut
    /// off.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Whether the new token never expires. Only an opaque one can.</summary>
    public bool NoExpiry { get; init; }

    /// <summary>A key for repeats, 1 to 256 characters: the same request under the same key, by the same actor within 24
    /// hours, leads to the same new token. The repeat has a fresh value, and the earlier one is good no more, as long as
    /// nobody presented that; then it has none. Another request under the key is a conflict.</summary>
    public string? IdempotencyKey { get; init; }
}
