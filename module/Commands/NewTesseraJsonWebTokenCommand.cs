using System.Collections;
using System.Management.Automation;
using System.Security;

namespace Tessera.PowerShell;

/// <summary>Makes a JSON Web Token with claims of your own.</summary>
/// <remarks>
/// <para>The store's newest active key signs, or the one that -KeyId names, or a key of your own (-SigningKey; then no store is needed). The kinds PowerShellUniversal and UniversalDashboard, whose tokens name no key, need one of your own. Issuer, times and id are filled in where the claims lack them.</para>
/// <para>Such a token is not recorded in the store: it can't be listed, or revoked by itself. <see cref="GrantTesseraTokenCommand"/> -Format Jwt makes one that can.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraSigningKey
/// $token = New-TesseraJsonWebToken -Claims @{ sub = 'Adam'; aud = 'https://api.example'; client_id = 'Adam' } -ExpiresIn 0.01:00:00
/// Test-TesseraJsonWebToken $token -Audience https://api.example
/// </code>
/// <para>Makes a token for one hour and checks it.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraJsonWebToken -Kind JsonWebToken -Algorithm HS256 -SigningKey 'a secret of at least 32 characters' -AsPlainText -Claims ([ordered]@{
///     iss = 'example'
///     sub = 'Adam'
///     aud = 'https://api.example'
///     teams = 'build', 'release'
/// })
/// </code>
/// <para>Makes a token with a shared secret, and without a store.</para>
/// </example>
/// <seealso cref="TestTesseraJsonWebTokenCommand"/>
/// <seealso cref="ConvertToTesseraJsonWebTokenCommand"/>
/// <seealso cref="GrantTesseraTokenCommand"/>
[Cmdlet(VerbsCommon.New, "TesseraJsonWebToken", DefaultParameterSetName = StoreKeySet, SupportsShouldProcess = true)]
[OutputType(typeof(SecureString), typeof(string))]
public sealed class NewTesseraJsonWebTokenCommand : StoreCmdlet
{
    private const string StoreKeySet = "StoreKey";
    private const string OwnKeySet = "OwnKey";

    /// <summary>The claims, as a hash table or an ordered one. Values are text, numbers, booleans, lists and tables; a time becomes seconds since 1970 in exp, nbf and iat, and text elsewhere.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ClaimTable]
    public IDictionary Claims { get; set; } = null!;

    /// <summary>How long the token lives from now on, as a TimeSpan, where the claims have no exp.</summary>
    [Parameter]
    [ValidateNotNull]
    [Duration]
    public TimeSpan? ExpiresIn { get; set; }

    /// <summary>The kind of token: AccessToken (RFC 9068, the default), JsonWebToken, PowerShellUniversal or UniversalDashboard.</summary>
    /// <value>AccessToken</value>
    [Parameter]
    [Choice<JsonWebTokenKind>]
    public JsonWebTokenKind Kind { get; set; } = JsonWebTokenKind.AccessToken;

    /// <summary>A key of your own to sign with, as a SecureString or a string: a shared secret, a private key in PEM, or a JSON Web Key. Never leave the parameter's name out: PowerShell's own error repeats what is left over on the command line.</summary>
    [Parameter(Mandatory = true, ParameterSetName = OwnKeySet)]
    [SecretText(nameof(SigningKey))]
    public SecretText? SigningKey { get; set; }

    /// <summary>The form of -SigningKey. Without it: Pem for a text that begins with -----BEGIN, Jwk for one that begins with {, else Secret.</summary>
    [Parameter(ParameterSetName = OwnKeySet)]
    [ValidateNotNull]
    [Choice<JsonWebKeyKind>]
    public JsonWebKeyKind? KeyKind { get; set; }

    /// <summary>The algorithm to sign with. Without it: the one that the key is for.</summary>
    [Parameter]
    [ValidateNotNull]
    [Choice<SigningAlgorithm>]
    public SigningAlgorithm? Algorithm { get; set; }

    /// <summary>The id of the store's key to sign with. Without it: the newest active one.</summary>
    [Parameter(ParameterSetName = StoreKeySet)]
    [ValidateNotNullOrEmpty]
    [KeyId]
    [ArgumentCompleter(typeof(KeyIdCompleter))]
    public string? KeyId { get; set; }

    /// <summary>Gives the token as a string. Mind that transcripts and logs keep what is shown.</summary>
    [Parameter]
    public SwitchParameter AsPlainText { get; set; }

    /// <summary>Makes a token of each table of claims.</summary>
    protected override void ProcessRecord()
    {
        if (Claims is ClaimTableAttribute.Refused refused)
        {
            WriteError(Errors.InvalidArgument(nameof(Claims), refused.Reason));
            return;
        }

        if (!IsUsable(SigningKey, nameof(SigningKey)) || !ShouldProcess($"{Kind} with {Claims.Count} claims", "Sign"))
        {
            return;
        }

        TokenStore? store = SigningKey is null ? CurrentStore : null;
        Attempt(target: null, () =>
        {
            using JsonWebTokenMint mint = Mint(store);
            foreach (string warning in mint.Warnings)
            {
                WriteWarning(warning);
            }

            WriteObject(AsPlainText ? mint.Value.Reveal() : mint.Value.ToSecureString());
        });
    }

    private JsonWebTokenMint Mint(TokenStore? store)
    {
        var request = new JsonWebTokenRequest
        {
            Claims = PowerShell.Claims.ToJson(Claims),
            Kind = Kind,
            Algorithm = Algorithm,
            KeyId = KeyId,
            ExpiresIn = ExpiresIn,
        };
        if (store is not null)
        {
            return store.MintJsonWebToken(request);
        }

        using JsonWebKeyMaterial key = KeyMaterial.Read(SigningKey!, KeyKind);
        return JsonWebTokens.Mint(request, key);
    }
}
