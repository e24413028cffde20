using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Gets tokens by id, or all that meet some conditions.</summary>
/// <remarks>
/// <para>Without parameters it gives every token of the store, the newest last, revoked and expired ones too. Conditions narrow the list; a token must meet all of them. Tokens are read in pages as they are asked for, so that -First, or Select-Object -First, of a large store is quick.</para>
/// <para>The value of a token can't be read again: only <see cref="GrantTesseraTokenCommand"/> gives it out. The exception are tokens of a profile that keeps values: see -Value.</para>
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
/// <example>
/// <code>
/// New-TesseraIdentity Ben -Role Reader
/// Grant-TesseraToken -Identity Ben -Name nightly-copy
/// Get-TesseraToken -Identity Ben -Usage
/// </code>
/// <para>Says how often, when and from where Ben's tokens were used.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraProfile Kept -KeepsValues
/// New-TesseraIdentity Kim -Role Reader
/// $null = Grant-TesseraToken Kim -Profile Kept
/// (Get-TesseraToken -Profile Kept -Value).Token
/// </code>
/// <para>Gives the values of a profile's tokens again, as SecureStrings.</para>
/// </example>
/// <seealso cref="GrantTesseraTokenCommand"/>
/// <seealso cref="SetTesseraTokenCommand"/>
/// <seealso cref="RevokeTesseraTokenCommand"/>
[Cmdlet(VerbsCommon.Get, "TesseraToken", DefaultParameterSetName = IdSet, SupportsPaging = true)]
[OutputType(typeof(Token), typeof(TokenUsage), typeof(GrantedToken))]
public sealed class GetTesseraTokenCommand : StoreCmdlet
{
    // The default, so that text from the pipeline is read as ids.
    private const string IdSet = "Id";
    private const string ConditionSet = "Condition";

    private bool _isTotalWritten;
    private ulong _skipped;
    private ulong _written;

    /// <summary>The public ids of the tokens, or objects that have them. Without it: all tokens.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, ParameterSetName = IdSet)]
    [ValidateNotNullOrEmpty]
    [TokenId(LeavesOthers = true)]
    [ArgumentCompleter(typeof(TokenIdCompleter))]
    public string[]? Id { get; set; }

    /// <summary>Tokens that speak for this identity, or for a removed one of its name: its name, or an identity from <see cref="GetTesseraIdentityCommand"/>.</summary>
    [Parameter(ParameterSetName = ConditionSet)]
    [ValidateNotNullOrEmpty]
    [IdentityName]
    [ArgumentCompleter(typeof(IdentityNameCompleter))]
    public string? Identity { get; set; }

    /// <summary>An identity from <see cref="GetTesseraIdentityCommand"/>, for the pipeline: tokens that speak for it. Text from the pipeline is never taken for an identity's name.</summary>
    [Parameter(ValueFromPipeline = true, ParameterSetName = ConditionSet)]
    [ValidateNotNull]
    [IdentityObject]
    public Identity? InputObject { get; set; }

    /// <summary>Tokens with this name, in any case. * stands for any characters and ? for one.</summary>
    [Parameter(ParameterSetName = ConditionSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string? Name { get; set; }

    /// <summary>Tokens in this state now.</summary>
    [Parameter(ParameterSetName = ConditionSet)]
    [ValidateNotNull]
    [Choice<TokenState>]
    public TokenState? State { get; set; }

    /// <summary>Tokens with this tag.</summary>
    [Parameter(ParameterSetName = ConditionSet)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(TagCompleter))]
    public string? Tag { get; set; }

    /// <summary>Tokens that follow this profile: its name, or a profile from <see cref="GetTesseraProfileCommand"/>.</summary>
    [Parameter(ParameterSetName = ConditionSet)]
    [ValidateNotNullOrEmpty]
    [ProfileName]
    [ArgumentCompleter(typeof(ProfileNameCompleter))]
    public string? Profile { get; set; }

    /// <summary>Tokens that were granted a list of organisations which has this one. Those with dynamic access are not among them.</summary>
    [Parameter(ParameterSetName = ConditionSet)]
    [ValidateNotNullOrEmpty]
    [OrganizationName]
    [ArgumentCompleter(typeof(OrganizationNameCompleter))]
    public string? Organization { get; set; }

    /// <summary>JSON Web Tokens that the key with this id signed.</summary>
    [Parameter(ParameterSetName = ConditionSet)]
    [ValidateNotNullOrEmpty]
    [KeyId]
    [ArgumentCompleter(typeof(KeyIdCompleter))]
    public string? KeyId { get; set; }

    /// <summary>Tokens that expire at this time or later. A time without an offset is local time.</summary>
    [Parameter(ParameterSetName = ConditionSet)]
    [ValidateNotNull]
    [Time]
    public DateTimeOffset? ExpiresAfter { get; set; }

    /// <summary>Tokens that expire before this time. A time without an offset is local time.</summary>
    [Parameter(ParameterSetName = ConditionSet)]
    [ValidateNotNull]
    [Time]
    public DateTimeOffset? ExpiresBefore { get; set; }

    /// <summary>Gives, instead of each token, how it was used: when last, how often on which day, and the last addresses that checks were told.</summary>
    [Parameter]
    public SwitchParameter Usage { get; set; }

    /// <summary>Gives each token with its value, as a SecureString. Only a profile may say that values are kept; of other tokens it is an error. To see a token is not enough: it takes the right to rotate it.</summary>
    [Parameter]
    public SwitchParameter Value { get; set; }

    /// <summary>Gives the values of -Value as strings. Mind that transcripts and logs keep what is shown.</summary>
    [Parameter]
    public SwitchParameter AsPlainText { get; set; }

    /// <summary>Refuses what can't be given together.</summary>
    protected override void BeginProcessing()
    {
        if (Usage && Value)
        {
            ThrowTerminatingError(Errors.InvalidArgument(nameof(Value), "Ask for -Usage or for -Value, not for both."));
        }

        if (AsPlainText && !Value)
        {
            ThrowTerminatingError(Errors.InvalidArgument(nameof(AsPlainText), "-AsPlainText goes with -Value."));
        }
    }

    /// <summary>Writes the tokens.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        if (PagingParameters.IncludeTotalCount && !_isTotalWritten)
        {
            _isTotalWritten = true;
            WriteTotalCount(store);
        }

        if (Id is null)
        {
            WriteMatches(store);
            return;
        }

        foreach (string id in Id)
        {
            if (TryGetToken(store, id) is { } token)
            {
                _ = Page(store, token);
            }
        }
    }

    private void WriteMatches(TokenStore store)
    {
        if (ReferenceEquals(InputObject, IdentityObjectAttribute.None))
        {
            WriteError(Errors.InvalidArgument(
                nameof(InputObject),
                "With conditions the pipeline takes identities from Get-TesseraIdentity only. Name an identity with -Identity, and tokens with -Id and without conditions."));
            return;
        }

        if (Identity is not null && InputObject is not null)
        {
            WriteError(Errors.InvalidArgument(nameof(Identity), "Name one identity with -Identity, or pass identities through the pipeline, not both."));
            return;
        }

        string? identity = Identity ?? InputObject?.Name;
        Attempt(identity, () =>
        {
            // Only where nothing was found: a removed identity has tokens still.
            if (!TryWriteMatches(store, identity) && identity is not null)
            {
                _ = store.GetIdentity(identity);
            }
        });
    }

    /// <summary>Writes the tokens that meet the conditions.</summary>
    /// <returns>Whether there was one, within the page or not.</returns>
    private bool TryWriteMatches(TokenStore store, string? identity)
    {
        bool isAny = false;
        var filter = new TokenFilter
        {
            Identity = identity,
            Name = Name,
            State = State,
            Tag = Tag,
            Profile = Profile,
            Organization = Organization,
            KeyId = KeyId,
            ExpiresAfter = ExpiresAfter,
            ExpiresBefore = ExpiresBefore,
        };
        foreach (Token token in store.GetTokens(filter))
        {
            isAny = true;
            if (Stopping || !Page(store, token))
            {
                break;
            }
        }

        return isAny;
    }

    /// <summary>Writes a token unless it lies before or after the page that was asked for.</summary>
    /// <returns>Whether the page may hold another.</returns>
    private bool Page(TokenStore store, Token token)
    {
        if (_skipped < PagingParameters.Skip)
        {
            _skipped++;
            return true;
        }

        if (_written < PagingParameters.First)
        {
            _written++;
            Attempt(token.Id, () => WriteObject(Usage ? store.GetUsage(token.Id) : Value ? WithValue(store, token) : token));
        }

        return _written < PagingParameters.First;
    }

    private GrantedToken WithValue(TokenStore store, Token token)
    {
        using TokenValue value = store.GetKeptValue(token.Id);
        return new GrantedToken(token, value, AsPlainText);
    }

    /// <summary>Only the number of all tokens is known without reading them.</summary>
    private void WriteTotalCount(TokenStore store)
    {
        bool isKnown = ParameterSetName == IdSet && Id is null && !MyInvocation.ExpectingInput;
        Attempt(target: null, () => WriteObject(isKnown
            ? PagingParameters.NewTotalCount((ulong)store.GetStatus().Tokens.Total, accuracy: 1)
            : PagingParameters.NewTotalCount(0, accuracy: 0)));
    }
}
