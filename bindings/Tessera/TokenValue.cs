using System.Diagnostics;
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
    // What the last value to be cleared on this thread lay in, for the next one: to allocate pinned memory takes longer
    // than to make most tokens.
    [ThreadStatic]
    private static byte[]? _spare;

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly Lock _gate = new();

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly int _length;

    // Behind the value there may be room that is not used.
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private byte[]? _memory;

    /// <summary>Copies a value out of <paramref name="utf8Value"/>, which the caller clears.</summary>
    internal TokenValue(ReadOnlySpan<byte> utf8Value)
    {
        byte[]? spare = _spare;
        if (spare is not null && spare.Length >= utf8Value.Length)
        {
            _spare = null;
            _memory = spare;
        }
        else
        {
            // Pinned, so that the collector leaves no second copy behind when it compacts the heap.
            _memory = GC.AllocateUninitializedArray<byte>(utf8Value.Length, pinned: true);
        }

        utf8Value.CopyTo(_memory);
        _length = utf8Value.Length;
    }

    /// <summary>Whether nothing was given out.</summary>
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    internal bool IsEmpty => _length == 0;

    /// <summary>Gives the value as a string.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="InvalidOperationException">There is none: see <see cref="TokenGrant.HasValue"/>.</exception>
    /// <exception cref="ObjectDisposedException">The value was cleared.</exception>
    public string Reveal()
    {
        lock (_gate)
        {
            return Encoding.UTF8.GetString(Value());
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
            ReadOnlySpan<byte> value = Value();
            char[] characters = GC.AllocateUninitializedArray<char>(value.Length, pinned: true);
            try
            {
                int count = Encoding.UTF8.GetChars(value, characters);
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
            if (_memory is not { } memory)
            {
                return;
            }

            _memory = null;
            CryptographicOperations.ZeroMemory(memory.AsSpan(0, _length));

            // The larger of the two, so that the next one fits.
            if (_spare is null || _spare.Length < memory.Length)
            {
                _spare = memory;
            }
        }
    }

    private ReadOnlySpan<byte> Value()
    {
        ObjectDisposedException.ThrowIf(_memory is null, this);
        if (IsEmpty)
        {
            throw new InvalidOperationException("There is no value: it was given out before, and is not told again.");
        }

        return _memory.AsSpan(0, _length);
    }
}
