using System.Management.Automation.Runspaces;
using System.Runtime.CompilerServices;

namespace Tessera.PowerShell;

/// <summary>The stores that one runspace has open, and which of them its commands work on.</summary>
/// <remarks>
/// A process may hold many runspaces (jobs on threads, a web server's pool); none sees another's connection. The
/// session closes its stores when it disconnects, when the module is removed, and when its runspace closes.
/// </remarks>
internal sealed class Session
{
    // Weak by its key: a runspace that is dropped without being closed takes its session with it.
    private static readonly ConditionalWeakTable<Runspace, Session> Sessions = new();

    private readonly Lock _lock = new();
    // Stores that a script may still hold, from Connect-Tessera -PassThru.
    private readonly List<TokenStore> _handedOut = [];
    private TokenStore? _store;

    /// <summary>The session of the runspace that runs on this thread.</summary>
    public static Session Current
    {
        get
        {
            Runspace runspace = Runspace.DefaultRunspace
                ?? throw new InvalidOperationException("Tessera's commands run in a runspace only; this thread has none.");
            return Sessions.GetValue(runspace, static created =>
            {
                created.StateChanged += CloseWithRunspace;
                return new Session();
            });
        }
    }

    /// <summary>What commands measure time by. Tests set it, so that nothing depends on how fast they run.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>The store that the session is connected to; null where it is connected to none.</summary>
    public TokenStore? Store
    {
        get
        {
            lock (_lock)
            {
                return _store;
            }
        }
    }

    /// <summary>Closes the stores of the runspace on this thread, if it has any.</summary>
    public static void CloseCurrent()
    {
        if (Runspace.DefaultRunspace is { } runspace && Sessions.TryGetValue(runspace, out Session? session))
        {
            session.Close();
        }
    }

    /// <summary>Connects the session to a store. The one before is closed, unless a script was given it.</summary>
    /// <param name="store">The store; the session closes it in the end.</param>
    /// <param name="isHandedOut">Whether a script is given the store as well.</param>
    public void Adopt(TokenStore store, bool isHandedOut)
    {
        TokenStore? replaced = null;
        lock (_lock)
        {
            if (_store is not null && !_handedOut.Contains(_store))
            {
                replaced = _store;
            }

            _store = store;
            _handedOut.RemoveAll(static earlier => earlier.IsDisposed);
            if (isHandedOut)
            {
                _handedOut.Add(store);
            }
        }

        replaced?.Dispose();
    }

    /// <summary>Closes a store and, where the session was connected to it, leaves the session connected to none.</summary>
    /// <param name="store">Any store, of this session or not.</param>
    public void Release(TokenStore store)
    {
        lock (_lock)
        {
            _handedOut.Remove(store);
            if (ReferenceEquals(_store, store))
            {
                _store = null;
            }
        }

        store.Dispose();
    }

    private static void CloseWithRunspace(object? sender, RunspaceStateEventArgs change)
    {
        if (change.RunspaceStateInfo.State is RunspaceState.Closed or RunspaceState.Broken
            && sender is Runspace runspace
            && Sessions.TryGetValue(runspace, out Session? session))
        {
            session.Close();
        }
    }

    private void Close()
    {
        TokenStore[] stores;
        lock (_lock)
        {
            stores = _store is null || _handedOut.Contains(_store) ? [.. _handedOut] : [.. _handedOut, _store];
            _handedOut.Clear();
            _store = null;
        }

        foreach (TokenStore store in stores)
        {
            store.Dispose();
        }
    }
}
