using System.Buffers;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Unicode;
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

    // A key of the store signs or verifies.
    private const ulong NoKey = 0;

    // The id of a key comes with every answer, and is nearly always the one that came before: a verdict would otherwise
    // allocate as much again for it.
    private static volatile string? _lastKeyId;

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
        using NativeHandle.Lease lease = key.Borrow();
        return Mint(NoStore, lease.Number, request);
    }

    /// <summary>Checks a token's signature, claims and times.</summary>
    /// <param name="token">The token in compact form; <see langword="null"/> is no token. One longer than 8,192 bytes is
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
    public static JsonWebTokenVerdict Verify(string? token, JsonWebKeyMaterial key, JsonWebTokenRules? rules = null)
    {
        ArgumentNullException.ThrowIfNull(key);
        NativeLibraryLoader.EnsureUsable();
        using NativeHandle.Lease lease = key.Borrow();
        return Verify(NoStore, lease.Number, token, token, rules);
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
        using NativeHandle.Lease lease = key.Borrow();
        return Verify(NoStore, lease.Number, token, text: null, rules);
    }

    /// <summary>Makes a token with a key of the store.</summary>
    internal static JsonWebTokenMint Mint(ulong store, JsonWebTokenRequest request) => Mint(store, NoKey, request);

    /// <summary>Checks a token with the keys of the store. <paramref name="text"/> is the token, where it is a
    /// string.</summary>
    internal static JsonWebTokenVerdict Verify(
        ulong store,
        ReadOnlySpan<char> token,
        string? text,
        JsonWebTokenRules? rules) => Verify(store, NoKey, token, text, rules);

    [SkipLocalsInit]
    private static unsafe JsonWebTokenMint Mint(ulong store, ulong key, JsonWebTokenRequest request)
    {
        string claims = Argument.Text(request.Claims, TesseraLimits.TokenValueBytes);
        string? named = Argument.OptionalText(request.KeyId, TesseraLimits.NameCharacters);
        var minting = new NativeJwtMinting
        {
            Kind = (uint)Argument.Defined(request.Kind),
            Algorithm = NumberOf(request.Algorithm),
            Lifetime = Argument.OptionalDurationSeconds(request.ExpiresIn) ?? long.MinValue,
        };
        int mostBytes = (claims.Length + (named?.Length ?? 0)) * NativeText.MostBytesPerChar;
        byte[]? rented = mostBytes <= NativeText.StackBytes ? null : ArrayPool<byte>.Shared.Rent(mostBytes);
        Span<byte> utf8 = rented ?? stackalloc byte[NativeText.StackBytes];
        Span<byte> token = stackalloc byte[TesseraLimits.TokenValueBytes];
        Span<byte> keyId = stackalloc byte[NativeJwtResult.KeyIdBytes];
        NativeJwtResult result = default;

        // Well-formed, as was seen above, and with room for it.
        Utf8.FromUtf16(claims, utf8, out _, out int used);
        int length = used;
        try
        {
            NativeBuffer response;
            uint code;
            fixed (byte* pinned = utf8)
            {
                minting.KeyId = NativeText.Append(named, utf8, ref used);
                code = NativeCalls.JwtMint(store, key, utf8[..length], minting, token, keyId, out result, out response);
            }

            JsonWebTokenWords? words = ReadWords(code, response);
            return new JsonWebTokenMint
            {
                Value = new TokenValue(token[..(int)result.TokenLength]),
                KeyId = KeyIdOf(keyId, result),
                Algorithm = AlgorithmOf(result).GetValueOrDefault(),
                Warnings = words?.Warnings ?? EquatableList<string>.None,
            };
        }
        finally
        {
            // Claims may be enough to make the token's value again, where the key is weak.
            CryptographicOperations.ZeroMemory(utf8[..used]);
            CryptographicOperations.ZeroMemory(token[..(int)result.TokenLength]);
            Return(rented);
        }
    }

    [SkipLocalsInit]
    private static unsafe JsonWebTokenVerdict Verify(
        ulong store,
        ulong key,
        ReadOnlySpan<char> token,
        string? text,
        JsonWebTokenRules? rules)
    {
        rules ??= DefaultRules;
        string? issuer = Argument.OptionalText(rules.Issuer, TesseraLimits.NameCharacters);
        string? audience = Argument.OptionalText(rules.Audience, TesseraLimits.NameCharacters);
        var native = new NativeJwtRules
        {
            Kind = (uint)Argument.Defined(rules.Kind),
            Algorithm = NumberOf(rules.Algorithm),
            At = Argument.SecondsBefore(rules.At) ?? long.MinValue,
        };

        // A token is judged and not refused as an argument, whatever is wrong with it. A character is at least one byte.
        if (token.Length > TesseraLimits.TokenValueBytes)
        {
            return Unreadable();
        }

        int textBytes = ((issuer?.Length ?? 0) + (audience?.Length ?? 0)) * NativeText.MostBytesPerChar;
        bool isAscii = Ascii.IsValid(token);
        int mostBytes = textBytes + (isAscii ? token.Length : token.Length * NativeText.MostBytesPerChar);
        byte[]? rented = mostBytes <= NativeText.StackBytes ? null : ArrayPool<byte>.Shared.Rent(mostBytes);
        Span<byte> utf8 = rented ?? stackalloc byte[NativeText.StackBytes];
        Span<byte> keyId = stackalloc byte[NativeJwtResult.KeyIdBytes];
        uint code;
        NativeBuffer response;
        NativeJwtResult result;
        int length = 0;
        try
        {
            OperationStatus status = Utf8.FromUtf16(token, utf8, out _, out length, replaceInvalidSequences: false);
            if (status != OperationStatus.Done || length > TesseraLimits.TokenValueBytes)
            {
                return Unreadable();
            }

            int used = length;
            fixed (byte* pinned = utf8)
            {
                native.Issuer = NativeText.Append(issuer, utf8, ref used);
                native.Audience = NativeText.Append(audience, utf8, ref used);
                code = NativeCalls.JwtVerify(store, key, utf8[..length], native, keyId, out result, out response);
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(utf8[..length]);
            Return(rented);
        }

        JsonWebTokenWords? words = ReadWords(code, response);
        string? parts = result.IsWellFormed == 0 ? null : text ?? token[..token.LastIndexOf('.')].ToString();
        return new JsonWebTokenVerdict(parts)
        {
            Outcome = (Outcome)result.Outcome,
            Reason = words?.Reason,
            KeyId = KeyIdOf(keyId, result),
            Algorithm = AlgorithmOf(result),
            Warnings = words?.Warnings ?? EquatableList<string>.None,
        };
    }

    private static readonly JsonWebTokenRules DefaultRules = new();

    private static JsonWebTokenVerdict Unreadable() => new()
    {
        Outcome = Outcome.Malformed,
        Reason = "The text is longer than 8,192 bytes, or not well-formed Unicode.",
    };

    private static JsonWebTokenWords? ReadWords(uint code, in NativeBuffer response) =>
        code == 0 && response.Span.IsEmpty
            ? null
            : NativeResponse.Read(code, response, WireContext.Default.JsonWebTokenWords);

    private static string? KeyIdOf(ReadOnlySpan<byte> keyId, in NativeJwtResult result)
    {
        ReadOnlySpan<byte> written = keyId[..(int)result.KeyIdLength];
        if (written.IsEmpty)
        {
            return null;
        }

        string? last = _lastKeyId;
        return last is not null && Ascii.Equals(written, last) ? last : _lastKeyId = Encoding.UTF8.GetString(written);
    }

    private static uint NumberOf(SigningAlgorithm? algorithm) =>
        algorithm is { } given ? (uint)Argument.Defined(given) + 1 : 0;

    private static SigningAlgorithm? AlgorithmOf(in NativeJwtResult result) =>
        result.Algorithm == 0 ? null : (SigningAlgorithm)(result.Algorithm - 1);

    private static void Return(byte[]? rented)
    {
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }
}
