using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Makes a key that signs the store's JSON Web Tokens.</summary>
/// <remarks>
/// <para>The newest active key signs from now on; tokens that earlier keys signed stay good. The private half never leaves the store, where it is kept encrypted. Others verify with the public half: <see cref="ExportTesseraSigningKeyCommand"/>.</para>
/// <para>A key is for one algorithm. ES256 is the default; RS256 and PS256 are for programs that know nothing newer. An HS256 key has no public half: only this store can verify what it signed.</para>
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
/// <seealso cref="GetTesseraSigningKeyCommand"/>
/// <seealso cref="ExportTesseraSigningKeyCommand"/>
[Cmdlet(VerbsCommon.New, "TesseraSigningKey", SupportsShouldProcess = true)]
[OutputType(typeof(SigningKey))]
public sealed class NewTesseraSigningKeyCommand : StoreCmdlet
{
    /// <summary>The algorithm that the key is for: ES256, ES384, EdDSA, RS256, PS256 or HS256.</summary>
    /// <value>ES256</value>
    [Parameter(Position = 0)]
    [Choice<SigningAlgorithm>]
    public SigningAlgorithm Algorithm { get; set; } = SigningAlgorithm.ES256;

    /// <summary>Makes the key.</summary>
    protected override void ProcessRecord()
    {
        if (ShouldProcess($"{Algorithm} key", "Create"))
        {
            TokenStore store = CurrentStore;
            Attempt(target: null, () => WriteObject(store.CreateSigningKey(Algorithm)));
        }
    }
}
