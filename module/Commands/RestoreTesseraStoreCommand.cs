using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Puts a backup in the place of a store, without waking the tokens that were revoked since the backup was made.</summary>
/// <remarks>
/// <para>What was ended in the store since is brought over: revocations, removals, rotations, tokens that were switched off, uses that were spent. What was granted or changed since is lost. The store is as it was until the new file takes its place at one stroke. Its key file stays; without it the restored store opens for nobody.</para>
/// <para>Nobody may have the store open, in this process (<see cref="DisconnectTesseraCommand"/>) or another.</para>
/// <para>Where the store is missing, damaged, another one or no continuation of the backup, nobody can tell what was revoked since. The command refuses then; -Force goes on, and tokens that were revoked since may be good again.</para>
/// </remarks>
/// <example>
/// <code>
/// Connect-Tessera ./tokens.db
/// Backup-TesseraStore ./tokens-backup.db
/// Disconnect-Tessera
/// Restore-TesseraStore ./tokens-backup.db ./tokens.db -Confirm:$false
/// Connect-Tessera ./tokens.db
/// </code>
/// <para>Goes back to a backup without asking, and shows what was brought over.</para>
/// </example>
/// <seealso cref="BackupTesseraStoreCommand"/>
/// <seealso cref="TestTesseraStoreCommand"/>
[Cmdlet(VerbsData.Restore, "TesseraStore", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(StoreRestoration))]
public sealed class RestoreTesseraStoreCommand : TesseraCmdlet
{
    /// <summary>The path of the backup. A relative one starts from PowerShell's current location; wildcards in it are ordinary characters.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = null!;

    /// <summary>The path of the store that it is to replace, likewise. Without it: the default store.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    public string? Destination { get; set; }

    /// <summary>Goes on where nobody can tell which tokens were revoked since the backup was made. It does not keep the command from asking; -Confirm:$false does.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Restores.</summary>
    protected override void ProcessRecord()
    {
        string path = ResolveFilePath(Path);
        string destination = Destination is null ? DefaultPath() : ResolveFilePath(Destination);
        if (ShouldProcess(destination, $"Replace store by the backup '{path}'"))
        {
            Attempt(destination, () => WriteObject(TokenStore.Restore(path, destination, Force)));
        }
    }
}
