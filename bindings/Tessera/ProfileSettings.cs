using System.Text.Json.Serialization;

namespace Tessera;

/// <summary>The rules of a profile. As they are without a word they are those of the built-in profile
/// <c>Default</c>.</summary>
/// <remarks>
/// Take those of another profile to differ from it:
/// <c>store.GetProfile("Enterprise").Settings with { MaximumLifetime = TimeSpan.FromDays(30) }</c>. Lengths of time count
/// in whole seconds; a fraction is cut off.
/// </remarks>
public sealed record ProfileSettings
{
    /// <summary>The form of a value when the grant names none.</summary>
    public TokenFormat Format { get; init; } = TokenFormat.Opaque;

    /// <summary>Whether a grant may ask for the other form.</summary>
    public bool AllowsOtherFormat { get; init; } = true;

    /// <summary>The kind of its JSON Web Tokens, where it has any.</summary>
    [JsonPropertyName("jwtKind")]
    public JsonWebTokenKind JsonWebTokenKind { get; init; } = JsonWebTokenKind.AccessToken;

    /// <summary>The prefix of its opaque values: 1 to 16 characters of <c>[a-z0-9_]</c>.</summary>
    public string Prefix { get; init; } = "tsr";

    /// <summary>How long a token lives when the grant says nothing. <see langword="null"/>: for ever.</summary>
    [JsonPropertyName("defaultLifetimeSeconds")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public TimeSpan? DefaultLifetime { get; init; } = TimeSpan.FromDays(90);

    /// <summary>The shortest life that a grant may ask for, at least one second.</summary>
    [JsonPropertyName("minimumLifetimeSeconds")]
    public TimeSpan MinimumLifetime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest life that a grant may ask for. <see langword="null"/>: to the end of the year 9999.</summary>
    [JsonPropertyName("maximumLifetimeSeconds")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public TimeSpan? MaximumLifetime { get; init; }

    /// <summary>Whether a token may live for ever; not together with <see cref="MaximumLifetime"/>, nor where all tokens
    /// are JSON Web Tokens.</summary>
    public bool AllowsNever { get; init; } = true;

    /// <summary>Whether an identity's tokens are granted by nobody but the identity, administrators included.</summary>
    public bool OwnerOnly { get; init; }

    /// <summary>The role that an identity must have, by itself or by inclusion, to be granted a token.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? RequiredRole { get; init; }

    /// <summary>Whether an identity with a role that is not built in is granted none.</summary>
    public bool RefusesCustomRoles { get; init; }

    /// <summary>Whether a token must have at least one role.</summary>
    public bool RequiresRoles { get; init; }

    /// <summary>Whether a token must have a name.</summary>
    public bool NameRequired { get; init; }

    /// <summary>The most characters of a tag: 1 to 64.</summary>
    public int MaximumTagCharacters { get; init; } = TesseraLimits.TagCharacters;

    /// <summary>The tag of a token that is granted with none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? DefaultTag { get; init; }

    /// <summary>The names of the roles of a token whose grant names none, at most 64, under the same rules as if it named
    /// them. <see langword="null"/>: all that it may have.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public IReadOnlyList<string>? DefaultRoles { get; init; }

    /// <summary>Whether a token's tags may be changed. Its remark always may; nothing else of it ever may.</summary>
    public bool TagsEditable { get; init; } = true;

    /// <summary>Whether values are kept, sealed under the store's key, so that they can be given again. Otherwise only
    /// digests are kept.</summary>
    public bool KeepsValues { get; init; }

    /// <summary>The operations that no token may do, whatever its roles, at most 64.</summary>
    public IReadOnlyList<string> DeniedOperations { get; init; } = [];

    /// <summary>The endpoints that no token may call, whatever its roles, at most 64.</summary>
    public IReadOnlyList<DeniedEndpoint> DeniedEndpoints { get; init; } = [];

    /// <summary>What cuts the roles and organisations of a token, when it is granted and at each use.</summary>
    public TokenBound BoundedBy { get; init; } = TokenBound.Identity;

    /// <summary>What becomes of a token when the identity that granted it is removed. (When the identity that it speaks
    /// for is removed, it is always revoked.)</summary>
    public CreatorRemoval CreatorRemoved { get; init; } = CreatorRemoval.Keep;

    /// <summary>Whether an expired token is shown as revoked with the reason <c>Expired</c>. A check answers
    /// <see cref="Outcome.Expired"/> all the same.</summary>
    public bool ExpiredIsRevoked { get; init; }

    /// <summary>How long after its expiry a token is removed by the next clean-up. <see langword="null"/>:
    /// never.</summary>
    [JsonPropertyName("removeExpiredAfterSeconds")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public TimeSpan? RemoveExpiredAfter { get; init; }

    /// <summary>How long after its revocation a token is removed by the next clean-up. <see langword="null"/>:
    /// never. One that has not expired is kept: brought over again from a file, it would be good.</summary>
    [JsonPropertyName("removeRevokedAfterSeconds")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public TimeSpan? RemoveRevokedAfter { get; init; }

    /// <summary>How long before its expiry the checks of a token begin to warn. <see langword="null"/>: they never
    /// do.</summary>
    [JsonPropertyName("warningSeconds")]
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public TimeSpan? WarnBefore { get; init; }

    /// <summary>The absolute URI that a token is restricted to when the grant names none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? DefaultSubject { get; init; }

    /// <summary>Whether a grant through a server takes the server's base URI, when neither it nor the profile names a
    /// subject.</summary>
    public bool SubjectFromServer { get; init; }

    /// <summary>Whether a retired value that is presented again revokes the token's whole line: who else has it is
    /// unknown.</summary>
    public bool ReuseRevokesFamily { get; init; }

    /// <summary>How the values of another system that are imported under this profile begin: 1 to 64 visible ASCII
    /// characters.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? ForeignPrefix { get; init; }
}
