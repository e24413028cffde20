using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Creates a profile: a named set of rules for tokens.</summary>
/// <remarks>
/// <para>The new profile has the settings of another, -BasedOn, but for those that are given. A switch is turned off with a colon: -AllowsNever:$false. -Clear takes a setting away.</para>
/// <para>This takes the role Administrator in a session that signed in.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraProfile Nightly -DefaultLifetime 1.00:00:00 -MaximumLifetime 7.00:00:00 -AllowsNever:$false -NameRequired
/// New-TesseraIdentity Adam -Role Reader
/// Grant-TesseraToken Adam -Profile Nightly -Name backup
/// </code>
/// <para>Creates a profile of tokens for a day, a week at most, and grants one.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraProfile Vault -BasedOn Rubrik -DeniedOperation token.grant, token.rotate -DeniedEndpoint 'DELETE /users/**'
/// </code>
/// <para>Copies a built-in profile, with other things that its tokens may not do.</para>
/// </example>
/// <seealso cref="GetTesseraProfileCommand"/>
/// <seealso cref="SetTesseraProfileCommand"/>
/// <seealso cref="GrantTesseraTokenCommand"/>
[Cmdlet(VerbsCommon.New, "TesseraProfile", SupportsShouldProcess = true)]
[OutputType(typeof(Profile))]
public sealed class NewTesseraProfileCommand : ProfileSettingsCmdlet
{
    /// <summary>The name: 1 to 256 characters, unique in the store in any case.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ProfileName]
    public string Name { get; set; } = null!;

    /// <summary>The profile whose settings it has where no others are given: its name, or a profile from <see cref="GetTesseraProfileCommand"/>.</summary>
    /// <value>Default</value>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ProfileName]
    [ArgumentCompleter(typeof(ProfileNameCompleter))]
    public string BasedOn { get; set; } = "Default";

    /// <summary>Creates each profile.</summary>
    protected override void ProcessRecord()
    {
        if (ShouldProcess($"profile '{Name}'", "Create"))
        {
            TokenStore store = CurrentStore;
            Attempt(Name, () => WriteObject(store.CreateProfile(Name, Apply(store.GetProfile(BasedOn).Settings))));
        }
    }
}
