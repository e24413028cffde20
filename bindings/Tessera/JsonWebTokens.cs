using Tessera.Native;

namespace Tessera;

/// <summary>Makes and checks JSON Web Tokens (RFC 7519) with a caller's own key, without a store.</summary>
/// <remarks>
/// The rules are those of RFC 8725 and stricter: the key says which algorithm is expected, there is no <c>none</c>,
/// keys inside a token (<c>jwk</c>, <c>jku</c>, <c>x5u</c>, <c>x5c</c>) and unknown <c>crit</c> entries are refused, as
/// are duplicate members and base64url that is not canonical. Safe to use on any thread.
/// </remarks>
public static class JsonWebTokens
{
    // No store: the native library signs and verifies with the key it is given.
    private const ulong NoStore = 0;

    /// <summary>Makes a token and signs it.</summary>
    /// <param name="request">What to put into it, and how to sign it.</param>
    /// <param name="key">The key: an HMAC secret or a private key.</param>
    /// <returns>The token; the caller disposes of it.</returns>
    /// <exception cref="ArgumentNullException">An argument is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">A member of <paramref name="request"/> is outside its stated form or
    /// limits.</exception>
    /// <exception cref="KeyException">The key may not be used: its form, length, use or algorithm.</exception>
    /// <exception cref="NativeLibraryException">The native library is missing or of another version.</exception>
    /// <exception cref="ObjectDisposedException"><paramref name="key"/> was disposed of.</exception>
    public static JsonWebTokenMint Mint(JsonWebTokenRequest request, JsonWebKeyMaterial key)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(key);
        if (request.KeyId is not null)
        {
            throw Argument.Invalid("'keyId' names a key of a store; a key that is given here says its own id.", "keyId");
        }

        NativeLibraryLoader.EnsureUsable();
        using PooledBuffer json = Write(request, key.Kind);
        using PooledBuffer material = key.Copy();
        return Mint(NoStore, json.Span, material.Span);
    }

    /// <summary>Checks a token's signature, claims and times.</summary>
    /// <param name="token">The token in compact form. One longer than 8,192 bytes is
    /// <see cref="Outcome.Malformed"/>.</param>
    /// <param name="key">The key: an HMAC secret or a public key.</param>
    /// <param name="rules">What the token must be. <see langword="null"/>: an access token (RFC 9068) of any issuer,
    /// for any audience, now.</param>
    /// <returns>The verdict. A token that is refused is no exception.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="key"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">A member of <paramref name="rules"/> is outside its stated form or
    /// limits.</exception>
    /// <exception cref="KeyException">The key may not be used: its form, length, use or algorithm.</exception>
    /// <exception cref="NativeLibraryException">The native library is missing or of another version.</exception>
    /// <exception cref="ObjectDisposedException"><paramref name="key"/> was disposed of.</exception>
    public static JsonWebTokenVerdict Verify(
        ReadOnlySpan<char> token,
        JsonWebKeyMaterial key,
        JsonWebTokenRules? rules = null)
    {
        ArgumentNullException.ThrowIfNull(key);
        NativeLibraryLoader.EnsureUsable();
        using PooledBuffer json = Write(rules ?? new JsonWebTokenRules(), key.Kind);
        using PooledBuffer material = key.Copy();
        return Verify(NoStore, token, json.Span, material.Span);
    }

    internal static JsonWebTokenMint Mint(ulong store, ReadOnlySpan<byte> request, ReadOnlySpan<byte> key)
    {
        uint code = NativeCalls.JwtMint(store, request, key, out NativeBuffer minted, out NativeBuffer response);
        TokenValue value = NativeResponse.ReadValue(minted);
        try
        {
            MintResponse mint = NativeResponse.Read(code, response, WireContext.Default.MintResponse);
            return new JsonWebTokenMint
            {
                Value = value,
                KeyId = mint.KeyId,
                Algorithm = mint.Algorithm,
                Warnings = mint.Warnings ?? EquatableList<string>.None,
            };
        }
        catch
        {
            value.Dispose();
            throw;
        }
    }

    internal static JsonWebTokenVerdict Verify(
        ulong store,
        ReadOnlySpan<char> token,
        ReadOnlySpan<byte> request,
        ReadOnlySpan<byte> key)
    {
        // A token is judged and not refused as an argument, whatever is wrong with it.
        if (!Argument.TryEncode(token, TesseraLimits.TokenValueBytes, out PooledBuffer? utf8))
        {
            return new JsonWebTokenVerdict
            {
                Outcome = Outcome.Malformed,
                Reason = "The text is longer than 8,192 bytes, or not well-formed Unicode.",
            };
        }

        using (utf8)
        {
            uint code = NativeCalls.JwtVerify(store, utf8.Span, request, key, out NativeBuffer response);
            return NativeResponse.Read(code, response, WireContext.Default.JsonWebTokenVerdict);
        }
    }

    internal static PooledBuffer Write(JsonWebTokenRequest request, JsonWebKeyKind? keyKind) =>
        NativeResponse.Write(
            new MintRequest(
                Argument.Text(request.Claims, TesseraLimits.TokenValueBytes),
                Argument.Defined(request.Kind),
                request.Algorithm is { } algorithm ? Argument.Defined(algorithm) : null,
                Argument.OptionalText(request.KeyId, TesseraLimits.NameCharacters),
                keyKind,
                Argument.OptionalDurationSeconds(request.ExpiresIn)),
            WireContext.Default.MintRequest);

    internal static PooledBuffer Write(JsonWebTokenRules rules, JsonWebKeyKind? keyKind) =>
        NativeResponse.Write(
            new VerifyRequest(
                Argument.Defined(rules.Kind),
                Argument.OptionalText(rules.Issuer, TesseraLimits.NameCharacters),
                Argument.OptionalText(rules.Audience, TesseraLimits.NameCharacters),
                Argument.SecondsBefore(rules.At),
                keyKind,
                rules.Algorithm is { } algorithm ? Argument.Defined(algorithm) : null),
            WireContext.Default.VerifyRequest);
}
