using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>A cmdlet that takes the settings of a profile.</summary>
public abstract class ProfileSettingsCmdlet : StoreCmdlet
{
    /// <summary>The form of a value when the grant names none: Opaque or Jwt.</summary>
    [Parameter]
    [ValidateNotNull]
    [Choice<TokenFormat>]
    public TokenFormat? Format { get; set; }

    /// <summary>A grant may ask for the other form.</summary>
    [Parameter]
    public SwitchParameter AllowsOtherFormat { get; set; }

    /// <summary>The kind of its JSON Web Tokens: AccessToken, JsonWebToken, PowerShellUniversal or UniversalDashboard.</summary>
    [Parameter]
    [ValidateNotNull]
    [Choice<JsonWebTokenKind>]
    public JsonWebTokenKind? JsonWebTokenKind { get; set; }

    /// <summary>How its opaque values begin: 1 to 16 characters of a to z, 0 to 9 and _.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Prefix { get; set; }

    /// <summary>How long a token lives when the grant says nothing, as a TimeSpan.</summary>
    [Parameter]
    [ValidateNotNull]
    [Duration]
    public TimeSpan? DefaultLifetime { get; set; }

    /// <summary>The shortest life that a grant may ask for: at least one second.</summary>
    [Parameter]
    [ValidateNotNull]
    [Duration]
    public TimeSpan? MinimumLifetime { get; set; }

    /// <summary>The longest life that a grant may ask for. It goes with -AllowsNever:$false.</summary>
    [Parameter]
    [ValidateNotNull]
    [Duration]
    public TimeSpan? MaximumLifetime { get; set; }

    /// <summary>A token may live for ever.</summary>
    [Parameter]
    public SwitchParameter AllowsNever { get; set; }

    /// <summary>Nobody but the identity itself is granted its tokens, not even by an administrator.</summary>
    [Parameter]
    public SwitchParameter OwnerOnly { get; set; }

    /// <summary>The role that an identity must have, by itself or by inclusion, to be granted a token.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [RoleName]
    [ArgumentCompleter(typeof(RoleNameCompleter))]
    public string? RequiredRole { get; set; }

    /// <summary>An identity with a role that is not built in is granted none.</summary>
    [Parameter]
    public SwitchParameter RefusesCustomRoles { get; set; }

    /// <summary>A token must have at least one role.</summary>
    [Parameter]
    public SwitchParameter RequiresRoles { get; set; }

    /// <summary>A token must have a name.</summary>
    [Parameter]
    public SwitchParameter NameRequired { get; set; }

    /// <summary>The most characters of a tag: 1 to 64.</summary>
    [Parameter]
    [ValidateNotNull]
    [Count]
    public int? MaximumTagCharacters { get; set; }

    /// <summary>The tag of a token that is granted with none.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? DefaultTag { get; set; }

    /// <summary>The roles of a token whose grant names none: at most 64. An empty list, @(), is no role.</summary>
    [Parameter]
    [ValidateNotNull]
    [AllowEmptyCollection]
    [RoleName]
    [ArgumentCompleter(typeof(RoleNameCompleter))]
    public string[]? DefaultRole { get; set; }

    /// <summary>A token's tags may be changed. Its remark always may; nothing else of it ever may.</summary>
    [Parameter]
    public SwitchParameter TagsEditable { get; set; }

    /// <summary>Values are kept, sealed under the store's key, so that they can be given again. Otherwise only digests are kept.</summary>
    [Parameter]
    public SwitchParameter KeepsValues { get; set; }

    /// <summary>The operations that no token may do, whatever its roles: at most 64, in place of all earlier ones. Tessera's own, such as token.grant, and any that your programs name, such as report.run.</summary>
    [Parameter]
    [ValidateNotNull]
    [AllowEmptyCollection]
    [ArgumentCompleter(typeof(OperationCompleter))]
    public string[]? DeniedOperation { get; set; }

    /// <summary>The endpoints that no token may call, whatever its roles: at most 64, in place of all earlier ones. Each is a path, or methods and a path, as in 'DELETE,PUT /users/*': * stands for any one segment, and ** at the end for any number.</summary>
    [Parameter]
    [ValidateNotNull]
    [AllowEmptyCollection]
    [Endpoint]
    public DeniedEndpoint[]? DeniedEndpoint { get; set; }

    /// <summary>What cuts the roles and organisations of a token, when it is granted and at each use: what its Identity has then, its Creator, Both, or Neither.</summary>
    [Parameter]
    [ValidateNotNull]
    [Choice<TokenBound>]
    public TokenBound? BoundedBy { get; set; }

    /// <summary>What becomes of a token when the identity that granted it is deleted: Keep or Revoke.</summary>
    [Parameter]
    [ValidateNotNull]
    [Choice<CreatorRemoval>]
    public CreatorRemoval? CreatorRemoved { get; set; }

    /// <summary>An expired token is shown as revoked. A check says Expired all the same.</summary>
    [Parameter]
    public SwitchParameter ExpiredIsRevoked { get; set; }

    /// <summary>How long after its expiry a token is removed by the next clean-up.</summary>
    [Parameter]
    [ValidateNotNull]
    [Duration]
    public TimeSpan? RemoveExpiredAfter { get; set; }

    /// <summary>How long after its revocation a token is removed by the next clean-up. One that has not expired is kept.</summary>
    [Parameter]
    [ValidateNotNull]
    [Duration]
    public TimeSpan? RemoveRevokedAfter { get; set; }

    /// <summary>How long before its expiry the checks of a token begin to warn.</summary>
    [Parameter]
    [ValidateNotNull]
    [Duration]
    public TimeSpan? WarnBefore { get; set; }

    /// <summary>The absolute URI that a token is restricted to when the grant names none.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? DefaultSubject { get; set; }

    /// <summary>A grant through a server takes the server's base URI, when neither it nor the profile names a subject.</summary>
    [Parameter]
    public SwitchParameter SubjectFromServer { get; set; }

    /// <summary>A retired value that is presented again revokes the token's whole line, as it is not known who else has it.</summary>
    [Parameter]
    public SwitchParameter ReuseRevokesFamily { get; set; }

    /// <summary>How the values of another system that are imported under this profile begin: 1 to 64 visible ASCII characters.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ForeignPrefix { get; set; }

    /// <summary>Settings to take away: DefaultLifetime (tokens live for ever), MaximumLifetime, RequiredRole, DefaultTag, DefaultRole, RemoveExpiredAfter, RemoveRevokedAfter, WarnBefore, DefaultSubject, ForeignPrefix.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [Choices<OptionalSetting>]
    public OptionalSetting[]? Clear { get; set; }

    /// <summary>Whether any setting was given.</summary>
    private protected bool HasSettings =>
        typeof(ProfileSettingsCmdlet).GetProperties().Any(setting =>
            setting.DeclaringType == typeof(ProfileSettingsCmdlet) && MyInvocation.BoundParameters.ContainsKey(setting.Name));

    /// <summary>The settings with those that were given in their place.</summary>
    private protected ProfileSettings Apply(ProfileSettings settings)
    {
        foreach (OptionalSetting cleared in Clear ?? [])
        {
            settings = cleared switch
            {
                OptionalSetting.DefaultLifetime => settings with { DefaultLifetime = null },
                OptionalSetting.MaximumLifetime => settings with { MaximumLifetime = null },
                OptionalSetting.RequiredRole => settings with { RequiredRole = null },
                OptionalSetting.DefaultTag => settings with { DefaultTag = null },
                OptionalSetting.DefaultRole => settings with { DefaultRoles = null },
                OptionalSetting.RemoveExpiredAfter => settings with { RemoveExpiredAfter = null },
                OptionalSetting.RemoveRevokedAfter => settings with { RemoveRevokedAfter = null },
                OptionalSetting.WarnBefore => settings with { WarnBefore = null },
                OptionalSetting.DefaultSubject => settings with { DefaultSubject = null },
                OptionalSetting.ForeignPrefix => settings with { ForeignPrefix = null },
                _ => settings,
            };
        }

        return settings with
        {
            Format = Format ?? settings.Format,
            AllowsOtherFormat = Choose(nameof(AllowsOtherFormat), AllowsOtherFormat, settings.AllowsOtherFormat),
            JsonWebTokenKind = JsonWebTokenKind ?? settings.JsonWebTokenKind,
            Prefix = Prefix ?? settings.Prefix,
            DefaultLifetime = DefaultLifetime ?? settings.DefaultLifetime,
            MinimumLifetime = MinimumLifetime ?? settings.MinimumLifetime,
            MaximumLifetime = MaximumLifetime ?? settings.MaximumLifetime,
            AllowsNever = Choose(nameof(AllowsNever), AllowsNever, settings.AllowsNever),
            OwnerOnly = Choose(nameof(OwnerOnly), OwnerOnly, settings.OwnerOnly),
            RequiredRole = RequiredRole ?? settings.RequiredRole,
            RefusesCustomRoles = Choose(nameof(RefusesCustomRoles), RefusesCustomRoles, settings.RefusesCustomRoles),
            RequiresRoles = Choose(nameof(RequiresRoles), RequiresRoles, settings.RequiresRoles),
            NameRequired = Choose(nameof(NameRequired), NameRequired, settings.NameRequired),
            MaximumTagCharacters = MaximumTagCharacters ?? settings.MaximumTagCharacters,
            DefaultTag = DefaultTag ?? settings.DefaultTag,
            DefaultRoles = DefaultRole ?? settings.DefaultRoles,
            TagsEditable = Choose(nameof(TagsEditable), TagsEditable, settings.TagsEditable),
            KeepsValues = Choose(nameof(KeepsValues), KeepsValues, settings.KeepsValues),
            DeniedOperations = DeniedOperation ?? settings.DeniedOperations,
            DeniedEndpoints = DeniedEndpoint ?? settings.DeniedEndpoints,
            BoundedBy = BoundedBy ?? settings.BoundedBy,
            CreatorRemoved = CreatorRemoved ?? settings.CreatorRemoved,
            ExpiredIsRevoked = Choose(nameof(ExpiredIsRevoked), ExpiredIsRevoked, settings.ExpiredIsRevoked),
            RemoveExpiredAfter = RemoveExpiredAfter ?? settings.RemoveExpiredAfter,
            RemoveRevokedAfter = RemoveRevokedAfter ?? settings.RemoveRevokedAfter,
            WarnBefore = WarnBefore ?? settings.WarnBefore,
            DefaultSubject = DefaultSubject ?? settings.DefaultSubject,
            SubjectFromServer = Choose(nameof(SubjectFromServer), SubjectFromServer, settings.SubjectFromServer),
            ReuseRevokesFamily = Choose(nameof(ReuseRevokesFamily), ReuseRevokesFamily, settings.ReuseRevokesFamily),
            ForeignPrefix = ForeignPrefix ?? settings.ForeignPrefix,
        };
    }

    // A switch that was not given is as one that was given as $false.
    private bool Choose(string name, SwitchParameter given, bool before) =>
        MyInvocation.BoundParameters.ContainsKey(name) ? given : before;
}
