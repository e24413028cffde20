using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Changes the roles or the password of identities.</summary>
/// <remarks>
/// <para>New roles take the place of all earlier ones, and bound the identity's tokens at once: no token needs to be granted anew.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Administrator
/// Set-TesseraIdentity Adam -Role Reader -PassThru
/// </code>
/// <para>Takes Adam, and all his tokens, down to reading.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Eve
/// Set-TesseraIdentity Eve -NoPassword
/// </code>
/// <para>Takes an identity's password away, if it has one.</para>
/// </example>
/// <seealso cref="GetTesseraIdentityCommand"/>
/// <seealso cref="GetTesseraRoleCommand"/>
[Cmdlet(VerbsCommon.Set, "TesseraIdentity", DefaultParameterSetName = PasswordSet, SupportsShouldProcess = true)]
[OutputType(typeof(Identity))]
public sealed class SetTesseraIdentityCommand : StoreCmdlet
{
    private const string PasswordSet = "Password";
    private const string NoPasswordSet = "NoPassword";

    /// <summary>The names of the identities, or identities from <see cref="GetTesseraIdentityCommand"/>.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [IdentityName]
    [ArgumentCompleter(typeof(IdentityNameCompleter))]
    public string[] Name { get; set; } = null!;

    /// <summary>The names of roles, in place of all that it had. An empty list, @(), takes all away.</summary>
    [Parameter]
    [ValidateNotNull]
    [AllowEmptyCollection]
    [RoleName]
    [ArgumentCompleter(typeof(RoleNameCompleter))]
    public string[]? Role { get; set; }

    /// <summary>The new password, as a SecureString or a string: 1 to 1,024 bytes of UTF-8. Never leave the parameter's name out: PowerShell's own error repeats what is left over on the command line.</summary>
    [Parameter(ParameterSetName = PasswordSet)]
    [SecretText(nameof(Password))]
    public SecretText? Password { get; set; }

    /// <summary>Takes the password away.</summary>
    [Parameter(Mandatory = true, ParameterSetName = NoPasswordSet)]
    public SwitchParameter NoPassword { get; set; }

    /// <summary>Gives the changed identities.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Refuses a command that changes nothing.</summary>
    protected override void BeginProcessing()
    {
        if (Role is null && Password is null && !NoPassword)
        {
            ThrowTerminatingError(Errors.InvalidArgument(nameof(Role), "There is nothing to change: give -Role, -Password or -NoPassword."));
        }
    }

    /// <summary>Changes each identity.</summary>
    protected override void ProcessRecord()
    {
        if (!IsUsablePassword(Password))
        {
            return;
        }

        TokenStore store = CurrentStore;
        foreach (string name in Name)
        {
            Attempt(name, () => Change(store, store.GetIdentity(name).Name));
        }
    }

    private void Change(TokenStore store, string name)
    {
        if (!ShouldProcess($"identity '{name}'", "Change"))
        {
            return;
        }

        Identity changed = Password is null
            ? store.UpdateIdentity(name, Role, removePassword: NoPassword)
            : Password.Read(password => store.UpdateIdentity(name, Role, password));
        if (PassThru)
        {
            WriteObject(changed);
        }
    }
}
