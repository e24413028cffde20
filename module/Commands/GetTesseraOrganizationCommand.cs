using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Gets organisations by name.</summary>
/// <remarks>
/// <para>Without a name it gives all organisations of the store. A name without wildcards that no organisation has is an error.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraOrganization North
/// Get-TesseraOrganization N*
/// </code>
/// <para>Lists the organisations whose name begins with N.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Nora
/// New-TesseraOrganization North -Administrator Nora
/// (Get-TesseraOrganization North).Members | Where-Object IsAdministrator
/// </code>
/// <para>Lists who administers an organisation.</para>
/// </example>
/// <seealso cref="NewTesseraOrganizationCommand"/>
/// <seealso cref="SetTesseraOrganizationCommand"/>
/// <seealso cref="RemoveTesseraOrganizationCommand"/>
[Cmdlet(VerbsCommon.Get, "TesseraOrganization")]
[OutputType(typeof(Organization))]
public sealed class GetTesseraOrganizationCommand : StoreCmdlet
{
    /// <summary>The names, in any case. * stands for any characters and ? for one. Without it: all organisations.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [OrganizationName]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(OrganizationNameCompleter))]
    public string[]? Name { get; set; }

    /// <summary>Writes the organisations.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string? name in (string?[]?)Name ?? [null])
        {
            Attempt(name, () => WriteOrganizations(store, name));
        }
    }

    private void WriteOrganizations(TokenStore store, string? name)
    {
        if (name is not null && !Text.HasWildcards(name))
        {
            WriteObject(store.GetOrganization(name));
            return;
        }

        foreach (Organization organization in store.GetOrganizations(name))
        {
            if (Stopping)
            {
                return;
            }

            WriteObject(organization);
        }
    }
}
