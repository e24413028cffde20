using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Changes who belongs to organisations, and who administers them.</summary>
/// <remarks>
/// <para>Tokens follow at their next check: those with dynamic access gain and lose the organisation with whom they are bounded by, and those with a list of organisations only lose it.</para>
/// <para>This takes the role Administrator in a session that signed in.</para>
/// </remarks>
/// <example>
/// <code>
/// 'Adam', 'Nora' | New-TesseraIdentity
/// New-TesseraOrganization North -Member Adam
/// Set-TesseraOrganization North -AddAdministrator Nora -RemoveMember Adam -PassThru
/// </code>
/// <para>Gives an organisation an administrator in place of its only member.</para>
/// </example>
/// <seealso cref="GetTesseraOrganizationCommand"/>
/// <seealso cref="NewTesseraOrganizationCommand"/>
[Cmdlet(VerbsCommon.Set, "TesseraOrganization", SupportsShouldProcess = true)]
[OutputType(typeof(Organization))]
public sealed class SetTesseraOrganizationCommand : StoreCmdlet
{
    /// <summary>The names of the organisations, or organisations from <see cref="GetTesseraOrganizationCommand"/>.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [OrganizationName]
    [ArgumentCompleter(typeof(OrganizationNameCompleter))]
    public string[] Name { get; set; } = null!;

    /// <summary>Identities that belong to it from now on, and don't administer it.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [IdentityName]
    [ArgumentCompleter(typeof(IdentityNameCompleter))]
    public string[]? AddMember { get; set; }

    /// <summary>Identities that belong to it from now on, and administer it.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [IdentityName]
    [ArgumentCompleter(typeof(IdentityNameCompleter))]
    public string[]? AddAdministrator { get; set; }

    /// <summary>Identities that don't belong to it any more. One that didn't is an error, and then nothing is changed.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [IdentityName]
    [ArgumentCompleter(typeof(IdentityNameCompleter))]
    public string[]? RemoveMember { get; set; }

    /// <summary>Gives the changed organisations.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Refuses a command that changes nothing.</summary>
    protected override void BeginProcessing()
    {
        if (AddMember is null && AddAdministrator is null && RemoveMember is null)
        {
            ThrowTerminatingError(Errors.InvalidArgument(
                nameof(AddMember), "There is nothing to change: give -AddMember, -AddAdministrator or -RemoveMember."));
        }
    }

    /// <summary>Changes each organisation.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string name in Name)
        {
            Attempt(name, () => Change(store, store.GetOrganization(name)));
        }
    }

    private void Change(TokenStore store, Organization organization)
    {
        var members = organization.Members.ToList();
        foreach (string removed in RemoveMember ?? [])
        {
            // The store says which identity is meant: it compares names in a way of its own.
            string identity = store.GetIdentity(removed).Name;
            if (members.RemoveAll(member => member.Identity == identity) == 0)
            {
                WriteError(Errors.NotFound($"member of the organization '{organization.Name}' named", removed, "member"));
                return;
            }
        }

        // The store takes the last entry of one who is named twice.
        members.AddRange((AddMember ?? []).Select(static name => new OrganizationMember { Identity = name }));
        members.AddRange((AddAdministrator ?? []).Select(static name => new OrganizationMember { Identity = name, IsAdministrator = true }));
        if (!ShouldProcess($"organization '{organization.Name}'", "Change"))
        {
            return;
        }

        Organization changed = store.UpdateOrganization(organization.Name, members);
        if (PassThru)
        {
            WriteObject(changed);
        }
    }
}
