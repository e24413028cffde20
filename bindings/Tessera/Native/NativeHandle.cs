using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>Owns what the native library knows by a number.</summary>
/// <remarks>
/// Calls are counted: a handle that is disposed of during a call closes when the last call has ended, and one that
/// nobody disposed of is closed by its finaliser. The native side checks handles as well.
/// </remarks>
internal abstract class NativeHandle : SafeHandle
{
    private protected NativeHandle(ulong number)
        : base(IntPtr.Zero, ownsHandle: true) => Number = number;

    /// <inheritdoc/>
    public override bool IsInvalid => Number == 0;

    /// <summary>The native library's number, for a call that the native library protects by itself. The caller keeps this
    /// object alive for the length of it.</summary>
    /// <remarks>It has 64 bits on every machine, and the handle of the base class only as many as a pointer.</remarks>
    internal ulong Number { get; }

    /// <summary>Keeps the handle open until the lease is disposed of. Allocates nothing.</summary>
    /// <exception cref="ObjectDisposedException">The handle was disposed of.</exception>
    internal Lease Borrow() => new(this);

    /// <summary>The right to use a handle for the length of a call.</summary>
    internal readonly ref struct Lease : IDisposable
    {
        private readonly NativeHandle _handle;

        internal Lease(NativeHandle handle)
        {
            bool isCounted = false;
            handle.DangerousAddRef(ref isCounted);
            _handle = handle;
        }

        /// <summary>The native library's number.</summary>
        internal ulong Number => _handle.Number;

        /// <summary>Ends the use.</summary>
        public void Dispose() => _handle.DangerousRelease();
    }
}

/// <summary>Owns an open store.</summary>
internal sealed class StoreHandle(ulong store) : NativeHandle(store)
{
    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeCalls.StoreClose(Number);
        return true;
    }
}

/// <summary>Owns a key that is kept ready. To dispose of it wipes the key.</summary>
internal sealed class JsonWebKeyHandle(ulong key) : NativeHandle(key)
{
    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeCalls.JwtKeyClose(Number);
        return true;
    }
}

/// <summary>Owns a search. To dispose of it ends the search and its threads.</summary>
internal sealed class LeakSearchHandle(ulong search) : NativeHandle(search)
{
    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeCalls.LeakClose(Number);
        return true;
    }
}
