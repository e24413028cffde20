using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Checks that a store's audit log is as it was written.</summary>
/// <remarks>
/// <para>Reads the whole log, and gives $true or $false, or with -Detailed what was found, with the first record that is not as it was written. Each record carries the hash of the one before, and every half minute in which something happened the newest record is signed with the store's key, which is not in the database. So whoever changes, removes or puts in a record with access to the file alone is found out.</para>
/// <para>It does not find that the whole file was exchanged for an earlier copy of itself, that the end of the log was cut off together with every note of it in the file, that records were added since the last signature (SignedUpTo), nor what was done with the store's key. Keep LastHash elsewhere from time to time to find the first two: that record must still be there. Only administrators may check the log.</para>
/// </remarks>
/// <example>
/// <code>
/// Test-TesseraAuditLog
/// </code>
/// <para>Gives $true where the log is as it was written.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// $check = Test-TesseraAuditLog -Detailed
/// Get-TesseraAuditEvent -First 1 | Where-Object Hash -EQ $check.LastHash
/// </code>
/// <para>Finds the record with the hash that was kept from a check.</para>
/// </example>
/// <seealso cref="GetTesseraAuditEventCommand"/>
/// <seealso cref="TestTesseraStoreCommand"/>
[Cmdlet(VerbsDiagnostic.Test, "TesseraAuditLog")]
[OutputType(typeof(bool), typeof(AuditLogCheck))]
public sealed class TestTesseraAuditLogCommand : StoreCmdlet
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
            AuditLogCheck check = store.CheckAuditLog();
            if (check.Problem is { } problem)
            {
                WriteVerbose(problem);
            }

            WriteObject(Detailed ? check : check.IsSound);
        });
    }
}
