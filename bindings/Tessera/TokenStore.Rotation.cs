using Tessera.Native;

namespace Tessera;

public sealed partial class TokenStore
{
    /// <summary>Rotates a token: makes another with all that it has, an id, a value and a life of its own, which takes over
    /// from it. It is durable when the call returns.</summary>
    /// <param name="request">Which, and how.</param>
    /// <returns>Both tokens and the new value, which is told this once; the caller disposes of it.</returns>
    /// <remarks>A token has one successor at a time, whoever asks how often. A value that is lost on its way cannot be told
    /// again: revoke the new token and rotate the old one once more, or repeat the request where it had a key. To store
    /// the value before anything changes, use <see cref="PrepareRotation"/>.</remarks>
    /// <exception cref="ArgumentNullException"><paramref name="request"/>, or a member that it requires, is
    /// <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">A member is outside its stated form or limits. With
    /// <see cref="ErrorCode.Conflict"/>: the token has a successor, or is revoked, disabled or expired, or its key was used
    /// for another request.</exception>
    /// <exception cref="NotFoundException">There is no such token.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public TokenRotation Rotate(TokenRotationRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return Rotate(NativeCalls.TokenRotate, request);
    }

    /// <summary>Makes the token that is to take over from another, and its value, without changing anything yet: that is
    /// what <see cref="PreparedRotation.Deliver"/> does, when the value has arrived where it is kept.</summary>
    /// <param name="request">Which, and how.</param>
    /// <returns>What was prepared; the caller disposes of it, which takes it back unless it was delivered.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="request"/>, or a member that it requires, is
    /// <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">As for <see cref="Rotate(TokenRotationRequest)"/>.</exception>
    /// <exception cref="NotFoundException">There is no such token.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public PreparedRotation PrepareRotation(TokenRotationRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return new PreparedRotation(this, request, Rotate(NativeCalls.RotationPrepare, request));
    }

    internal TokenRotation Deliver(string id, TokenRotationRequest request) =>
        Rotation(
            Send(
                NativeCalls.RotationDeliver,
                new DeliverRequest(
                    id,
                    request.Mode,
                    Argument.OptionalDurationSeconds(request.Grace),
                    Argument.SecondsBefore(request.Deadline)),
                Wire.DeliverRequest,
                Wire.RotationResponse),
            value: null);

    internal void Abandon(string id) =>
        Send(NativeCalls.RotationAbandon, new IdRequest(id), Wire.IdRequest, Wire.ChangeResponse);

    private static TokenRotation Rotation(RotationResponse response, TokenValue? value) => new()
    {
        Predecessor = response.Predecessor,
        Successor = response.Successor,
        Value = value,
    };

    private TokenRotation Rotate(StoreValueRequest call, TokenRotationRequest request)
    {
        var wireRequest = new RotateRequest(
            TokenId(request.Id),
            Argument.Defined(request.Mode),
            Argument.OptionalDurationSeconds(request.Grace),
            Argument.SecondsBefore(request.Deadline),
            Argument.OptionalDurationSeconds(request.ExpiresIn),
            Argument.SecondsBefore(request.ExpiresAt),
            request.NoExpiry ? true : null,
            Argument.OptionalText(request.IdempotencyKey, TesseraLimits.IdempotencyKeyCharacters));

        using PooledBuffer json = NativeResponse.Write(wireRequest, Wire.RotateRequest);
        using NativeHandle.Lease lease = Borrow();
        uint code = call(lease.Number, json.Span, out NativeBuffer granted, out NativeBuffer response);
        TokenValue? value = granted.Span.IsEmpty ? null : NativeResponse.ReadValue(granted);
        try
        {
            return Rotation(NativeResponse.Read(code, response, Wire.RotationResponse), value);
        }
        catch
        {
            value?.Dispose();
            throw;
        }
    }
}
