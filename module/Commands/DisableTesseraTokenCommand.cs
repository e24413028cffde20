using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Switches tokens off for now: every check answers Disabled until they are switched on again.</summary>
/// <remarks>
/// <para>The change is on disk before the command ends, and holds in every process that uses the store. <see cref="EnableTesseraTokenCommand"/> takes it back. Time goes on meanwhile: a token that expires while it is off stays expired. Tokens that it granted are not touched.</para>
/// <para>To switch off a token that is off does nothing and is no error.</para>
/// <para>-WhatIf says who would feel it: when the token was last used, how often in seven days, and from how many addresses.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// $grant = Grant-TesseraToken -Identity Adam
/// Disable-TesseraToken $grant -Reason 'On holiday'
/// Test-TesseraToken $grant -Detailed
/// </code>
/// <para>Switches a token off, and shows what a check says then.</para>
/// </example>
/// <seealso cref="EnableTesseraTokenCommand"/>
/// <seealso cref="RevokeTesseraTokenCommand"/>
[Cmdlet(VerbsLifecycle.Disable, "TesseraToken", SupportsShouldProcess = true)]
[OutputType(typeof(Token))]
public sealed class DisableTesseraTokenCommand : StoreCmdlet
{
    /// <summary>The public ids of the tokens, or tokens from <see cref="GetTesseraTokenCommand"/> or <see cref="GrantTesseraTokenCommand"/>. Never a token's value.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TokenId]
    [ArgumentCompleter(typeof(TokenIdCompleter))]
    public string[] Id { get; set; } = null!;

    /// <summary>Why, for the record: at most 1,024 characters.</summary>
    [Parameter]
    public string? Reason { get; set; }

    /// <summary>Gives the tokens as they are then.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Switches each token off.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string id in Id)
        {
            if (TryGetToken(store, id) is { } token && ShouldEnd(store, token, "Disable", endsChildren: false))
            {
                Attempt(id, () =>
                {
                    WriteVerbose(store.Disable(id, Text.OrNull(Reason))
                        ? $"Disabled {Text.Describe(token)}."
                        : $"Nothing to do: {Text.Describe(token)} was disabled before.");
                    if (PassThru)
                    {
                        WriteObject(store.GetToken(id));
                    }
                });
            }
        }
    }
}
