using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Deletes tokens, and their records with them.</summary>
/// <remarks>
/// <para>A token that was removed is refused like one that never was, and the tokens that it granted are revoked. To keep the record of who had it and why it ended, revoke it instead: <see cref="RevokeTesseraTokenCommand"/>.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// $grant = Grant-TesseraToken -Identity Adam
/// Remove-TesseraToken $grant.Id -Confirm:$false
/// </code>
/// <para>Deletes a token by its id, without asking.</para>
/// </example>
/// <example>
/// <code>
/// Get-TesseraToken -State Expired -ExpiresBefore 2025-01-01 | Remove-TesseraToken -Confirm:$false
/// </code>
/// <para>Deletes the tokens that ran out before 2025.</para>
/// </example>
/// <seealso cref="GetTesseraTokenCommand"/>
/// <seealso cref="RevokeTesseraTokenCommand"/>
[Cmdlet(VerbsCommon.Remove, "TesseraToken", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(void))]
public sealed class RemoveTesseraTokenCommand : StoreCmdlet
{
    /// <summary>The public ids of the tokens, or tokens from <see cref="GetTesseraTokenCommand"/> or <see cref="GrantTesseraTokenCommand"/>. Never a token's value.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TokenId]
    [ArgumentCompleter(typeof(TokenIdCompleter))]
    public string[] Id { get; set; } = null!;

    /// <summary>Deletes each token.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string id in Id)
        {
            if (TryGetToken(store, id) is { } token && ShouldEnd(store, token, "Remove"))
            {
                Attempt(id, () => WriteVerbose(store.Remove(id)
                    ? $"Removed {Text.Describe(token)}."
                    : $"Nothing to do: {Text.Describe(token)} was removed by somebody else."));
            }
        }
    }
}
