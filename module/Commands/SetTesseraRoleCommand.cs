using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Changes which roles other roles include.</summary>
/// <remarks>
/// <para>The new inclusions take the place of all earlier ones. Identities and tokens that have the role follow at their next check. The roles that come with every store can't be changed.</para>
/// <para>This takes the role Administrator in a session that signed in.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraRole Deploy
/// Set-TesseraRole Deploy -Include Reader -PassThru
/// </code>
/// <para>Lets everyone who may deploy read as well.</para>
/// </example>
/// <seealso cref="GetTesseraRoleCommand"/>
/// <seealso cref="NewTesseraRoleCommand"/>
[Cmdlet(VerbsCommon.Set, "TesseraRole", SupportsShouldProcess = true)]
[OutputType(typeof(Role))]
public sealed class SetTesseraRoleCommand : StoreCmdlet
{
    /// <summary>The names of the roles, or roles from <see cref="GetTesseraRoleCommand"/>.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [RoleName]
    [ArgumentCompleter(typeof(RoleNameCompleter))]
    public string[] Name { get; set; } = null!;

    /// <summary>The names of the roles whose rights it brings, in place of all that it had: at most 64. An empty list, @(), takes all away.</summary>
    [Parameter(Mandatory = true)]
    [AllowEmptyCollection]
    [RoleName]
    [ArgumentCompleter(typeof(RoleNameCompleter))]
    public string[] Include { get; set; } = null!;

    /// <summary>Gives the changed roles.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Changes each role.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string name in Name)
        {
            if (TryGetRole(store, name) is { } role && ShouldProcess($"role '{role.Name}'", "Change"))
            {
                Attempt(name, () =>
                {
                    Role changed = store.UpdateRole(role.Name, Include);
                    if (PassThru)
                    {
                        WriteObject(changed);
                    }
                });
            }
        }
    }
}
