using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Switches tokens on again that <see cref="DisableTesseraTokenCommand"/> switched off.</summary>
/// <remarks>
/// <para>The next check says what it would have said without. A token that was revoked or has expired meanwhile stays so. To switch on a token that is not off does nothing and is no error.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// $grant = Grant-TesseraToken -Identity Adam
/// Disable-TesseraToken $grant
/// Get-TesseraToken -State Disabled | Enable-TesseraToken
/// </code>
/// <para>Switches all tokens on again that are off.</para>
/// </example>
/// <seealso cref="DisableTesseraTokenCommand"/>
[Cmdlet(VerbsLifecycle.Enable, "TesseraToken", SupportsShouldProcess = true)]
[OutputType(typeof(Token))]
public sealed class EnableTesseraTokenCommand : StoreCmdlet
{
    /// <summary>The public ids of the tokens, or tokens from <see cref="GetTesseraTokenCommand"/> or <see cref="GrantTesseraTokenCommand"/>. Never a token's value.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TokenId]
    [ArgumentCompleter(typeof(TokenIdCompleter))]
    public string[] Id { get; set; } = null!;

    /// <summary>Gives the tokens as they are then.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Switches each token on.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string id in Id)
        {
            if (TryGetToken(store, id) is { } token && ShouldProcess(Text.Describe(token), "Enable"))
            {
                Attempt(id, () =>
                {
                    WriteVerbose(store.Enable(id)
                        ? $"Enabled {Text.Describe(token)}."
                        : $"Nothing to do: {Text.Describe(token)} was not disabled.");
                    if (PassThru)
                    {
                        WriteObject(store.GetToken(id));
                    }
                });
            }
        }
    }
}
