using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Gets profiles by name.</summary>
/// <remarks>
/// <para>A profile is a named set of rules for tokens: their form, how long they live, who may be granted one, what they may never do. A token follows the rules that its profile has at each use.</para>
/// <para>Six come with every store and can't be changed: Default, PowerShellUniversal, UniversalDashboard, Rubrik, Enterprise and AppNeta. Make one of your own from one of them: <see cref="NewTesseraProfileCommand"/>.</para>
/// </remarks>
/// <example>
/// <code>
/// Get-TesseraProfile
/// </code>
/// <para>Lists the profiles of the store.</para>
/// </example>
/// <example>
/// <code>
/// (Get-TesseraProfile Rubrik).Settings.DeniedOperations
/// </code>
/// <para>Lists the operations that no token of a profile may do.</para>
/// </example>
/// <seealso cref="NewTesseraProfileCommand"/>
/// <seealso cref="SetTesseraProfileCommand"/>
/// <seealso cref="GrantTesseraTokenCommand"/>
[Cmdlet(VerbsCommon.Get, "TesseraProfile")]
[OutputType(typeof(Profile))]
public sealed class GetTesseraProfileCommand : StoreCmdlet
{
    /// <summary>The names, in any case. * stands for any characters and ? for one. Without it: all profiles.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ProfileName]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ProfileNameCompleter))]
    public string[]? Name { get; set; }

    /// <summary>Writes the profiles.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string name in Name ?? ["*"])
        {
            Attempt(name, () =>
            {
                if (Text.HasWildcards(name))
                {
                    WriteObject(store.GetProfiles().Where(profile => Text.IsMatch(profile.Name, name)), enumerateCollection: true);
                }
                else
                {
                    WriteObject(store.GetProfile(name));
                }
            });
        }
    }
}
