using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Creates an organisation: what a token can be given access to.</summary>
/// <remarks>
/// <para>A token has access to the organisations of those that its profile bounds it by. Granted without -Organization, access is dynamic: the token gains and loses it with them. Granted with a list it is static: the token never gains another.</para>
/// <para>Who administers an organisation sees and may revoke every token with access to it, whatever their roles.</para>
/// <para>This takes the role Administrator in a session that signed in.</para>
/// </remarks>
/// <example>
/// <code>
/// 'Adam', 'Nora' | New-TesseraIdentity -Role Reader
/// New-TesseraOrganization North -Member Adam -Administrator Nora
/// Test-TesseraToken (Grant-TesseraToken Adam) -Organization North
/// </code>
/// <para>Creates an organisation and checks that a member's token has access to it.</para>
/// </example>
/// <seealso cref="GetTesseraOrganizationCommand"/>
/// <seealso cref="SetTesseraOrganizationCommand"/>
/// <seealso cref="GrantTesseraTokenCommand"/>
[Cmdlet(VerbsCommon.New, "TesseraOrganization", SupportsShouldProcess = true)]
[OutputType(typeof(Organization))]
public sealed class NewTesseraOrganizationCommand : StoreCmdlet
{
    /// <summary>The name: 1 to 256 characters, no comma, unique in the store in any case.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [OrganizationName]
    public string Name { get; set; } = null!;

    /// <summary>The identities that belong to it. Without it: none.</summary>
    [Parameter]
    [ValidateNotNull]
    [IdentityName]
    [ArgumentCompleter(typeof(IdentityNameCompleter))]
    public string[]? Member { get; set; }

    /// <summary>The identities that belong to it and administer it. Without it: none.</summary>
    [Parameter]
    [ValidateNotNull]
    [IdentityName]
    [ArgumentCompleter(typeof(IdentityNameCompleter))]
    public string[]? Administrator { get; set; }

    /// <summary>Creates each organisation.</summary>
    protected override void ProcessRecord()
    {
        if (!ShouldProcess($"organization '{Name}'", "Create"))
        {
            return;
        }

        TokenStore store = CurrentStore;
        // Who is named as both administers it: the last entry counts.
        IEnumerable<OrganizationMember> members =
        [
            .. (Member ?? []).Select(static name => new OrganizationMember { Identity = name }),
            .. (Administrator ?? []).Select(static name => new OrganizationMember { Identity = name, IsAdministrator = true }),
        ];
        Attempt(Name, () => WriteObject(store.CreateOrganization(Name, members)));
    }
}
