using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Revokes signing keys: from then on every token that they signed is refused.</summary>
/// <remarks>
/// <para>For a key that may have leaked. It can't be taken back. -WhatIf and the question before it say how many tokens of the store would end. The key is also left out of what <see cref="ExportTesseraSigningKeyCommand"/> gives, so that programs which fetch that refuse its tokens too, as soon as they fetch it again.</para>
/// <para>To sign with a new key while earlier tokens stay good, just make one: <see cref="NewTesseraSigningKeyCommand"/>.</para>
/// </remarks>
/// <example>
/// <code>
/// $key = New-TesseraSigningKey
/// Revoke-TesseraSigningKey $key.KeyId -Reason 'Backup stolen' -Confirm:$false
/// </code>
/// <para>Revokes a key by its id, without asking.</para>
/// </example>
/// <seealso cref="GetTesseraSigningKeyCommand"/>
/// <seealso cref="RemoveTesseraSigningKeyCommand"/>
[Cmdlet(VerbsSecurity.Revoke, "TesseraSigningKey", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(void))]
public sealed class RevokeTesseraSigningKeyCommand : StoreCmdlet
{
    /// <summary>The ids of the keys, or keys from <see cref="GetTesseraSigningKeyCommand"/>.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [KeyId]
    [ArgumentCompleter(typeof(KeyIdCompleter))]
    public string[] KeyId { get; set; } = null!;

    /// <summary>Why, for the record: at most 1,024 characters.</summary>
    [Parameter]
    public string? Reason { get; set; }

    /// <summary>Revokes each key.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string keyId in KeyId)
        {
            if (TryGetSigningKey(store, keyId) is { } key
                && ShouldEnd(store, new TokenFilter { KeyId = keyId }, $"{key.Algorithm} key {keyId} with the tokens that it signed", "Revoke, with every token that it signed"))
            {
                Attempt(keyId, () => WriteVerbose(store.RevokeSigningKey(keyId, Text.OrNull(Reason))
                    ? $"Revoked the key {keyId}."
                    : $"Nothing to do: the key {keyId} was revoked before."));
            }
        }
    }
}
