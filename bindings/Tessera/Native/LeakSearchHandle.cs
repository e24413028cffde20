using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>Owns a search of the native library. To dispose of it ends the search and its threads; the finaliser does so
/// for one that nobody disposed of.</summary>
internal sealed class LeakSearchHandle : SafeHandle
{
    private readonly ulong _search;

    internal LeakSearchHandle(ulong search)
        : base(IntPtr.Zero, ownsHandle: true) => _search = search;

    /// <inheritdoc/>
    public override bool IsInvalid => _search == 0;

    /// <summary>Asks what the search met next.</summary>
    /// <exception cref="ObjectDisposedException">The handle was disposed of.</exception>
    internal uint Next(uint patienceMilliseconds, out NativeBuffer response)
    {
        bool isCounted = false;
        DangerousAddRef(ref isCounted);
        try
        {
            return NativeCalls.LeakNext(_search, patienceMilliseconds, out response);
        }
        finally
        {
            DangerousRelease();
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeCalls.LeakClose(_search);
        return true;
    }
}
