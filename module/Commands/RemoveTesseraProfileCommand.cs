using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Deletes profiles that nothing follows.</summary>
/// <remarks>
/// <para>A profile states the rules of its tokens, so it stays for as long as there is one, or a signing key of it: remove those first. The profiles that come with every store can't be deleted.</para>
/// <para>This takes the role Administrator in a session that signed in.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraProfile Nightly
/// Remove-TesseraProfile Nightly -Confirm:$false
/// </code>
/// <para>Deletes a profile without asking.</para>
/// </example>
/// <seealso cref="GetTesseraProfileCommand"/>
/// <seealso cref="NewTesseraProfileCommand"/>
[Cmdlet(VerbsCommon.Remove, "TesseraProfile", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(void))]
public sealed class RemoveTesseraProfileCommand : StoreCmdlet
{
    /// <summary>The names of the profiles, or profiles from <see cref="GetTesseraProfileCommand"/>.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ProfileName]
    [ArgumentCompleter(typeof(ProfileNameCompleter))]
    public string[] Name { get; set; } = null!;

    /// <summary>Deletes each profile.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string name in Name)
        {
            Attempt(name, () => Remove(store, store.GetProfile(name).Name));
        }
    }

    private void Remove(TokenStore store, string name)
    {
        if (!ShouldProcess($"profile '{name}'", "Remove"))
        {
            return;
        }

        store.RemoveProfile(name);
        WriteVerbose($"Removed the profile '{name}'.");
    }
}
