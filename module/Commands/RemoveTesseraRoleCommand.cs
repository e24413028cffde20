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
            if (TryGetRole(store, name) is { } role && ShouldProcess($"role '{role.Name}'", "Remove, from everyone who has it"))
            {
                Attempt(name, () => WriteVerbose(store.RemoveRole(role.Name)
                    ? $"Removed the role '{role.Name}'."
                    : $"Nothing to do: the role '{role.Name}' was removed by somebody else."));
            }
        }
    }
}
