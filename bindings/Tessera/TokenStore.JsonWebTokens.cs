using Tessera.Native;

namespace Tessera;

public sealed partial class TokenStore
{
    /// <summary>Makes a JSON Web Token and signs it with a key of the store.</summary>
    /// <param name="request">What to put into it, and which key signs.</param>
    /// <returns>The token; the caller disposes of it. It is not recorded: see
    /// <see cref="JsonWebTokenRequest"/>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="request"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">A member of <paramref name="request"/> is outside its stated form or
    /// limits.</exception>
    /// <exception cref="NotFoundException">There is no such key.</exception>
    /// <exception cref="KeyException">The key is not for the algorithm that was asked for.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public JsonWebTokenMint MintJsonWebToken(JsonWebTokenRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        using NativeHandle.Lease lease = Borrow();
        return JsonWebTokens.Mint(lease.Number, request);
    }

    /// <summary>Checks a JSON Web Token's signature, claims and times against the store's keys.</summary>
    /// <param name="token">The token in compact form; <see langword="null"/> is no token. One longer than 8,192 bytes is
    /// <see cref="Outcome.Malformed"/>.</param>
    /// <param name="rules">What the token must be. <see langword="null"/>: an access token (RFC 9068) of the store's
    /// issuer, for any audience, now.</param>
    /// <returns>The verdict. A token that is refused is no exception.</returns>
    /// <remarks>For a token that the store granted, <see cref="Validate(ReadOnlySpan{char}, in AccessContext)"/> also
    /// says for whom it speaks, and what it may do now.</remarks>
    /// <exception cref="InvalidRequestException">A member of <paramref name="rules"/> is outside its stated form or
    /// limits.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public JsonWebTokenVerdict VerifyJsonWebToken(string? token, JsonWebTokenRules? rules = null)
    {
        using NativeHandle.Lease lease = Borrow();
        return JsonWebTokens.Verify(lease.Number, token, token, rules);
    }

    /// <summary>Checks a JSON Web Token's signature, claims and times against the store's keys.</summary>
    /// <param name="token">The token in compact form. One longer than 8,192 bytes is
    /// <see cref="Outcome.Malformed"/>.</param>
    /// <param name="rules">What the token must be. <see langword="null"/>: an access token (RFC 9068) of the store's
    /// issuer, for any audience, now.</param>
    /// <returns>The verdict. A token that is refused is no exception.</returns>
    /// <remarks>For a token that the store granted, <see cref="Validate(ReadOnlySpan{char}, in AccessContext)"/> also
    /// says for whom it speaks, and what it may do now.</remarks>
    /// <exception cref="InvalidRequestException">A member of <paramref name="rules"/> is outside its stated form or
    /// limits.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public JsonWebTokenVerdict VerifyJsonWebToken(ReadOnlySpan<char> token, JsonWebTokenRules? rules = null)
    {
        using NativeHandle.Lease lease = Borrow();
        return JsonWebTokens.Verify(lease.Number, token, text: null, rules);
    }
}
