using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>Owns a key that the native library keeps ready. To dispose of it wipes the key; the finaliser does so for one
/// that nobody disposed of.</summary>
/// <remarks>Calls are counted: a handle that is disposed of during a call closes when the last call has ended.</remarks>
internal sealed class JsonWebKeyHandle : SafeHandle
{
    private readonly ulong _key;

    internal JsonWebKeyHandle(ulong key)
        : base(IntPtr.Zero, ownsHandle: true) => _key = key;

    /// <inheritdoc/>
    public override bool IsInvalid => _key == 0;

    /// <summary>Keeps the key until the lease is disposed of. Allocates nothing.</summary>
    /// <exception cref="ObjectDisposedException">The handle was disposed of.</exception>
    internal Lease Borrow() => new(this);

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeCalls.JwtKeyClose(_key);
        return true;
    }

    /// <summary>The right to use the key for the length of a call.</summary>
    internal readonly ref struct Lease : IDisposable
    {
        private readonly JsonWebKeyHandle _handle;

        internal Lease(JsonWebKeyHandle handle)
        {
            bool isCounted = false;
            handle.DangerousAddRef(ref isCounted);
            _handle = handle;
        }

        /// <summary>The native library's number for the key.</summary>
        internal ulong Key => _handle._key;

        /// <summary>Ends the use.</summary>
        public void Dispose() => _handle.DangerousRelease();
    }
}
