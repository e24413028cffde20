using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Checks that a store's database is sound.</summary>
/// <remarks>
/// <para>Reads the whole database, which takes about a tenth of a second for each 100 MB, and gives $true or $false, or with -Detailed what was found. Nothing is changed or repaired. Where the database is damaged, go back to a copy from <see cref="BackupTesseraStoreCommand"/>.</para>
/// </remarks>
/// <example>
/// <code>
/// Test-TesseraStore
/// </code>
/// <para>Gives $true where the store is sound.</para>
/// </example>
/// <example>
/// <code>
/// (Test-TesseraStore -Detailed).Problems
/// </code>
/// <para>Lists what is wrong with the store: nothing, where it is sound.</para>
/// </example>
/// <seealso cref="GetTesseraStoreCommand"/>
/// <seealso cref="BackupTesseraStoreCommand"/>
[Cmdlet(VerbsDiagnostic.Test, "TesseraStore")]
[OutputType(typeof(bool), typeof(StoreCheck))]
public sealed class TestTesseraStoreCommand : StoreCmdlet
{
    /// <summary>Gives what was found instead of $true or $false.</summary>
    [Parameter]
    public SwitchParameter Detailed { get; set; }

    /// <summary>Checks.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        Attempt(store.Path, () =>
        {
            StoreCheck check = store.Check();
            foreach (string problem in check.Problems)
            {
                WriteVerbose(problem);
            }

            WriteObject(Detailed ? check : check.IsSound);
        });
    }
}
