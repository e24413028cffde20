using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Security;
using System.Security.Cryptography;
using System.Text;

namespace Tessera;

/// <summary>The value of a token: the secret that its bearer presents.</summary>
/// <remarks>
/// The value lies in memory that the garbage collector does not move, and is cleared by <see cref="Dispose"/>. What
/// <see cref="Reveal"/> returns is an ordinary string, which nothing can clear: call it as late as possible.
/// <see cref="ToString"/> never shows the value. Safe to use on any thread.
/// </remarks>
[DebuggerDisplay("***")]
public sealed class TokenValue : IDisposable
{
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly Lock _gate = new();

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private byte[]? _utf8;

    /// <summary>Copies a value out of <paramref name="utf8Value"/>, which the caller clears.</summary>
    internal TokenValue(ReadOnlySpan<byte> utf8Value)
    {
        // Pinned, so that the collector leaves no second copy behind when it compacts the heap.
        _utf8 = GC.AllocateUninitializedArray<byte>(utf8Value.Length, pinned: true);
        utf8Value.CopyTo(_utf8);
        IsEmpty = utf8Value.IsEmpty;
    }

    /// <summary>Whether nothing was given out.</summary>
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    internal bool IsEmpty { get; }

    /// <summary>Gives the value as a string.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="InvalidOperationException">There is none: see <see cref="TokenGrant.HasValue"/>.</exception>
    /// <exception cref="ObjectDisposedException">The value was cleared.</exception>
    public string Reveal()
    {
        lock (_gate)
        {
            ThrowIfUnreadable();
            return Encoding.UTF8.GetString(_utf8);
        }
    }

    /// <summary>Gives the value as a read-only secure string, without making a string of it on the way.</summary>
    /// <returns>A new secure string, which the caller disposes of. Off Windows .NET does not encrypt its
    /// contents.</returns>
    /// <exception cref="InvalidOperationException">There is none: see <see cref="TokenGrant.HasValue"/>.</exception>
    /// <exception cref="ObjectDisposedException">The value was cleared.</exception>
    public unsafe SecureString ToSecureString()
    {
        lock (_gate)
        {
            ThrowIfUnreadable();
            char[] characters = GC.AllocateUninitializedArray<char>(_utf8.Length, pinned: true);
            try
            {
                int count = Encoding.UTF8.GetChars(_utf8, characters);
                fixed (char* first = characters)
                {
                    var secure = new SecureString(first, count);
                    secure.MakeReadOnly();
                    return secure;
                }
            }
            finally
            {
                Array.Clear(characters);
            }
        }
    }

    /// <summary>Hides the value.</summary>
    /// <returns><c>***</c>, whatever the value.</returns>
    public override string ToString() => "***";

    /// <summary>Clears the value from memory. A second call does nothing.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            CryptographicOperations.ZeroMemory(_utf8);
            _utf8 = null;
        }
    }

    [MemberNotNull(nameof(_utf8))]
    private void ThrowIfUnreadable()
    {
        ObjectDisposedException.ThrowIf(_utf8 is null, this);
        if (IsEmpty)
        {
            throw new InvalidOperationException("There is no value: it was given out before, and is not told again.");
        }
    }
}
