using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Grants a token to an identity.</summary>
/// <remarks>
/// <para>The token's value is given out once, in the property Token of the result, as a SecureString; the store keeps only a keyed digest of it. Everything else about the token can be read again with <see cref="GetTesseraTokenCommand"/>.</para>
/// <para>A token lives for 90 days unless -ExpiresIn, -ExpiresAt or -NoExpiry says otherwise. It has all the identity's roles unless -Role names some of them. What it may do at any time is cut to the roles that its identity has then.</para>
/// <para>An opaque token, the default, is a random value. A JSON Web Token (-Format Jwt) can be read and verified by others as well; it is signed with the store's newest active signing key, made if there is none, or the one that -KeyId names, and lives for at most 400 days.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Operator
/// $grant = Grant-TesseraToken -Identity Adam -Role Reader -ExpiresIn 30.00:00:00 -Name nightly
/// Test-TesseraToken $grant.Token -Role Reader
/// </code>
/// <para>Grants Adam a token for 30 days that may only read, and checks it. $grant.Token is a SecureString, as Invoke-RestMethod -Token takes it.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Eve -Role Reader
/// New-TesseraSigningKey -Algorithm ES256
/// Grant-TesseraToken -Identity Eve -Format Jwt -Audience https://api.example -ExpiresIn 0.01:00:00
/// </code>
/// <para>Grants Eve a JSON Web Token for one hour and one audience.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Backup -Role Reader
/// (Grant-TesseraToken -Identity Backup -NoExpiry -AsPlainText).Token
/// </code>
/// <para>Shows the value of a token that never expires, to be copied into another system.</para>
/// </example>
/// <seealso cref="GetTesseraTokenCommand"/>
/// <seealso cref="TestTesseraTokenCommand"/>
/// <seealso cref="RevokeTesseraTokenCommand"/>
[Cmdlet(VerbsSecurity.Grant, "TesseraToken", DefaultParameterSetName = DefaultLifetimeSet, SupportsShouldProcess = true)]
[OutputType(typeof(GrantedToken))]
public sealed class GrantTesseraTokenCommand : StoreCmdlet
{
    private const string DefaultLifetimeSet = "DefaultLifetime";
    private const string ExpiresInSet = "ExpiresIn";
    private const string ExpiresAtSet = "ExpiresAt";
    private const string NoExpirySet = "NoExpiry";

    /// <summary>The identity that the token will speak for: its name, or an identity from <see cref="GetTesseraIdentityCommand"/>.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [IdentityName]
    [ArgumentCompleter(typeof(IdentityNameCompleter))]
    public string Identity { get; set; } = null!;

    /// <summary>The names of the roles to grant, each one of the identity's or included in one. Without it: all the identity's.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [RoleName]
    [ArgumentCompleter(typeof(RoleNameCompleter))]
    public string[]? Role { get; set; }

    /// <summary>What to call the token, to find it by: 1 to 256 characters. It need not be unique.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>How long the token lives, from now or from -NotBefore, as a TimeSpan: 30.00:00:00 is 30 days, 0.01:00:00 an hour.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ExpiresInSet)]
    [Duration]
    public TimeSpan ExpiresIn { get; set; }

    /// <summary>When the token's time is over. A time without an offset is local time.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ExpiresAtSet)]
    [Time]
    public DateTimeOffset ExpiresAt { get; set; }

    /// <summary>Makes a token that never expires. Only an opaque token can.</summary>
    [Parameter(Mandatory = true, ParameterSetName = NoExpirySet)]
    public SwitchParameter NoExpiry { get; set; }

    /// <summary>When the token's time begins. A time without an offset is local time. Without it: at once.</summary>
    [Parameter]
    [ValidateNotNull]
    [Time]
    public DateTimeOffset? NotBefore { get; set; }

    /// <summary>Tags to find the token by: at most 16, each of 1 to 64 characters.</summary>
    [Parameter]
    [ValidateNotNull]
    public string[]? Tag { get; set; }

    /// <summary>Free text: at most 1,024 characters.</summary>
    [Parameter]
    public string? Remark { get; set; }

    /// <summary>The form of the token's value: Opaque or Jwt.</summary>
    /// <value>Opaque</value>
    [Parameter]
    [Choice<TokenFormat>]
    public TokenFormat Format { get; set; } = TokenFormat.Opaque;

    /// <summary>The audiences that a JSON Web Token is for: at most 16. A check that names another refuses it. Without it: the store's issuer.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? Audience { get; set; }

    /// <summary>The id of the signing key for a JSON Web Token. Without it: the store's newest active key.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [KeyId]
    [ArgumentCompleter(typeof(KeyIdCompleter))]
    public string? KeyId { get; set; }

    /// <summary>Gives the token's value as a string. Mind that transcripts and logs keep what is shown.</summary>
    [Parameter]
    public SwitchParameter AsPlainText { get; set; }

    /// <summary>Grants a token to each identity.</summary>
    protected override void ProcessRecord()
    {
        if (!ShouldProcess($"identity '{Identity}'", "Grant token"))
        {
            return;
        }

        TokenStore store = CurrentStore;
        Attempt(Identity, () =>
        {
            using TokenGrant grant = store.Grant(CreateRequest());
            WriteVerbose($"Granted {Text.Describe(grant.Token)}; it {Text.Expiry(grant.Token.ExpiresAt)}.");
            WriteObject(new GrantedToken(grant, AsPlainText));
        });
    }

    private TokenGrantRequest CreateRequest() => new()
    {
        Identity = Identity,
        Name = Name,
        Roles = Role,
        Format = Format,
        ExpiresIn = ParameterSetName == ExpiresInSet ? ExpiresIn : null,
        ExpiresAt = ParameterSetName == ExpiresAtSet ? ExpiresAt : null,
        NoExpiry = NoExpiry,
        NotBefore = NotBefore,
        Tags = Tag,
        Remark = Remark,
        Audiences = Audience,
        KeyId = KeyId,
    };
}
