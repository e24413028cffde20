using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Gets signing keys by id.</summary>
/// <remarks>
/// <para>Without an id it gives all signing keys of the store, revoked ones too. The private half of a key is never given out.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraSigningKey -Algorithm ES256
/// Get-TesseraSigningKey
/// </code>
/// <para>Lists the signing keys of the store.</para>
/// </example>
/// <seealso cref="NewTesseraSigningKeyCommand"/>
/// <seealso cref="ExportTesseraSigningKeyCommand"/>
/// <seealso cref="RevokeTesseraSigningKeyCommand"/>
[Cmdlet(VerbsCommon.Get, "TesseraSigningKey")]
[OutputType(typeof(SigningKey))]
public sealed class GetTesseraSigningKeyCommand : StoreCmdlet
{
    /// <summary>The ids of the keys, as the header of a JSON Web Token names them (kid). Without it: all keys.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [KeyId]
    [ArgumentCompleter(typeof(KeyIdCompleter))]
    public string[]? KeyId { get; set; }

    /// <summary>Writes the keys.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        if (KeyId is null)
        {
            Attempt(target: null, () => WriteObject(store.GetSigningKeys(), enumerateCollection: true));
            return;
        }

        foreach (string keyId in KeyId)
        {
            if (TryGetSigningKey(store, keyId) is { } key)
            {
                WriteObject(key);
            }
        }
    }
}
