using Tessera.Native;

namespace Tessera;

/// <summary>Checks signatures in the compact form of RFC 7515, without regard to what was signed.</summary>
/// <remarks>For tokens use <see cref="JsonWebTokens"/> or <see cref="TokenStore"/>, which check claims and times as
/// well. Safe to use on any thread.</remarks>
public static class JsonWebSignature
{
    /// <summary>Checks a signature and the header's rules (RFC 7515 section 5.2).</summary>
    /// <param name="compact">The signed text in compact form, at most 8,192 bytes.</param>
    /// <param name="jwk">The key: the text of a JSON Web Key (RFC 7517), at most 16,384 bytes of UTF-8. Its <c>alg</c>,
    /// or else its kind, says which algorithm is expected.</param>
    /// <param name="reason">Why it was refused, for administrators and logs; <see langword="null"/> where it is
    /// right.</param>
    /// <returns>Whether the signature is right and the header keeps to the rules.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="jwk"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="jwk"/> is empty, too long, or holds a lone
    /// surrogate.</exception>
    /// <exception cref="KeyException">The key may not be used: its form, length, use or algorithm.</exception>
    /// <exception cref="NativeLibraryException">The native library is missing or of another version.</exception>
    public static bool Verify(ReadOnlySpan<char> compact, string jwk, out string? reason)
    {
        ArgumentNullException.ThrowIfNull(jwk);
        NativeLibraryLoader.EnsureUsable();
        using PooledBuffer key = Argument.Encode(jwk, TesseraLimits.KeyMaterialBytes, nameof(jwk));
        Argument.ThrowIfOutsideBytes(key.Length, TesseraLimits.KeyMaterialBytes, nameof(jwk));
        if (!Argument.TryEncode(compact, TesseraLimits.TokenValueBytes, out PooledBuffer? utf8))
        {
            reason = "The text is longer than 8,192 bytes, or not well-formed Unicode.";
            return false;
        }

        using (utf8)
        {
            uint code = NativeCalls.JwsVerify(utf8.Span, key.Span, out NativeBuffer response);
            SignatureResponse answer = NativeResponse.Read(code, response, WireContext.Default.SignatureResponse);
            reason = answer.Verified ? null : answer.Reason;
            return answer.Verified;
        }
    }
}
