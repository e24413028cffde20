using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Shows what a store is and how much it holds.</summary>
/// <remarks>
/// <para>Gives the store's path, id, issuer, schema and size, and how many tokens, identities and signing keys it holds.</para>
/// </remarks>
/// <example>
/// <code>
/// Get-TesseraStore
/// </code>
/// <para>Shows the store that this session is connected to, or the default one.</para>
/// </example>
/// <example>
/// <code>
/// (Get-TesseraStore).Tokens.Active
/// </code>
/// <para>Gives the number of tokens that can be used now.</para>
/// </example>
/// <seealso cref="ConnectTesseraCommand"/>
/// <seealso cref="TestTesseraStoreCommand"/>
[Cmdlet(VerbsCommon.Get, "TesseraStore")]
[OutputType(typeof(StoreStatus))]
public sealed class GetTesseraStoreCommand : StoreCmdlet
{
    /// <summary>Writes the status.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        Attempt(store.Path, () => WriteObject(store.GetStatus()));
    }
}
