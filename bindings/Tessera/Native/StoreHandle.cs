using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>Owns an open store of the native library.</summary>
/// <remarks>
/// Calls are counted: a handle that is disposed of during a call closes when the last call has ended, and one that
/// nobody disposed of is closed by its finaliser. The native side checks handles as well.
/// </remarks>
internal sealed class StoreHandle : SafeHandle
{
    // A native handle has 64 bits on every machine, and the one of the base class only as many as a pointer.
    private readonly ulong _store;

    internal StoreHandle(ulong store)
        : base(IntPtr.Zero, ownsHandle: true) => _store = store;

    /// <inheritdoc/>
    public override bool IsInvalid => _store == 0;

    /// <summary>The native library's number for the store, for a call that the native library protects by itself. The
    /// caller keeps this object alive for the length of it.</summary>
    internal ulong Number => _store;

    /// <summary>Keeps the store open until the lease is disposed of. Allocates nothing.</summary>
    /// <exception cref="ObjectDisposedException">The handle was disposed of.</exception>
    internal Lease Borrow() => new(this);

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeCalls.StoreClose(_store);
        return true;
    }

    /// <summary>The right to use the store for the length of a call.</summary>
    internal readonly ref struct Lease : IDisposable
    {
        private readonly StoreHandle _handle;

        internal Lease(StoreHandle handle)
        {
            bool isCounted = false;
            handle.DangerousAddRef(ref isCounted);
            _handle = handle;
        }

        /// <summary>The native library's number for the store.</summary>
        internal ulong Store => _handle._store;

        /// <summary>Ends the use.</summary>
        public void Dispose() => _handle.DangerousRelease();
    }
}
