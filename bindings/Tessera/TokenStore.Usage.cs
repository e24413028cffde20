using Tessera.Native;

namespace Tessera;

public sealed partial class TokenStore
{
    /// <summary>Says how a token was used. What this store has gathered is written down first; what other processes have
    /// gathered is as old as their last <see cref="Flush"/>.</summary>
    /// <param name="id">The token's id: 12 characters of <c>[0-9A-Za-z]</c>.</param>
    /// <returns>Its usage.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="id"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="id"/> is not in the form of an id.</exception>
    /// <exception cref="NotFoundException">There is no such token.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public TokenUsage GetUsage(string id) =>
        Send(NativeCalls.TokenUsage, new IdRequest(TokenId(id)), Wire.IdRequest, Wire.TokenUsage);

    /// <summary>Says what would be felt if a token ended now, by a revocation or a removal; or if it were switched off,
    /// which leaves <see cref="TokenImpact.Children"/> as they are.</summary>
    /// <param name="id">The token's id: 12 characters of <c>[0-9A-Za-z]</c>.</param>
    /// <returns>The impact.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="id"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="id"/> is not in the form of an id.</exception>
    /// <exception cref="NotFoundException">There is no such token.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public TokenImpact GetImpact(string id) =>
        Send(NativeCalls.TokenImpact, new IdRequest(TokenId(id)), Wire.IdRequest, Wire.TokenImpact);

    /// <summary>Writes down what was gathered of uses and refusals, and signs the newest record of the audit log. The
    /// store does so by itself (<see cref="TokenStoreOptions.FlushInterval"/>), and when it is closed.</summary>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public void Flush()
    {
        using NativeHandle.Lease lease = Borrow();
        uint code = NativeCalls.StoreFlush(lease.Number, out NativeBuffer response);
        NativeResponse.ThrowIfFailed(code, response);
    }
}
