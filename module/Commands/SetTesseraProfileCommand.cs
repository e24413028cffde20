using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Changes the settings of profiles.</summary>
/// <remarks>
/// <para>Settings that are not given stay as they are. A switch is turned off with a colon: -AllowsNever:$false. -Clear takes a setting away. Tokens that were granted under the profile follow its new rules from their next check on; how long they live was settled when they were granted.</para>
/// <para>The profiles that come with every store can't be changed: copy one with <see cref="NewTesseraProfileCommand"/> -BasedOn. This takes the role Administrator in a session that signed in.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraProfile Nightly -BasedOn Rubrik
/// Set-TesseraProfile Nightly -MaximumLifetime 1.00:00:00 -Clear DefaultTag -PassThru
/// </code>
/// <para>Shortens the life of the tokens that will be granted.</para>
/// </example>
/// <seealso cref="GetTesseraProfileCommand"/>
/// <seealso cref="NewTesseraProfileCommand"/>
[Cmdlet(VerbsCommon.Set, "TesseraProfile", SupportsShouldProcess = true)]
[OutputType(typeof(Profile))]
public sealed class SetTesseraProfileCommand : ProfileSettingsCmdlet
{
    /// <summary>The names of the profiles, or profiles from <see cref="GetTesseraProfileCommand"/>.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ProfileName]
    [ArgumentCompleter(typeof(ProfileNameCompleter))]
    public string[] Name { get; set; } = null!;

    /// <summary>Gives the changed profiles.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Refuses a command that changes nothing.</summary>
    protected override void BeginProcessing()
    {
        if (!HasSettings)
        {
            ThrowTerminatingError(Errors.InvalidArgument(nameof(Name), "There is nothing to change: give at least one setting, or -Clear."));
        }
    }

    /// <summary>Changes each profile.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string name in Name)
        {
            Attempt(name, () => Change(store, store.GetProfile(name)));
        }
    }

    private void Change(TokenStore store, Profile profile)
    {
        if (!ShouldProcess($"profile '{profile.Name}'", "Change"))
        {
            return;
        }

        Profile changed = store.UpdateProfile(profile.Name, Apply(profile.Settings));
        if (PassThru)
        {
            WriteObject(changed);
        }
    }
}
