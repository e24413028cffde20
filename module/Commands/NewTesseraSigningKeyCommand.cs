using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Makes a key that signs the store's JSON Web Tokens.</summary>
/// <remarks>
/// <para>The newest active key signs from now on; tokens that earlier keys signed stay good. The private half never leaves the store, where it is kept encrypted. Others verify with the public half: <see cref="ExportTesseraSigningKeyCommand"/>.</para>
/// <para>A key is for one algorithm. ES256 is the default; RS256 and PS256 are for programs that know nothing newer. An HS256 key has no public half: only this store can verify what it signed.</para>
/// <para>The tokens of the profiles PowerShellUniversal and UniversalDashboard, and of profiles that are based on them, do not say which key signed them: such a profile has one HS256 key, made at its first grant. -Profile with -SigningKey gives it the key of another system instead, in which its tokens are good too. Where it has that very key already, this changes nothing.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraSigningKey
/// </code>
/// <para>Makes an ES256 key and shows its id.</para>
/// </example>
/// <example>
/// <code>
/// $key = New-TesseraSigningKey -Algorithm EdDSA
/// New-TesseraIdentity Adam -Role Reader
/// Grant-TesseraToken -Identity Adam -Format Jwt -KeyId $key.KeyId -Audience https://api.example
/// </code>
/// <para>Makes an Ed25519 key and signs a token with it.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraSigningKey -Profile PowerShellUniversal -SigningKey 'a secret of at least 32 characters'
/// </code>
/// <para>Gives the profile the key of another system, so that tokens which that system made can be imported.</para>
/// </example>
/// <seealso cref="GetTesseraSigningKeyCommand"/>
/// <seealso cref="ExportTesseraSigningKeyCommand"/>
[Cmdlet(VerbsCommon.New, "TesseraSigningKey", DefaultParameterSetName = NewKeySet, SupportsShouldProcess = true)]
[OutputType(typeof(SigningKey))]
public sealed class NewTesseraSigningKeyCommand : StoreCmdlet
{
    private const string NewKeySet = "NewKey";
    private const string OwnKeySet = "OwnKey";

    /// <summary>The algorithm that the key is for: ES256, ES384, EdDSA, RS256, PS256 or HS256.</summary>
    /// <value>ES256</value>
    [Parameter(Position = 0, ParameterSetName = NewKeySet)]
    [Choice<SigningAlgorithm>]
    public SigningAlgorithm Algorithm { get; set; } = SigningAlgorithm.ES256;

    /// <summary>The profile that is to have the key in -SigningKey.</summary>
    [Parameter(Mandatory = true, ParameterSetName = OwnKeySet)]
    [ValidateNotNullOrEmpty]
    [ProfileName]
    [ArgumentCompleter(typeof(ProfileNameCompleter))]
    public string? Profile { get; set; }

    /// <summary>The other system's secret, as a SecureString or a string: 1 to 4,096 bytes of UTF-8. Never leave the parameter's name out: PowerShell's own error repeats what is left over on the command line.</summary>
    [Parameter(Mandatory = true, ParameterSetName = OwnKeySet)]
    [SecretText(nameof(SigningKey))]
    public SecretText? SigningKey { get; set; }

    /// <summary>Makes the key.</summary>
    protected override void ProcessRecord()
    {
        if (SigningKey is not null)
        {
            if (IsUsable(SigningKey, nameof(SigningKey)) && ShouldProcess($"profile '{Profile}'", "Set signing key"))
            {
                TokenStore store = CurrentStore;
                Attempt(Profile, () => WriteObject(SigningKey.Read(secret => store.ImportSigningKey(Profile!, secret))));
            }

            return;
        }

        if (ShouldProcess($"{Algorithm} key", "Create"))
        {
            TokenStore store = CurrentStore;
            Attempt(target: null, () => WriteObject(store.CreateSigningKey(Algorithm)));
        }
    }
}
