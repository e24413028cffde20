using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Creates an identity: someone or something that tokens speak for.</summary>
/// <remarks>
/// <para>An identity has a name and roles. Its tokens may have its roles at most, at any time: take a role from the identity, and its tokens lose it at once.</para>
/// <para>A password is optional: it lets a program recognise the identity when it signs in. It is kept as an Argon2id hash.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Operator
/// </code>
/// <para>Creates an identity with one role.</para>
/// </example>
/// <example>
/// <code>
/// 'build-1', 'build-2' | New-TesseraIdentity -Role Reader
/// </code>
/// <para>Creates two identities with the same role.</para>
/// </example>
/// <seealso cref="GetTesseraIdentityCommand"/>
/// <seealso cref="GetTesseraRoleCommand"/>
/// <seealso cref="GrantTesseraTokenCommand"/>
[Cmdlet(VerbsCommon.New, "TesseraIdentity", SupportsShouldProcess = true)]
[OutputType(typeof(Identity))]
public sealed class NewTesseraIdentityCommand : StoreCmdlet
{
    /// <summary>The name: 1 to 256 characters, unique in the store in any case.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [IdentityName]
    public string Name { get; set; } = null!;

    /// <summary>The names of its roles: at most 64. Without it: none.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ValidateNotNull]
    [RoleName]
    [ArgumentCompleter(typeof(RoleNameCompleter))]
    public string[]? Role { get; set; }

    /// <summary>Its password, as a SecureString or a string: 1 to 1,024 bytes of UTF-8. Never leave the parameter's name out: PowerShell's own error repeats what is left over on the command line. Without it: none.</summary>
    [Parameter]
    [SecretText(nameof(Password))]
    public SecretText? Password { get; set; }

    /// <summary>Creates each identity.</summary>
    protected override void ProcessRecord()
    {
        if (!IsUsablePassword(Password) || !ShouldProcess($"identity '{Name}'", "Create"))
        {
            return;
        }

        TokenStore store = CurrentStore;
        Attempt(Name, () => WriteObject(Password is null
            ? store.CreateIdentity(Name, Role)
            : Password.Read(password => store.CreateIdentity(Name, Role, password))));
    }
}
