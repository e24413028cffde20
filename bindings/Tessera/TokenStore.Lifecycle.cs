using Tessera.Native;

namespace Tessera;

public sealed partial class TokenStore
{
    /// <summary>Revokes a token, for good, and the tokens that were granted by it. It is durable when the call returns,
    /// and every check that starts then refuses them.</summary>
    /// <param name="id">The token's id: 12 characters of <c>[0-9A-Za-z]</c>.</param>
    /// <param name="reason">Why, for the record: at most 1,024 characters.</param>
    /// <returns>Whether this call revoked it; <see langword="false"/> where it was revoked already, which changes
    /// nothing.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="id"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">An argument is outside its stated form or limits.</exception>
    /// <exception cref="NotFoundException">There is no such token.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public bool Revoke(string id, string? reason = null) =>
        Send(NativeCalls.TokenRevoke, Reasoned(id, reason), Wire.RevokeTokenRequest, Wire.ChangeResponse).Changed;

    /// <summary>Revokes all tokens of a set that were granted so far, for good, and the tokens that were granted by them.
    /// It is durable when the call returns, and every check that starts then refuses them.</summary>
    /// <param name="tokens">Which.</param>
    /// <param name="reason">Why, for the record: at most 1,024 characters.</param>
    /// <returns>How many this call revoked; those that were revoked already do not count.</returns>
    /// <remarks>By identity, profile, key or all it takes one row of the store, however many there are. By tag or
    /// organisation it takes one each, in batches of 200 between which others may write; a call that fails has revoked
    /// those of the batches before.</remarks>
    /// <exception cref="ArgumentNullException"><paramref name="tokens"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">An argument is outside its stated form or limits, or whoever acts may
    /// not revoke this set.</exception>
    /// <exception cref="NotFoundException">There is no such identity, profile or organisation.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public long RevokeAll(TokenSet tokens, string? reason = null)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        return Send(
            NativeCalls.TokenRevokeSet,
            new RevokeSetRequest(
                tokens.Identity,
                tokens.Profile,
                tokens.KeyId,
                tokens.Tag,
                tokens.Organization,
                tokens.IsAll ? true : null,
                Argument.OptionalText(reason, TesseraLimits.RemarkCharacters)),
            Wire.RevokeSetRequest,
            Wire.RevokeSetResponse).RevokedTokens;
    }

    /// <summary>Revokes the token that has a value, as <see cref="Revoke(string, string?)"/> does. Whoever holds the value
    /// of a token may end it.</summary>
    /// <param name="value">The value, as its bearer presents it.</param>
    /// <param name="token">The token, as it is after the call; <see langword="null"/> where no token has this
    /// value.</param>
    /// <param name="reason">Why, for the record: at most 1,024 characters.</param>
    /// <returns>Whether this call revoked it; <see langword="false"/> where it was revoked already, and where there is no
    /// such token.</returns>
    /// <exception cref="InvalidRequestException"><paramref name="reason"/> is outside its limits.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public bool RevokeValue(ReadOnlySpan<char> value, out Token? token, string? reason = null)
    {
        var request = new ReasonRequest(Argument.OptionalText(reason, TesseraLimits.RemarkCharacters));
        token = null;
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (!Argument.TryEncode(value, TesseraLimits.TokenValueBytes, out PooledBuffer? utf8Value))
        {
            return false;
        }

        using (utf8Value)
        {
            using PooledBuffer json = NativeResponse.Write(request, Wire.ReasonRequest);
            using NativeHandle.Lease lease = Borrow();
            uint code = NativeCalls.TokenRevokeValue(lease.Number, json.Span, utf8Value.Span, out NativeBuffer response);
            RevokeValueResponse revoked = NativeResponse.Read(code, response, Wire.RevokeValueResponse);
            token = revoked.Token;
            return revoked.Changed;
        }
    }

    /// <summary>Switches a token off for now: every check that starts when the call has returned answers
    /// <see cref="Outcome.Disabled"/>. Tokens that were granted by it stay as they are.</summary>
    /// <param name="id">The token's id: 12 characters of <c>[0-9A-Za-z]</c>.</param>
    /// <param name="reason">Why, for the record: at most 1,024 characters.</param>
    /// <returns>Whether this call switched it off; <see langword="false"/> where it was off already.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="id"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">An argument is outside its stated form or limits.</exception>
    /// <exception cref="NotFoundException">There is no such token.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public bool Disable(string id, string? reason = null) =>
        Send(NativeCalls.TokenDisable, Reasoned(id, reason), Wire.RevokeTokenRequest, Wire.ChangeResponse).Changed;

    /// <summary>Switches a token on again.</summary>
    /// <param name="id">The token's id: 12 characters of <c>[0-9A-Za-z]</c>.</param>
    /// <returns>Whether this call switched it on; <see langword="false"/> where it was not off.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="id"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="id"/> is not in the form of an id.</exception>
    /// <exception cref="NotFoundException">There is no such token.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public bool Enable(string id) =>
        Send(NativeCalls.TokenEnable, new IdRequest(TokenId(id)), Wire.IdRequest, Wire.ChangeResponse).Changed;

    /// <summary>Removes a token and its record, and revokes the tokens that were granted by it. From then on its value is
    /// <see cref="Outcome.Unknown"/>.</summary>
    /// <param name="id">The token's id: 12 characters of <c>[0-9A-Za-z]</c>.</param>
    /// <returns>Whether there was such a token.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="id"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="id"/> is not in the form of an id.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public bool Remove(string id) =>
        Send(NativeCalls.TokenRemove, new IdRequest(TokenId(id)), Wire.IdRequest, Wire.ChangeResponse).Changed;

    private static RevokeTokenRequest Reasoned(string id, string? reason) =>
        new(TokenId(id), Argument.OptionalText(reason, TesseraLimits.RemarkCharacters));
}
