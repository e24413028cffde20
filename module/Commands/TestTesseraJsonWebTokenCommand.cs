using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Verifies a JSON Web Token: its signature, times, issuer and audience.</summary>
/// <remarks>
/// <para>The store's keys verify, or one key of your own (-SigningKey; then no store is needed). Gives $true where the token is good, otherwise $false; with -Detailed the verdict with outcome, reason, header and payload. A short key that the kind of token lets pass is warned about at each use.</para>
/// <para>With the store's keys a token that the store revoked is refused too. For a token that the store granted, <see cref="TestTesseraTokenCommand"/> also says for whom it speaks, and what it may do now.</para>
/// </remarks>
/// <example>
/// <code>
/// $secret = 'a secret of at least 32 characters'
/// $token = New-TesseraJsonWebToken -SigningKey $secret -Kind JsonWebToken -Claims @{ iss = 'example'; sub = 'Adam'; aud = 'https://api.example' }
/// Test-TesseraJsonWebToken $token -SigningKey $secret -Kind JsonWebToken -Issuer example -Audience https://api.example
/// </code>
/// <para>Verifies a token with a shared secret, and without a store.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraSigningKey
/// $token = New-TesseraJsonWebToken -Claims @{ sub = 'Adam'; aud = 'https://api.example'; client_id = 'Adam' } -ExpiresIn 0.01:00:00
/// Test-TesseraJsonWebToken $token -Audience https://api.example -At ([DateTimeOffset]::UtcNow.AddHours(2)) -Detailed
/// </code>
/// <para>Shows the verdict that the store's keys will give in two hours: Expired.</para>
/// </example>
/// <seealso cref="ConvertToTesseraJsonWebTokenCommand"/>
/// <seealso cref="TestTesseraTokenCommand"/>
[Cmdlet(VerbsDiagnostic.Test, "TesseraJsonWebToken", DefaultParameterSetName = StoreKeySet)]
[OutputType(typeof(bool), typeof(JsonWebTokenVerdict))]
public sealed class TestTesseraJsonWebTokenCommand : StoreCmdlet
{
    private const string StoreKeySet = "StoreKey";
    private const string OwnKeySet = "OwnKey";

    /// <summary>The token in compact form, as a string or a SecureString, or an object from <see cref="GrantTesseraTokenCommand"/> or <see cref="ConvertToTesseraJsonWebTokenCommand"/>, or with a property Token. One value: PowerShell's own error repeats what is left over on the command line.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SecretText(nameof(Token))]
    public SecretText Token { get; set; } = null!;

    /// <summary>A key of your own to verify with, as a SecureString or a string: a shared secret, a public key in PEM, or a JSON Web Key. Never leave the parameter's name out: PowerShell's own error repeats what is left over on the command line.</summary>
    [Parameter(Mandatory = true, ParameterSetName = OwnKeySet)]
    [SecretText(nameof(SigningKey))]
    public SecretText? SigningKey { get; set; }

    /// <summary>The form of -SigningKey. Without it: Pem for a text that begins with -----BEGIN, Jwk for one that begins with {, else Secret.</summary>
    [Parameter(ParameterSetName = OwnKeySet)]
    [ValidateNotNull]
    [Choice<JsonWebKeyKind>]
    public JsonWebKeyKind? KeyKind { get; set; }

    /// <summary>The algorithm that the token must be signed with. Without it: the one that the key is for.</summary>
    [Parameter]
    [ValidateNotNull]
    [Choice<SigningAlgorithm>]
    public SigningAlgorithm? Algorithm { get; set; }

    /// <summary>The issuer that the token must name, compared exactly. Without it: the store's, or any where there is no store.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Issuer { get; set; }

    /// <summary>The audience that the token must be for, compared exactly. Without it: any.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Audience { get; set; }

    /// <summary>The kind of token that is expected: AccessToken (RFC 9068, the default), JsonWebToken, PowerShellUniversal or UniversalDashboard.</summary>
    /// <value>AccessToken</value>
    [Parameter]
    [Choice<JsonWebTokenKind>]
    public JsonWebTokenKind Kind { get; set; } = JsonWebTokenKind.AccessToken;

    /// <summary>The time to judge the token at; without an offset it is local time. Without it: now.</summary>
    [Parameter]
    [ValidateNotNull]
    [Time]
    public DateTimeOffset? At { get; set; }

    /// <summary>Gives the verdict instead of $true or $false.</summary>
    [Parameter]
    public SwitchParameter Detailed { get; set; }

    /// <summary>Verifies each token.</summary>
    protected override void ProcessRecord()
    {
        if (!IsUsable(Token, nameof(Token)) || !IsUsable(SigningKey, nameof(SigningKey)))
        {
            return;
        }

        TokenStore? store = SigningKey is null ? CurrentStore : null;
        Attempt(target: null, () => Report(Verify(store)));
    }

    private JsonWebTokenVerdict Verify(TokenStore? store)
    {
        var rules = new JsonWebTokenRules
        {
            Kind = Kind,
            Issuer = Issuer,
            Audience = Audience,
            At = At,
            Algorithm = Algorithm,
        };
        if (store is not null)
        {
            return Token.Read(token => store.VerifyJsonWebToken(token, rules));
        }

        using JsonWebKeyMaterial key = KeyMaterial.Read(SigningKey!, KeyKind);
        return Token.Read(token => JsonWebTokens.Verify(token, key, rules));
    }

    private void Report(JsonWebTokenVerdict verdict)
    {
        foreach (string warning in verdict.Warnings)
        {
            WriteWarning(warning);
        }

        WriteVerbose($"Verified a JSON Web Token: {verdict.Outcome}. {verdict.Reason}".TrimEnd());
        WriteObject(Detailed ? verdict : verdict.IsValid);
    }
}
