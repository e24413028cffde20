using System.Text.Json.Serialization;

namespace Tessera.Native;

// What crosses the boundary as JSON, where it is not a public record. Times are seconds since 1970; a member that is
// null is left out. Secrets are never among these: they travel beside the JSON, in bytes that can be cleared.

internal sealed record NativeError(string? Code, string? Message, string? Subject);

internal sealed record OpenRequest(
    string Path,
    string? Issuer,
    bool Create,
    long? ClockSeconds,
    long? FlushIntervalSeconds);

internal sealed record SignInRequest(string? Identity);

internal sealed record SignInResponse(string Identity, string? TokenId);

internal sealed record PathRequest(string Path);

internal sealed record IdRequest(string Id);

internal sealed record NameRequest(string Name);

internal sealed record KeyIdRequest(string KeyId);

internal sealed record GrantRequest(
    string Identity,
    string? Name,
    string[]? Roles,
    TokenFormat? Format,
    long? ExpiresInSeconds,
    long? ExpiresAt,
    bool? NoExpiry,
    long? NotBefore,
    string[]? Tags,
    string? Remark,
    string? Profile,
    string[]? Audiences,
    string[]? Organizations,
    TokenConditions? Conditions,
    long? WarnAfter,
    bool? IsDecoy,
    string? KeyId,
    string? IdempotencyKey);

internal sealed record GrantManyRequest(GrantRequest[] Requests);

internal sealed record TokenListRequest(
    string? Identity,
    string? Name,
    TokenState? State,
    string? Tag,
    string? Profile,
    string? Organization,
    string? KeyId,
    long? ExpiresAfter,
    long? ExpiresBefore,
    long? After,
    int Limit);

internal sealed record AuditListRequest(
    string? Event,
    string? Actor,
    AuditSubjectKind? SubjectKind,
    string? Subject,
    string? Outcome,
    long? From,
    long? Until,
    long? After,
    long? Before,
    bool? NewestFirst,
    int Limit);

internal sealed record LeakSearchRequest(string[] Paths, int? MaximumDepth, bool? IncludesUnknown);

internal sealed record LeakPageResponse(
    IReadOnlyList<LeakedToken> Leaks,
    IReadOnlyList<UnreadFile> NotRead,
    long Files,
    long Bytes,
    bool IsLast);

internal sealed record RevokeTokenRequest(string Id, string? Reason);

internal sealed record RevokeSetRequest(
    string? Identity,
    string? Profile,
    string? KeyId,
    string? Tag,
    string? Organization,
    bool? All,
    string? Reason);

internal sealed record ReasonRequest(string? Reason);

internal sealed record RotateRequest(
    string Id,
    RotationMode Mode,
    long? GraceSeconds,
    long? Deadline,
    long? ExpiresInSeconds,
    long? ExpiresAt,
    bool? NoExpiry,
    string? IdempotencyKey);

internal sealed record DeliverRequest(string Id, RotationMode Mode, long? GraceSeconds, long? Deadline);

internal sealed record OptimizeRequest(bool? Compact);

internal sealed record RestoreRequest(string Path, string Destination, bool? Force);

internal sealed record UpdateTokenRequest(string Id, string? Remark, string[]? Tags);

internal sealed record IdentityRequest(string Name, string[]? Roles, bool? RemovePassword);

internal sealed record IdentityListRequest(string? Name, string? AfterName, int Limit);

internal sealed record RoleRequest(string Name, string[]? Includes);

internal sealed record ProfileRequest(string Name, ProfileSettings Settings);

internal sealed record OrganizationRequest(string Name, OrganizationMember[] Members);

internal sealed record OrganizationListRequest(string? Name, string? AfterName, int Limit);

internal sealed record CreateKeyRequest(SigningAlgorithm Algorithm);

internal sealed record ImportKeyRequest(string Profile);

internal sealed record ExportTokensRequest(TokenTransferFormat Format, string? Profile, string? Identity);

internal sealed record ExportTokensResponse(long Tokens);

internal sealed record ImportTokensRequest(
    TokenTransferFormat Format,
    string? Profile,
    bool? CreateIdentities,
    bool? StopOnError);

internal sealed record ImportTokensResponse(
    long Created,
    long Unchanged,
    long Bad,
    long Identities,
    IReadOnlyList<TokenImportError> BadLines,
    bool IsOver,
    bool IsComplete);

internal sealed record RevokeKeyRequest(string KeyId, string? Reason);

internal sealed record ExportKeysRequest(string? KeyId, SigningKeyExport Kind);

internal sealed record ChangeResponse(bool Changed);

internal sealed record RemovalResponse(bool Changed, long RevokedTokens);

internal sealed record RevokeSetResponse(long RevokedTokens);

internal sealed record RevokeValueResponse(bool Changed, Token? Token);

internal sealed record RotationResponse(Token Predecessor, Token Successor);

internal sealed record CheckResponse(bool Ok, IReadOnlyList<string> Problems);

internal sealed record TokenListResponse(IReadOnlyList<Token> Tokens, long? Next);

internal sealed record AuditListResponse(IReadOnlyList<AuditEvent> Events, long? Next);

internal sealed record AuditCheckResponse(
    bool Ok,
    long Records,
    string? LastHash,
    long Heads,
    long SignedUpTo,
    long? Broken,
    string? Problem);

internal sealed record IdentityListResponse(IReadOnlyList<Identity> Identities, string? Next);

internal sealed record PasswordResponse(bool Verified);

internal sealed record RoleListResponse(IReadOnlyList<Role> Roles);

internal sealed record ProfileListResponse(IReadOnlyList<Profile> Profiles);

internal sealed record OrganizationListResponse(IReadOnlyList<Organization> Organizations, string? Next);

internal sealed record KeyListResponse(IReadOnlyList<SigningKey> Keys);

internal sealed record ExportResponse(string Text);

internal sealed record JsonWebTokenWords(string? Reason, IReadOnlyList<string>? Warnings);

internal sealed record SignatureResponse(bool Verified, string? Reason);

/// <summary>Reads and writes those records without reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    // The other side has more to say than this one knows: they are of different builds, or someone forgot this one.
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    Converters =
    [
        typeof(UnixSecondsConverter),
        typeof(UnixDaysConverter),
        typeof(WholeSecondsConverter),
        typeof(EquatableListConverter<string>),
        typeof(EquatableListConverter<Token>),
        typeof(EquatableListConverter<Identity>),
        typeof(EquatableListConverter<SigningKey>),
        typeof(EquatableListConverter<Role>),
        typeof(EquatableListConverter<Profile>),
        typeof(EquatableListConverter<DeniedEndpoint>),
        typeof(EquatableListConverter<Organization>),
        typeof(EquatableListConverter<OrganizationMember>),
        typeof(EquatableListConverter<AuditEvent>),
        typeof(EquatableListConverter<LeakedToken>),
        typeof(EquatableListConverter<UnreadFile>),
        typeof(EquatableListConverter<TokenUsageDay>),
        typeof(EquatableListConverter<TokenUsageAddress>),
    ])]
[JsonSerializable(typeof(NativeError))]
[JsonSerializable(typeof(OpenRequest))]
[JsonSerializable(typeof(PathRequest))]
[JsonSerializable(typeof(IdRequest))]
[JsonSerializable(typeof(NameRequest))]
[JsonSerializable(typeof(KeyIdRequest))]
[JsonSerializable(typeof(GrantRequest))]
[JsonSerializable(typeof(GrantManyRequest))]
[JsonSerializable(typeof(TokenListRequest))]
[JsonSerializable(typeof(RevokeTokenRequest))]
[JsonSerializable(typeof(RevokeSetRequest))]
[JsonSerializable(typeof(RevokeSetResponse))]
[JsonSerializable(typeof(ReasonRequest))]
[JsonSerializable(typeof(RevokeValueResponse))]
[JsonSerializable(typeof(RotateRequest))]
[JsonSerializable(typeof(DeliverRequest))]
[JsonSerializable(typeof(RotationResponse))]
[JsonSerializable(typeof(OptimizeRequest))]
[JsonSerializable(typeof(StoreOptimization))]
[JsonSerializable(typeof(RestoreRequest))]
[JsonSerializable(typeof(StoreRestoration))]
[JsonSerializable(typeof(UpdateTokenRequest))]
[JsonSerializable(typeof(IdentityRequest))]
[JsonSerializable(typeof(IdentityListRequest))]
[JsonSerializable(typeof(CreateKeyRequest))]
[JsonSerializable(typeof(ImportKeyRequest))]
[JsonSerializable(typeof(ExportTokensRequest))]
[JsonSerializable(typeof(ExportTokensResponse))]
[JsonSerializable(typeof(ImportTokensRequest))]
[JsonSerializable(typeof(ImportTokensResponse))]
[JsonSerializable(typeof(RevokeKeyRequest))]
[JsonSerializable(typeof(ExportKeysRequest))]
[JsonSerializable(typeof(ChangeResponse))]
[JsonSerializable(typeof(RemovalResponse))]
[JsonSerializable(typeof(CheckResponse))]
[JsonSerializable(typeof(Token))]
[JsonSerializable(typeof(TokenListResponse))]
[JsonSerializable(typeof(Identity))]
[JsonSerializable(typeof(IdentityListResponse))]
[JsonSerializable(typeof(PasswordResponse))]
[JsonSerializable(typeof(Role))]
[JsonSerializable(typeof(RoleRequest))]
[JsonSerializable(typeof(RoleListResponse))]
[JsonSerializable(typeof(Profile))]
[JsonSerializable(typeof(ProfileRequest))]
[JsonSerializable(typeof(ProfileListResponse))]
[JsonSerializable(typeof(Organization))]
[JsonSerializable(typeof(OrganizationRequest))]
[JsonSerializable(typeof(OrganizationListRequest))]
[JsonSerializable(typeof(OrganizationListResponse))]
[JsonSerializable(typeof(SignInRequest))]
[JsonSerializable(typeof(SignInResponse))]
[JsonSerializable(typeof(SigningKey))]
[JsonSerializable(typeof(KeyListResponse))]
[JsonSerializable(typeof(ExportResponse))]
[JsonSerializable(typeof(JsonWebTokenWords))]
[JsonSerializable(typeof(SignatureResponse))]
[JsonSerializable(typeof(LeakSearchRequest))]
[JsonSerializable(typeof(LeakPageResponse))]
[JsonSerializable(typeof(AuditListRequest))]
[JsonSerializable(typeof(AuditListResponse))]
[JsonSerializable(typeof(AuditCheckResponse))]
[JsonSerializable(typeof(TokenUsage))]
[JsonSerializable(typeof(TokenImpact))]
[JsonSerializable(typeof(StoreStatus))]
[JsonSerializable(typeof(StoreBackup))]
internal sealed partial class WireContext : JsonSerializerContext;
