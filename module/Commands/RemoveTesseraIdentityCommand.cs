using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Deletes identities and revokes all their tokens.</summary>
/// <remarks>
/// <para>Both happen at once: there is no time at which the identity is gone and a token of it is still good. The records of the tokens stay, as revoked.</para>
/// <para>-WhatIf and the question before it say how many tokens would end.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// Remove-TesseraIdentity Adam -Confirm:$false
/// </code>
/// <para>Deletes an identity without asking.</para>
/// </example>
/// <seealso cref="GetTesseraIdentityCommand"/>
/// <seealso cref="RevokeTesseraTokenCommand"/>
[Cmdlet(VerbsCommon.Remove, "TesseraIdentity", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(void))]
public sealed class RemoveTesseraIdentityCommand : StoreCmdlet
{
    /// <summary>The names of the identities, or identities from <see cref="GetTesseraIdentityCommand"/>.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [IdentityName]
    [ArgumentCompleter(typeof(IdentityNameCompleter))]
    public string[] Name { get; set; } = null!;

    /// <summary>Deletes each identity.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string name in Name)
        {
            Attempt(name, () => Remove(store, store.GetIdentity(name).Name));
        }
    }

    private void Remove(TokenStore store, string name)
    {
        if (ShouldEnd(store, new TokenFilter { Identity = name }, $"identity '{name}' with its tokens", "Remove, and revoke its tokens"))
        {
            IdentityRemoval removal = store.RemoveIdentity(name);
            WriteVerbose($"Removed the identity '{name}'; {removal.RevokedTokens} of its tokens were revoked with it.");
        }
    }
}
