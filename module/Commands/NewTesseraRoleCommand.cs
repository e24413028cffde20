using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Creates a role: a named set of rights.</summary>
/// <remarks>
/// <para>A role brings the rights of the roles that it includes. What it lets its holders do beyond that, a program says that asks for it: <see cref="TestTesseraTokenCommand"/> -Role.</para>
/// <para>This takes the role Administrator in a session that signed in.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraRole Deploy -Include Reader
/// New-TesseraIdentity Adam -Role Deploy
/// Test-TesseraToken (Grant-TesseraToken Adam) -Role Reader
/// </code>
/// <para>Creates a role that may read as well.</para>
/// </example>
/// <seealso cref="GetTesseraRoleCommand"/>
/// <seealso cref="SetTesseraRoleCommand"/>
/// <seealso cref="RemoveTesseraRoleCommand"/>
[Cmdlet(VerbsCommon.New, "TesseraRole", SupportsShouldProcess = true)]
[OutputType(typeof(Role))]
public sealed class NewTesseraRoleCommand : StoreCmdlet
{
    /// <summary>The name: 1 to 256 characters, no comma, unique in the store in any case.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [RoleName]
    public string Name { get; set; } = null!;

    /// <summary>The names of the roles whose rights it brings: at most 64. Without it: none.</summary>
    [Parameter]
    [ValidateNotNull]
    [RoleName]
    [ArgumentCompleter(typeof(RoleNameCompleter))]
    public string[]? Include { get; set; }

    /// <summary>Creates each role.</summary>
    protected override void ProcessRecord()
    {
        if (ShouldProcess($"role '{Name}'", "Create"))
        {
            TokenStore store = CurrentStore;
            Attempt(Name, () => WriteObject(store.CreateRole(Name, Include)));
        }
    }
}
