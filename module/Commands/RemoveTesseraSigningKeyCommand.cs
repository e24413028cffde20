using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Deletes signing keys and revokes every token that they signed.</summary>
/// <remarks>
/// <para>Both happen at once. -WhatIf and the question before it say how many tokens of the store would end. To keep the record of the key and why it ended, revoke it instead: <see cref="RevokeTesseraSigningKeyCommand"/>.</para>
/// </remarks>
/// <example>
/// <code>
/// $key = New-TesseraSigningKey
/// Remove-TesseraSigningKey $key.KeyId -Confirm:$false
/// </code>
/// <para>Deletes a key by its id, without asking.</para>
/// </example>
/// <seealso cref="GetTesseraSigningKeyCommand"/>
/// <seealso cref="RevokeTesseraSigningKeyCommand"/>
[Cmdlet(VerbsCommon.Remove, "TesseraSigningKey", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(void))]
public sealed class RemoveTesseraSigningKeyCommand : StoreCmdlet
{
    /// <summary>The ids of the keys, or keys from <see cref="GetTesseraSigningKeyCommand"/>.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [KeyId]
    [ArgumentCompleter(typeof(KeyIdCompleter))]
    public string[] KeyId { get; set; } = null!;

    /// <summary>Deletes each key.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string keyId in KeyId)
        {
            if (TryGetSigningKey(store, keyId) is { } key
                && ShouldEnd(store, new TokenFilter { KeyId = keyId }, $"{key.Algorithm} key {keyId} with the tokens that it signed", "Remove, and revoke every token that it signed"))
            {
                Attempt(keyId, () => Remove(store, keyId));
            }
        }
    }

    private void Remove(TokenStore store, string keyId)
    {
        SigningKeyRemoval removal = store.RemoveSigningKey(keyId);
        WriteVerbose($"Removed the key {keyId}; {removal.RevokedTokens} tokens that it signed were revoked with it.");
    }
}
