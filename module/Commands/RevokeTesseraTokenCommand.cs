using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Revokes tokens: from then on every check refuses them.</summary>
/// <remarks>
/// <para>A revocation is on disk before the command ends, and holds in every process that uses the store. It can't be taken back; grant a new token instead. The record stays in the list, with the time and the reason; <see cref="RemoveTesseraTokenCommand"/> deletes it.</para>
/// <para>To revoke a token again does nothing and is no error.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// $grant = Grant-TesseraToken -Identity Adam -Name laptop
/// Revoke-TesseraToken $grant.Id -Reason 'Laptop lost' -Confirm:$false
/// </code>
/// <para>Revokes a token by its id, without asking.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Eve -Role Reader
/// Grant-TesseraToken -Identity Eve -Tag pilot
/// Get-TesseraToken -Tag pilot | Revoke-TesseraToken -Reason 'Pilot over' -Confirm:$false
/// </code>
/// <para>Revokes all tokens with a tag.</para>
/// </example>
/// <seealso cref="GetTesseraTokenCommand"/>
/// <seealso cref="RemoveTesseraTokenCommand"/>
[Cmdlet(VerbsSecurity.Revoke, "TesseraToken", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(void))]
public sealed class RevokeTesseraTokenCommand : StoreCmdlet
{
    /// <summary>The public ids of the tokens, or tokens from <see cref="GetTesseraTokenCommand"/> or <see cref="GrantTesseraTokenCommand"/>. Never a token's value.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TokenId]
    [ArgumentCompleter(typeof(TokenIdCompleter))]
    public string[] Id { get; set; } = null!;

    /// <summary>Why, for the record: at most 1,024 characters.</summary>
    [Parameter]
    public string? Reason { get; set; }

    /// <summary>Revokes each token.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string id in Id)
        {
            if (TryGetToken(store, id) is { } token && ShouldEnd(store, token, "Revoke"))
            {
                Attempt(id, () => WriteVerbose(store.Revoke(id, Text.OrNull(Reason))
                    ? $"Revoked {Text.Describe(token)}."
                    : $"Nothing to do: {Text.Describe(token)} was revoked before."));
            }
        }
    }
}
