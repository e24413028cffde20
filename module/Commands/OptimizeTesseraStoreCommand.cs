using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Tidies a store up: removes the tokens that their profiles do not keep any longer, and puts the file in order.</summary>
/// <remarks>
/// <para>A profile may say how long expired and revoked tokens are kept; the built-in profile Default keeps them for good. Removal goes in small batches, between which others write to the store. The audit log is never shortened.</para>
/// <para>-Compact also writes the file anew without its gaps, which keeps all writers waiting for as long as that takes. A writer that waits for ten seconds fails.</para>
/// </remarks>
/// <example>
/// <code>
/// Optimize-TesseraStore -Compact
/// </code>
/// <para>Shows how many tokens were removed, and the size of the file before and after.</para>
/// </example>
/// <seealso cref="GetTesseraStoreCommand"/>
/// <seealso cref="RemoveTesseraTokenCommand"/>
[Cmdlet(VerbsCommon.Optimize, "TesseraStore", SupportsShouldProcess = true)]
[OutputType(typeof(StoreOptimization))]
public sealed class OptimizeTesseraStoreCommand : StoreCmdlet
{
    /// <summary>Writes the file anew, without the gaps that removals left.</summary>
    [Parameter]
    public SwitchParameter Compact { get; set; }

    /// <summary>Tidies up.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        if (ShouldProcess(store.Path, Compact ? "Tidy up and rewrite store" : "Tidy up store"))
        {
            Attempt(store.Path, () => WriteObject(store.Optimize(Compact)));
        }
    }
}
