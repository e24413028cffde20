namespace Tessera;

/// <summary>A granted token, as everyone but its bearer sees it: never with its value.</summary>
public sealed record Token
{
    /// <summary>The store's number for it. It rises with each grant, and is never given to another.</summary>
    public required long Sequence { get; init; }

    /// <summary>The public id: 12 characters of <c>[0-9A-Za-z]</c>. It may be shown and logged; alone it opens
    /// nothing.</summary>
    public required string Id { get; init; }

    /// <summary>What its owner calls it, where it was named.</summary>
    public string? Name { get; init; }

    /// <summary>The name of the identity that it speaks for.</summary>
    public required string Identity { get; init; }

    /// <summary>The form of its value.</summary>
    public required TokenFormat Format { get; init; }

    /// <summary>The names of the roles that it was granted, sorted. What it may do now is at most this: see
    /// <see cref="Verdict.Roles"/>.</summary>
    public IReadOnlyList<string> Roles { get; init; } = [];

    /// <summary>Its tags, sorted.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Free text, where there is some.</summary>
    public string? Remark { get; init; }

    /// <summary>The name of the profile whose rules it follows.</summary>
    public required string Profile { get; init; }

    /// <summary>The id of the key that signed it, where it is a JSON Web Token.</summary>
    public string? KeyId { get; init; }

    /// <summary>The audiences that it is for, where it names any.</summary>
    public IReadOnlyList<string> Audiences { get; init; } = [];

    /// <summary>The organisations that it has access to, sorted. <see langword="null"/>: all that its bound has, now and
    /// later.</summary>
    public IReadOnlyList<string>? Organizations { get; init; }

    /// <summary>What its use is tied to. Its referrer is left out: nobody reads that again.</summary>
    public TokenConditions Conditions { get; init; } = new();

    /// <summary>Whether a referrer is among its conditions.</summary>
    public bool HasReferrer { get; init; }

    /// <summary>How many uses are left. <see langword="null"/> where they are not counted.</summary>
    public long? UsesLeft { get; init; }

    /// <summary>Whether it is a decoy: it admits nothing, and whoever presents it raises an audit event.</summary>
    public bool IsDecoy { get; init; }

    /// <summary>Who granted it: the name of an identity, or <c>local owner</c>.</summary>
    public required string CreatedBy { get; init; }

    /// <summary>The id of the token by which it was granted, where a token acted.</summary>
    public string? Parent { get; init; }

    /// <summary>When it was granted; UTC, in whole seconds.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When its time begins; UTC, in whole seconds. <see langword="null"/>: at once.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>The first second at which its time is over; UTC. <see langword="null"/>: never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>From when on a check that passes says that the token is about to expire; UTC.
    /// <see langword="null"/>: never.</summary>
    public DateTimeOffset? WarnAfter { get; init; }

    /// <summary>When it was last used, as far as that was written down by now; UTC.</summary>
    public DateTimeOffset? LastUsedAt { get; init; }

    /// <summary>Its state when it was read.</summary>
    public required TokenState State { get; init; }

    /// <summary>When it was switched off for now; UTC, in whole seconds. <see langword="null"/> where it was
    /// not.</summary>
    public DateTimeOffset? DisabledAt { get; init; }

    /// <summary>Who switched it off. <see langword="null"/> where nobody did.</summary>
    public string? DisabledBy { get; init; }

    /// <summary>Why it was switched off, where a reason was given.</summary>
    public string? DisabledReason { get; init; }

    /// <summary>When it was revoked; UTC, in whole seconds. <see langword="null"/> where it was not.</summary>
    public DateTimeOffset? RevokedAt { get; init; }

    /// <summary>Who revoked it: the name of an identity, or <c>local owner</c>. <see langword="null"/> where it was not
    /// revoked.</summary>
    public string? RevokedBy { get; init; }

    /// <summary>Why it was revoked, where a reason was given.</summary>
    public string? RevokedReason { get; init; }

    /// <summary>The id of the token that it took over from, by rotation.</summary>
    public string? Predecessor { get; init; }

    /// <summary>The id of the token that takes over from it, by rotation.</summary>
    public string? Successor { get; init; }

    /// <summary>How far the rotation is by which it was made. <see langword="null"/>: it is over, or there was
    /// none.</summary>
    public RotationStage? RotationStage { get; init; }

    /// <summary>When it gives way to its successor, or has given way; UTC. It is revoked from then on.</summary>
    public DateTimeOffset? RetiresAt { get; init; }
}
