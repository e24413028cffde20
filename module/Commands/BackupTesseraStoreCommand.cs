using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Copies a store's database to another file while the store is in use.</summary>
/// <remarks>
/// <para>The copy is whole and consistent, even when others write to the store meanwhile. The store's key file is never part of it: without the key the copy gives no token away, and can't be opened either. Keep the key in another place.</para>
/// <para>A file that exists is never overwritten.</para>
/// </remarks>
/// <example>
/// <code>
/// Backup-TesseraStore ./tokens-backup.db
/// </code>
/// <para>Makes a copy in the current location and shows its path and size.</para>
/// </example>
/// <seealso cref="RestoreTesseraStoreCommand"/>
/// <seealso cref="TestTesseraStoreCommand"/>
[Cmdlet(VerbsData.Backup, "TesseraStore", SupportsShouldProcess = true)]
[OutputType(typeof(StoreBackup))]
public sealed class BackupTesseraStoreCommand : StoreCmdlet
{
    /// <summary>The path of the copy. A relative one starts from PowerShell's current location; wildcards in it are ordinary characters. Nothing may be there yet.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Destination { get; set; } = null!;

    /// <summary>Makes the copy.</summary>
    protected override void ProcessRecord()
    {
        string path = ResolveFilePath(Destination);
        if (ShouldProcess(path, "Back up store"))
        {
            TokenStore store = CurrentStore;
            Attempt(path, () => WriteObject(store.Backup(path)));
        }
    }
}
