using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Changes the remark or the tags of tokens.</summary>
/// <remarks>
/// <para>What a token may do and how long it lives can't be changed: grant a new one and revoke this. <see cref="UpdateTesseraTokenCommand"/> gives it a new value and a new life. New tags take the place of all earlier ones.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// $grant = Grant-TesseraToken -Identity Adam
/// Set-TesseraToken $grant.Id -Remark 'Build server 3' -Tag build, linux -PassThru
/// </code>
/// <para>Notes where a token is used and shows the record.</para>
/// </example>
/// <example>
/// <code>
/// Get-TesseraToken | Set-TesseraToken -Remark '' -Tag @()
/// </code>
/// <para>Clears the remark and the tags of every token.</para>
/// </example>
/// <seealso cref="GetTesseraTokenCommand"/>
[Cmdlet(VerbsCommon.Set, "TesseraToken", SupportsShouldProcess = true)]
[OutputType(typeof(Token))]
public sealed class SetTesseraTokenCommand : StoreCmdlet
{
    /// <summary>The public ids of the tokens, or tokens from <see cref="GetTesseraTokenCommand"/> or <see cref="GrantTesseraTokenCommand"/>.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TokenId]
    [ArgumentCompleter(typeof(TokenIdCompleter))]
    public string[] Id { get; set; } = null!;

    /// <summary>Free text: at most 1,024 characters. An empty text clears it.</summary>
    [Parameter]
    [AllowEmptyString]
    public string? Remark { get; set; }

    /// <summary>Tags, in place of all the token had: at most 16, each of 1 to 64 characters. An empty list, @(), clears them.</summary>
    [Parameter]
    [ValidateNotNull]
    [AllowEmptyCollection]
    [ArgumentCompleter(typeof(TagCompleter))]
    public string[]? Tag { get; set; }

    /// <summary>Gives the changed tokens.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Refuses a command that changes nothing.</summary>
    protected override void BeginProcessing()
    {
        if (Remark is null && Tag is null)
        {
            ThrowTerminatingError(Errors.InvalidArgument(nameof(Remark), "There is nothing to change: give -Remark, -Tag or both."));
        }
    }

    /// <summary>Changes each token.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string id in Id)
        {
            if (TryGetToken(store, id) is { } token && ShouldProcess(Text.Describe(token), "Change"))
            {
                Attempt(id, () =>
                {
                    Token changed = store.Update(id, Remark, Tag);
                    if (PassThru)
                    {
                        WriteObject(changed);
                    }
                });
            }
        }
    }
}
