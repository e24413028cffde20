using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Deletes organisations.</summary>
/// <remarks>
/// <para>Tokens lose their access to the organisation at once. One that was granted a list of organisations keeps what is left of the list, be it nothing.</para>
/// <para>This takes the role Administrator in a session that signed in.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraOrganization North
/// Remove-TesseraOrganization North -Confirm:$false
/// </code>
/// <para>Deletes an organisation without asking.</para>
/// </example>
/// <seealso cref="GetTesseraOrganizationCommand"/>
/// <seealso cref="NewTesseraOrganizationCommand"/>
[Cmdlet(VerbsCommon.Remove, "TesseraOrganization", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(void))]
public sealed class RemoveTesseraOrganizationCommand : StoreCmdlet
{
    /// <summary>The names of the organisations, or organisations from <see cref="GetTesseraOrganizationCommand"/>.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [OrganizationName]
    [ArgumentCompleter(typeof(OrganizationNameCompleter))]
    public string[] Name { get; set; } = null!;

    /// <summary>Deletes each organisation.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string name in Name)
        {
            Attempt(name, () => Remove(store, store.GetOrganization(name).Name));
        }
    }

    private void Remove(TokenStore store, string name)
    {
        if (!ShouldProcess($"organization '{name}'", "Remove, with the access that tokens have to it"))
        {
            return;
        }

        store.RemoveOrganization(name);
        WriteVerbose($"Removed the organization '{name}'.");
    }
}
