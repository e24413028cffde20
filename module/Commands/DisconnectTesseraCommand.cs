using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Closes the store that this session is connected to.</summary>
/// <remarks>
/// <para>Everything in the store is on disk already; closing it frees its file. Without a connection the command does nothing. The next command that needs a store opens the default one: see <see cref="ConnectTesseraCommand"/>.</para>
/// </remarks>
/// <example>
/// <code>
/// Connect-Tessera ./tokens.db
/// Disconnect-Tessera
/// </code>
/// <para>Connects to a store and closes it again.</para>
/// </example>
/// <example>
/// <code>
/// $staging = Connect-Tessera ./staging.db -PassThru
/// Disconnect-Tessera -Store $staging
/// </code>
/// <para>Closes one of several stores.</para>
/// </example>
/// <seealso cref="ConnectTesseraCommand"/>
[Cmdlet(VerbsCommunications.Disconnect, "Tessera", SupportsShouldProcess = true)]
[OutputType(typeof(void))]
public sealed class DisconnectTesseraCommand : TesseraCmdlet
{
    /// <summary>The store to close, from <see cref="ConnectTesseraCommand"/> -PassThru. Without it: the store that this session is connected to.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ValidateNotNull]
    [OpenStore]
    public TokenStore? Store { get; set; }

    /// <summary>Disconnects.</summary>
    protected override void ProcessRecord()
    {
        if ((Store ?? Session.Current.Store) is not { } store)
        {
            WriteVerbose("This session is connected to no store.");
        }
        else if (ShouldProcess(store.Path, "Close store"))
        {
            Session.Current.Release(store);
            WriteVerbose($"Closed the store '{store.Path}'.");
        }
    }
}
