using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Gets tokens by id, or all that meet some conditions.</summary>
/// <remarks>
/// <para>Without parameters it gives every token of the store, the newest last, revoked and expired ones too. Conditions narrow the list; a token must meet all of them. Tokens are read in pages as they are asked for, so that -First, or Select-Object -First, of a large store is quick.</para>
/// <para>The value of a token can't be read again: only <see cref="GrantTesseraTokenCommand"/> gives it out.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// Grant-TesseraToken -Identity Adam -Name nightly-build
/// Get-TesseraToken -Identity Adam -Name nightly* -State Active
/// </code>
/// <para>Lists Adam's active tokens whose name begins with nightly.</para>
/// </example>
/// <example>
/// <code>
/// Get-TesseraToken -State Active -ExpiresBefore ([DateTimeOffset]::UtcNow.AddDays(14)) -First 20
/// </code>
/// <para>Lists the first 20 of the tokens that run out within two weeks.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Eve -Role Reader
/// $grant = Grant-TesseraToken -Identity Eve
/// $grant | Get-TesseraToken
/// </code>
/// <para>Gets the record of one token, by its id or by an object that has it.</para>
/// </example>
/// <seealso cref="GrantTesseraTokenCommand"/>
/// <seealso cref="SetTesseraTokenCommand"/>
/// <seealso cref="RevokeTesseraTokenCommand"/>
[Cmdlet(VerbsCommon.Get, "TesseraToken", DefaultParameterSetName = IdSet, SupportsPaging = true)]
[OutputType(typeof(Token))]
public sealed class GetTesseraTokenCommand : StoreCmdlet
{
    // The default, so that text from the pipeline is read as ids: an identity's name would have to be asked for.
    private const string IdSet = "Id";
    private const string ConditionSet = "Condition";

    private ulong _skipped;
    private ulong _written;

    /// <summary>The public ids of the tokens, or objects that have them. Without it: all tokens.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, ParameterSetName = IdSet)]
    [ValidateNotNullOrEmpty]
    [TokenId]
    [ArgumentCompleter(typeof(TokenIdCompleter))]
    public string[]? Id { get; set; }

    /// <summary>Tokens that speak for this identity: its name, or an identity from <see cref="GetTesseraIdentityCommand"/>.</summary>
    [Parameter(ValueFromPipeline = true, ParameterSetName = ConditionSet)]
    [ValidateNotNullOrEmpty]
    [IdentityName]
    [ArgumentCompleter(typeof(IdentityNameCompleter))]
    public string? Identity { get; set; }

    /// <summary>Tokens with this name, in any case. * stands for any characters and ? for one.</summary>
    [Parameter(ParameterSetName = ConditionSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string? Name { get; set; }

    /// <summary>Tokens in this state now.</summary>
    [Parameter(ParameterSetName = ConditionSet)]
    [ValidateNotNull]
    public TokenState? State { get; set; }

    /// <summary>Tokens with this tag.</summary>
    [Parameter(ParameterSetName = ConditionSet)]
    [ValidateNotNullOrEmpty]
    public string? Tag { get; set; }

    /// <summary>Tokens that expire at this time or later. A time without an offset is local time.</summary>
    [Parameter(ParameterSetName = ConditionSet)]
    [ValidateNotNull]
    public DateTimeOffset? ExpiresAfter { get; set; }

    /// <summary>Tokens that expire before this time. A time without an offset is local time.</summary>
    [Parameter(ParameterSetName = ConditionSet)]
    [ValidateNotNull]
    public DateTimeOffset? ExpiresBefore { get; set; }

    /// <summary>Writes the tokens.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        if (PagingParameters.IncludeTotalCount)
        {
            WriteTotalCount(store);
        }

        if (Id is null)
        {
            Attempt(target: null, () => WriteMatches(store));
            return;
        }

        foreach (string id in Id)
        {
            if (TryGetToken(store, id) is { } token)
            {
                _ = Page(token);
            }
        }
    }

    private void WriteMatches(TokenStore store)
    {
        var filter = new TokenFilter
        {
            Identity = Identity,
            Name = Name,
            State = State,
            Tag = Tag,
            ExpiresAfter = ExpiresAfter,
            ExpiresBefore = ExpiresBefore,
        };
        foreach (Token token in store.GetTokens(filter))
        {
            if (Stopping || !Page(token))
            {
                return;
            }
        }
    }

    /// <summary>Writes a token unless it lies before or after the page that was asked for.</summary>
    /// <returns>Whether the page may hold another.</returns>
    private bool Page(Token token)
    {
        if (_skipped < PagingParameters.Skip)
        {
            _skipped++;
            return true;
        }

        if (_written < PagingParameters.First)
        {
            _written++;
            WriteObject(token);
        }

        return _written < PagingParameters.First;
    }

    /// <summary>Only the number of all tokens is known without reading them.</summary>
    private void WriteTotalCount(TokenStore store)
    {
        bool isKnown = ParameterSetName == IdSet && Id is null;
        Attempt(target: null, () => WriteObject(isKnown
            ? PagingParameters.NewTotalCount((ulong)store.GetStatus().Tokens.Total, accuracy: 1)
            : PagingParameters.NewTotalCount(0, accuracy: 0)));
    }
}
