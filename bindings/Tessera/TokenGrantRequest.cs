namespace Tessera;

/// <summary>What to grant.</summary>
/// <remarks>
/// Of <see cref="ExpiresIn"/>, <see cref="ExpiresAt"/> and <see cref="NoExpiry"/> at most one may be given. Without any,
/// the token lives as long as its profile says: 90 days under <c>Default</c>. A JSON Web Token must expire, and within 400
/// days unless it is one of PowerShell Universal's or Universal Dashboard's.
/// </remarks>
public sealed record TokenGrantRequest
{
    /// <summary>The name of the identity that the token will speak for. It must exist.</summary>
    public required string Identity { get; init; }

    /// <summary>What to call the token: 1 to 256 characters.</summary>
    public string? Name { get; init; }

    /// <summary>The names of the roles to grant, at most 64, each one of the identity's. <see langword="null"/>: all
    /// the identity's.</summary>
    public IReadOnlyList<string>? Roles { get; init; }

    /// <summary>The name of the profile whose rules the token follows. <see langword="null"/>:
    /// <c>Default</c>.</summary>
    public string? Profile { get; init; }

    /// <summary>The form of the value. <see langword="null"/>: as the profile says.</summary>
    public TokenFormat? Format { get; init; }

    /// <summary>How long the token lives from its beginning, now or <see cref="NotBefore"/>: at least one second. A
    /// fraction of a second is cut off.</summary>
    public TimeSpan? ExpiresIn { get; init; }

    /// <summary>The first second at which the token's time is over: in the future. A fraction of a second is cut
    /// off.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Whether the token never expires. Only an opaque one can.</summary>
    public bool NoExpiry { get; init; }

    /// <summary>When the token's time begins; before its expiry. A fraction of a second is rounded up.
    /// <see langword="null"/>: at once.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>Tags to find it by: at most 16, each of 1 to 64 characters.</summary>
    public IReadOnlyList<string>? Tags { get; init; }

    /// <summary>Free text: at most 1,024 characters.</summary>
    public string? Remark { get; init; }

    /// <summary>The audiences that the token is for (RFC 7519 section 4.1.3): at most 16, each of 1 to 256 characters.
    /// <see langword="null"/>: for a JSON Web Token the store's issuer, for an opaque one every audience.</summary>
    public IReadOnlyList<string>? Audiences { get; init; }

    /// <summary>The names of the organisations that the token has access to, at most 64.
    /// <see langword="null"/>: all that its bound has, now and later.</summary>
    public IReadOnlyList<string>? Organizations { get; init; }

    /// <summary>What the token's use is tied to.</summary>
    public TokenConditions? Conditions { get; init; }

    /// <summary>From when on a check that passes says that the token is about to expire. A fraction of a second is cut
    /// off. <see langword="null"/>: as the profile says.</summary>
    public DateTimeOffset? WarnAfter { get; init; }

    /// <summary>Whether the token is a decoy: it admits nothing, and whoever presents it raises an audit
    /// event.</summary>
    public bool IsDecoy { get; init; }

    /// <summary>The id of the key to sign a JSON Web Token with. <see langword="null"/>: the store's newest active key;
    /// one is made where there is none.</summary>
    public string? KeyId { get; init; }

    /// <summary>A key for repeats: 1 to 256 characters. However often the same one asks for this grant with it within 24
    /// hours, there is one token; each repeat gives it with a fresh value, which ends the earlier one, for as long as nobody
    /// presented that, and then without a value (<see cref="TokenGrant.HasValue"/>).</summary>
    public string? IdempotencyKey { get; init; }
}
