using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Gets identities by name.</summary>
/// <remarks>
/// <para>Without a name it gives all identities of the store. A name without wildcards that no identity has is an error.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Operator
/// Get-TesseraIdentity A*
/// </code>
/// <para>Lists the identities whose name begins with A.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Eve -Role Reader
/// Get-TesseraIdentity Eve | Get-TesseraToken
/// </code>
/// <para>Lists the tokens of an identity.</para>
/// </example>
/// <seealso cref="NewTesseraIdentityCommand"/>
/// <seealso cref="SetTesseraIdentityCommand"/>
/// <seealso cref="RemoveTesseraIdentityCommand"/>
[Cmdlet(VerbsCommon.Get, "TesseraIdentity")]
[OutputType(typeof(Identity))]
public sealed class GetTesseraIdentityCommand : StoreCmdlet
{
    /// <summary>The names, in any case. * stands for any characters and ? for one. Without it: all identities.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [IdentityName]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(IdentityNameCompleter))]
    public string[]? Name { get; set; }

    /// <summary>Writes the identities.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string? name in (string?[]?)Name ?? [null])
        {
            Attempt(name, () => WriteIdentities(store, name));
        }
    }

    private void WriteIdentities(TokenStore store, string? name)
    {
        if (name is not null && !Text.HasWildcards(name))
        {
            WriteObject(store.GetIdentity(name));
            return;
        }

        foreach (Identity identity in store.GetIdentities(name))
        {
            if (Stopping)
            {
                return;
            }

            WriteObject(identity);
        }
    }
}
