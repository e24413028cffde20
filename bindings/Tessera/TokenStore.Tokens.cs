using System.Diagnostics.CodeAnalysis;
using Tessera.Native;

namespace Tessera;

public sealed partial class TokenStore
{
    /// <summary>Grants a token: makes its value, records it, and gives the value out for the only time.</summary>
    /// <param name="request">What to grant.</param>
    /// <returns>The token's record and its value; the caller disposes of it.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="request"/>, or a member that it requires, is
    /// <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">A member is outside its stated form or limits, or the rules do not
    /// allow the grant: a role that the identity does not have, for example. <see cref="ErrorCode.Conflict"/>: another
    /// grant was asked for with that key within the last day.</exception>
    /// <exception cref="NotFoundException">There is no such identity, profile, role, organisation or key.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public TokenGrant Grant(TokenGrantRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        using PooledBuffer json = NativeResponse.Write(WireRequest(request), Wire.GrantRequest);
        using NativeHandle.Lease lease = Borrow();
        uint code = NativeCalls.TokenGrant(lease.Number, json.Span, out NativeBuffer granted, out NativeBuffer response);
        TokenValue value = NativeResponse.ReadValue(granted);
        try
        {
            return new TokenGrant { Token = NativeResponse.Read(code, response, Wire.Token), Value = value };
        }
        catch
        {
            value.Dispose();
            throw;
        }
    }

    /// <summary>Grants many tokens in one transaction: all that are granted are durable when this returns.</summary>
    /// <remarks>This is several times faster than a call for each.</remarks>
    /// <param name="requests">What to grant: at most 1,000 tokens, and 16 MiB of text.</param>
    /// <returns>What became of each request, in their order; the caller disposes of each. A request that is refused fails
    /// alone, with what <see cref="Grant"/> would throw.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="requests"/>, one of them, or a member that it requires, is
    /// <see langword="null"/>. Nothing was granted.</exception>
    /// <exception cref="InvalidRequestException">There are too many, or the one who acts may grant nothing
    /// (<see cref="ErrorCode.NotPermitted"/>). Nothing was granted.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public IReadOnlyList<TokenGrantResult> GrantMany(IEnumerable<TokenGrantRequest> requests)
    {
        ArgumentNullException.ThrowIfNull(requests);
        var wireRequests = new List<GrantRequest>();
        var refusals = new List<TesseraException?>();
        foreach (TokenGrantRequest request in requests)
        {
            ArgumentNullException.ThrowIfNull(request, nameof(requests));
            if (refusals.Count == TesseraLimits.TokensPerGrant)
            {
                throw Argument.Invalid("At most 1,000 tokens are granted at once.", nameof(requests));
            }

            try
            {
                wireRequests.Add(WireRequest(request));
                refusals.Add(null);
            }
            catch (InvalidRequestException exception)
            {
                refusals.Add(exception);
            }
        }

        TokenGrantResult[] granted = Send(wireRequests);
        if (granted.Length == refusals.Count)
        {
            return granted;
        }

        var rest = new Queue<TokenGrantResult>(granted);
        return [.. refusals.Select(refusal => refusal is null ? rest.Dequeue() : new TokenGrantResult { Error = refusal })];
    }

    private TokenGrantResult[] Send(List<GrantRequest> requests)
    {
        using PooledBuffer json = NativeResponse.Write(new GrantManyRequest([.. requests]), Wire.GrantManyRequest);
        using NativeHandle.Lease lease = Borrow();
        uint code = NativeCalls.TokenGrantMany(lease.Number, json.Span, out NativeBuffer values, out NativeBuffer response);
        try
        {
            return code == 0
                ? FoundTokenReader.ReadGrants(response.Span, values.Span, requests.Count)
                : throw NativeResponse.Failure(code, response.Span);
        }
        finally
        {
            NativeCalls.BufferFree(response);
            NativeCalls.BufferFree(values);
        }
    }

    private static GrantRequest WireRequest(TokenGrantRequest request) => new(
        Argument.Text(request.Identity, TesseraLimits.NameCharacters),
        Argument.OptionalText(request.Name, TesseraLimits.NameCharacters),
        Argument.OptionalTexts(request.Roles, TesseraLimits.Roles, TesseraLimits.NameCharacters),
        request.Format is { } format ? Argument.Defined(format) : null,
        Argument.OptionalDurationSeconds(request.ExpiresIn),
        Argument.SecondsBefore(request.ExpiresAt),
        request.NoExpiry ? true : null,
        Argument.SecondsAfter(request.NotBefore),
        Argument.OptionalTexts(request.Tags, TesseraLimits.TagsPerToken, TesseraLimits.TagCharacters),
        Argument.OptionalText(request.Remark, TesseraLimits.RemarkCharacters),
        Argument.OptionalText(request.Profile, TesseraLimits.NameCharacters),
        Argument.OptionalTexts(request.Audiences, TesseraLimits.Audiences, TesseraLimits.NameCharacters),
        Argument.OptionalTexts(request.Organizations, TesseraLimits.OrganizationsPerToken, TesseraLimits.NameCharacters),
        Argument.Conditions(request.Conditions),
        Argument.SecondsBefore(request.WarnAfter),
        request.IsDecoy ? true : null,
        Argument.OptionalText(request.KeyId, TesseraLimits.NameCharacters),
        Argument.OptionalText(request.IdempotencyKey, TesseraLimits.IdempotencyKeyCharacters));

    /// <summary>Gives the record of a token.</summary>
    /// <param name="id">The token's id: 12 characters of <c>[0-9A-Za-z]</c>.</param>
    /// <returns>The record.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="id"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="id"/> is not in the form of an id.</exception>
    /// <exception cref="NotFoundException">There is no such token.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public Token GetToken(string id) =>
        Send(NativeCalls.TokenGet, new IdRequest(TokenId(id)), Wire.IdRequest, Wire.Token);

    /// <summary>Gives the record of a token, where there is one.</summary>
    /// <param name="id">The token's id: 12 characters of <c>[0-9A-Za-z]</c>.</param>
    /// <param name="token">The record, or <see langword="null"/>.</param>
    /// <returns>Whether there is such a token.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="id"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="id"/> is not in the form of an id.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public bool TryGetToken(string id, [NotNullWhen(true)] out Token? token)
    {
        using PooledBuffer json = NativeResponse.Write(new IdRequest(TokenId(id)), Wire.IdRequest);
        using NativeHandle.Lease lease = Borrow();
        uint code = NativeCalls.TokenGet(lease.Number, json.Span, out NativeBuffer response);
        if (code == (uint)ErrorCode.NotFound)
        {
            NativeCalls.BufferFree(response);
            token = null;
            return false;
        }

        token = NativeResponse.Read(code, response, Wire.Token);
        return true;
    }

    /// <summary>Gives the value of a token whose profile keeps values (<see cref="ProfileSettings.KeepsValues"/>).</summary>
    /// <param name="id">The token's id: 12 characters of <c>[0-9A-Za-z]</c>.</param>
    /// <returns>The value, as it was granted; the caller disposes of it.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="id"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">The profile keeps no values, or the one who acts may not have this one
    /// (<see cref="ErrorCode.NotPermitted"/>); or <paramref name="id"/> is not in the form of an id.</exception>
    /// <exception cref="NotFoundException">There is no such token.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public TokenValue GetKeptValue(string id)
    {
        using PooledBuffer json = NativeResponse.Write(new IdRequest(TokenId(id)), Wire.IdRequest);
        using NativeHandle.Lease lease = Borrow();
        uint code = NativeCalls.TokenValue(lease.Number, json.Span, out NativeBuffer kept, out NativeBuffer response);
        TokenValue value = NativeResponse.ReadValue(kept);
        try
        {
            NativeResponse.ThrowIfFailed(code, response);
            return value;
        }
        catch
        {
            value.Dispose();
            throw;
        }
    }

    /// <summary>Lists tokens in ascending order of <see cref="Token.Sequence"/>: the newest comes last.</summary>
    /// <param name="filter">Which to list. <see langword="null"/>: all.</param>
    /// <returns>The tokens. They are read a page at a time while the list is enumerated, so it may be long, and a token
    /// granted meanwhile appears at its end.</returns>
    /// <exception cref="InvalidRequestException">A member of <paramref name="filter"/> is outside its stated form or
    /// limits.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of, now or during the enumeration.</exception>
    public IEnumerable<Token> GetTokens(TokenFilter? filter = null)
    {
        // Here and not in the enumerator, so that bad arguments are refused by the call that was given them.
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        TokenListRequest request = ListRequest(filter ?? new TokenFilter(), after: null, TesseraLimits.PageSize);
        return Pages(request);

        IEnumerable<Token> Pages(TokenListRequest next)
        {
            while (true)
            {
                TokenPage page = ReadPage(next);
                foreach (Token token in page.Tokens)
                {
                    yield return token;
                }

                if (page.Next is null)
                {
                    yield break;
                }

                next = next with { After = page.Next };
            }
        }
    }

    /// <summary>Gives a page of a list of tokens, in ascending order of <see cref="Token.Sequence"/>.</summary>
    /// <param name="filter">Which to list.</param>
    /// <param name="after">Where the page begins: <see cref="TokenPage.Next"/> of the page before.
    /// <see langword="null"/>: with the first.</param>
    /// <param name="limit">The most tokens to give, 1 to 1,000.</param>
    /// <returns>The page.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="filter"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">An argument is outside its stated form or limits.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public TokenPage GetTokenPage(TokenFilter filter, long? after = null, int limit = 100)
    {
        ArgumentNullException.ThrowIfNull(filter);
        if (limit is < 1 or > TesseraLimits.PageSize)
        {
            throw Argument.Invalid("'limit' must be 1 to 1,000.", nameof(limit));
        }

        return ReadPage(ListRequest(filter, after, limit));
    }

    /// <summary>Changes what is noted about a token. What it may do stays as it is.</summary>
    /// <param name="id">The token's id: 12 characters of <c>[0-9A-Za-z]</c>.</param>
    /// <param name="remark">The new remark, at most 1,024 characters; an empty one clears it. <see langword="null"/>:
    /// as it was.</param>
    /// <param name="tags">The new tags in place of the old, at most 16, each of 1 to 64 characters; an empty list
    /// clears them. <see langword="null"/>: as they were.</param>
    /// <returns>The token's record after the change.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="id"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">An argument is outside its stated form or limits.</exception>
    /// <exception cref="NotFoundException">There is no such token.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public Token Update(string id, string? remark = null, IEnumerable<string>? tags = null) =>
        Send(
            NativeCalls.TokenUpdate,
            new UpdateTokenRequest(
                TokenId(id),
                Argument.OptionalText(remark, TesseraLimits.RemarkCharacters),
                Argument.OptionalTexts(tags, TesseraLimits.TagsPerToken, TesseraLimits.TagCharacters)),
            Wire.UpdateTokenRequest,
            Wire.Token);

    // Longer than any id is: whether it is one, the engine says.
    private static string TokenId(string id) => Argument.Text(id, TesseraLimits.NameCharacters);

    private static TokenListRequest ListRequest(TokenFilter filter, long? after, int limit) => new(
        Argument.OptionalText(filter.Identity, TesseraLimits.NameCharacters),
        Argument.OptionalText(filter.Name, TesseraLimits.NameCharacters),
        filter.State is { } state ? Argument.Defined(state) : null,
        Argument.OptionalText(filter.Tag, TesseraLimits.TagCharacters),
        Argument.OptionalText(filter.Profile, TesseraLimits.NameCharacters),
        Argument.OptionalText(filter.Organization, TesseraLimits.NameCharacters),
        Argument.OptionalText(filter.KeyId, TesseraLimits.NameCharacters),
        Argument.SecondsAfter(filter.ExpiresAfter),
        Argument.SecondsAfter(filter.ExpiresBefore),
        after,
        limit);

    private TokenPage ReadPage(TokenListRequest request)
    {
        TokenListResponse response = Send(
            NativeCalls.TokenList, request, Wire.TokenListRequest, Wire.TokenListResponse);
        return new TokenPage { Tokens = response.Tokens, Next = response.Next };
    }
}
