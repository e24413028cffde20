using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Deletes roles.</summary>
/// <remarks>
/// <para>Identities, tokens and other roles that have the role lose it at once. The roles that come with every store can't be deleted.</para>
/// <para>This takes the role Administrator in a session that signed in.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraRole Deploy
/// Remove-TesseraRole Deploy -Confirm:$false
/// </code>
/// <para>Deletes a role without asking.</para>
/// </example>
/// <seealso cref="GetTesseraRoleCommand"/>
/// <seealso cref="NewTesseraRoleCommand"/>
[Cmdlet(VerbsCommon.Remove, "TesseraRole", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(void))]
public sealed class RemoveTesseraRoleCommand : StoreCmdlet
{
    /// <summary>The names of the roles, or roles from <see cref="GetTesseraRoleCommand"/>.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [RoleName]
    [ArgumentCompleter(typeof(RoleNameCompleter))]
    public string[] Name { get; set; } = null!;

    /// <summary>Deletes each role.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string name in Name)
        {
            Attempt(name, () => Remove(store, name));
        }
    }

    private void Remove(TokenStore store, string name)
    {
        if (!ShouldProcess($"role '{name}'", "Remove, from everyone who has it"))
        {
            return;
        }

        if (store.RemoveRole(name))
        {
            WriteVerbose($"Removed the role '{name}'.");
        }
        else
        {
            WriteError(Errors.NotFound("role", name, "role"));
        }
    }
}
