using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Gets roles by name.</summary>
/// <remarks>
/// <para>A role is a named set of rights; what a program lets each role do is for the program to say. Three come with every store: Administrator includes Operator, and Operator includes Reader.</para>
/// </remarks>
/// <example>
/// <code>
/// Get-TesseraRole
/// </code>
/// <para>Lists the roles of the store.</para>
/// </example>
/// <example>
/// <code>
/// (Get-TesseraRole Operator).Includes
/// </code>
/// <para>Gives the roles that another role includes.</para>
/// </example>
/// <seealso cref="NewTesseraIdentityCommand"/>
/// <seealso cref="SetTesseraIdentityCommand"/>
[Cmdlet(VerbsCommon.Get, "TesseraRole")]
[OutputType(typeof(Role))]
public sealed class GetTesseraRoleCommand : StoreCmdlet
{
    /// <summary>The names, in any case. * stands for any characters and ? for one. Without it: all roles.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [RoleName]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(RoleNameCompleter))]
    public string[]? Name { get; set; }

    /// <summary>Writes the roles.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        Attempt(target: null, () =>
        {
            IReadOnlyList<Role> roles = store.GetRoles();
            foreach (string name in Name ?? ["*"])
            {
                WriteRoles(roles, name);
            }
        });
    }

    private void WriteRoles(IReadOnlyList<Role> roles, string name)
    {
        Role[] matches = [.. roles.Where(role => Text.IsMatch(role.Name, name))];
        if (matches.Length == 0 && !Text.HasWildcards(name))
        {
            WriteError(Errors.NotFound("role", name, "role"));
        }

        WriteObject(matches, enumerateCollection: true);
    }
}
