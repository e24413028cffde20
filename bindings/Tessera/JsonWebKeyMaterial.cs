using System.Diagnostics;
using System.Security.Cryptography;
using Tessera.Native;

namespace Tessera;

/// <summary>A caller's own key, to sign or verify a JSON Web Token with, without a store.</summary>
/// <remarks>
/// <para>The key lies in memory that the garbage collector does not move, from its first use on in the native library's,
/// and is cleared by <see cref="Dispose"/>. <see cref="ToString"/> never shows it. Whether it fits an algorithm is judged
/// when it is used. Safe to use on any thread.</para>
/// <para>Keep it for as long as it is used: it is read and made ready at the first use, and later ones cost a fraction of
/// that.</para>
/// </remarks>
[DebuggerDisplay("***")]
public sealed class JsonWebKeyMaterial : IDisposable
{
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly Lock _gate = new();

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private byte[]? _bytes;

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private volatile JsonWebKeyHandle? _handle;

    private JsonWebKeyMaterial(JsonWebKeyKind kind, ReadOnlySpan<byte> bytes)
    {
        Kind = kind;
        _bytes = GC.AllocateUninitializedArray<byte>(bytes.Length, pinned: true);
        bytes.CopyTo(_bytes);
    }

    /// <summary>The form that the key was given in.</summary>
    public JsonWebKeyKind Kind { get; }

    /// <summary>Takes the bytes of an HMAC secret.</summary>
    /// <param name="secret">The secret: 1 to 16,384 bytes. A strong one has at least 32, from a random number
    /// generator. It is copied; the caller clears its own.</param>
    /// <returns>The key.</returns>
    /// <exception cref="InvalidRequestException"><paramref name="secret"/> is empty or too long.</exception>
    public static JsonWebKeyMaterial FromSecret(ReadOnlySpan<byte> secret)
    {
        Argument.ThrowIfOutsideBytes(secret.Length, TesseraLimits.KeyMaterialBytes, nameof(secret));
        return new JsonWebKeyMaterial(JsonWebKeyKind.Secret, secret);
    }

    /// <summary>Takes the text of an HMAC secret; its UTF-8 bytes are the secret.</summary>
    /// <param name="secret">The secret: 1 to 16,384 bytes of UTF-8. It is copied; the caller clears its own.</param>
    /// <returns>The key.</returns>
    /// <exception cref="InvalidRequestException"><paramref name="secret"/> is empty, too long, or holds a lone
    /// surrogate.</exception>
    public static JsonWebKeyMaterial FromSecretText(ReadOnlySpan<char> secret) =>
        FromText(JsonWebKeyKind.Secret, secret, nameof(secret));

    /// <summary>Takes a key in PEM (RFC 7468): one <c>PRIVATE KEY</c>, <c>RSA PRIVATE KEY</c> or <c>EC PRIVATE KEY</c>
    /// to sign, or one of these or of <c>PUBLIC KEY</c> and <c>RSA PUBLIC KEY</c> to verify.</summary>
    /// <param name="pem">The PEM text: 1 to 16,384 bytes. It is copied; the caller clears its own.</param>
    /// <returns>The key.</returns>
    /// <exception cref="InvalidRequestException"><paramref name="pem"/> is empty, too long, or holds a lone
    /// surrogate.</exception>
    public static JsonWebKeyMaterial FromPem(ReadOnlySpan<char> pem) => FromText(JsonWebKeyKind.Pem, pem, nameof(pem));

    /// <summary>Takes a JSON Web Key (RFC 7517).</summary>
    /// <param name="jwk">The text of the JSON object: 1 to 16,384 bytes of UTF-8. It is copied; the caller clears its
    /// own.</param>
    /// <returns>The key.</returns>
    /// <exception cref="InvalidRequestException"><paramref name="jwk"/> is empty, too long, or holds a lone
    /// surrogate.</exception>
    public static JsonWebKeyMaterial FromJwk(ReadOnlySpan<char> jwk) => FromText(JsonWebKeyKind.Jwk, jwk, nameof(jwk));

    /// <summary>Hides the key.</summary>
    /// <returns><c>***</c>, whatever the key.</returns>
    public override string ToString() => "***";

    /// <summary>Clears the key from memory. A second call does nothing.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            Clear();
            _handle?.Dispose();
        }
    }

    /// <summary>The key in the native library, for the length of a call: a <see cref="Dispose"/> meanwhile waits for its
    /// end.</summary>
    internal NativeHandle.Lease Borrow() => (_handle ?? Open()).Borrow();

    private JsonWebKeyHandle Open()
    {
        lock (_gate)
        {
            if (_handle is { } opened)
            {
                return opened;
            }

            ObjectDisposedException.ThrowIf(_bytes is null, this);
            uint code = NativeCalls.JwtKeyOpen((uint)Kind, _bytes, out ulong key, out NativeBuffer response);
            var handle = new JsonWebKeyHandle(key);
            NativeResponse.ThrowIfFailed(code, response);
            Clear();
            return _handle = handle;
        }
    }

    private void Clear()
    {
        CryptographicOperations.ZeroMemory(_bytes);
        _bytes = null;
    }

    private static JsonWebKeyMaterial FromText(JsonWebKeyKind kind, ReadOnlySpan<char> text, string subject)
    {
        using PooledBuffer utf8 = Argument.Encode(text, TesseraLimits.KeyMaterialBytes, subject);
        Argument.ThrowIfOutsideBytes(utf8.Length, TesseraLimits.KeyMaterialBytes, subject);
        return new JsonWebKeyMaterial(kind, utf8.Span);
    }
}
