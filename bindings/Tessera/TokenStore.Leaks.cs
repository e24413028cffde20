using Tessera.Native;

namespace Tessera;

public sealed partial class TokenStore
{
    // How long a call waits for something to tell, and so how long a cancellation takes.
    private const uint LeakPatienceMilliseconds = 250;

    /// <summary>Searches files and folders for values of tokens, in several threads, and says whose they are. Only
    /// administrators may.</summary>
    /// <remarks>
    /// <para>
    /// Told is every value of a token of this store, whatever its state; every opaque value with the prefix of one of its
    /// profiles, for it may be another store's; and every JSON Web Token that one of its keys signed. Values of other
    /// systems are told where a profile says how they begin and their tokens were brought over; those with a salted
    /// digest take a password hash each. A find is no use of a token: nothing is counted, and no decoy raises its event.
    /// That there was a search is in the audit log.
    /// </para>
    /// <para>
    /// Values are found anywhere in a file of any kind, also in UTF-16 and in URLs. Not found are those that are
    /// compressed, encrypted, folded over several lines or written in base64; archives are not unpacked. The files of open
    /// stores are left out.
    /// </para>
    /// </remarks>
    /// <param name="search">Where to look.</param>
    /// <param name="cancellationToken">Ends the search within a second.</param>
    /// <returns>What was found, as it is found and in no particular order. Each enumeration searches anew, and ends its
    /// search when it is left.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="search"/>, or its list of paths, is
    /// <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">A member of <paramref name="search"/> is outside its stated form or
    /// limits, or whoever acts is no administrator.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of, now or during the enumeration.</exception>
    /// <exception cref="OperationCanceledException">The enumeration was canceled.</exception>
    public IEnumerable<LeakedToken> FindLeaks(LeakSearch search, CancellationToken cancellationToken = default)
    {
        // Here and not in the enumerator, so that bad arguments are refused by the call that was given them.
        ArgumentNullException.ThrowIfNull(search);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        string[] paths = Argument.OptionalTexts(search.Paths, TesseraLimits.SearchPaths, TesseraLimits.PathCharacters)
            ?? throw new ArgumentNullException(nameof(search), "The list of paths is null.");
        if (paths.Length == 0 || search.MaximumDepth < 0)
        {
            throw paths.Length == 0
                ? Argument.Invalid("'paths' may not be empty.", nameof(search.Paths))
                : Argument.Invalid("'maximumDepth' may not be negative.", nameof(search.MaximumDepth));
        }

        var request = new LeakSearchRequest(
            [.. paths.Select(path => FullPath(path, "paths"))], search.MaximumDepth, search.IncludeUnknown ? true : null);
        return Pages();

        IEnumerable<LeakedToken> Pages()
        {
            using LeakSearchHandle handle = StartLeakSearch(request);
            LeakPageResponse page;
            do
            {
                cancellationToken.ThrowIfCancellationRequested();
                page = ReadLeakPage(handle);
                foreach (UnreadFile unread in page.NotRead)
                {
                    search.NotRead?.Invoke(unread);
                }

                foreach (LeakedToken leak in page.Leaks)
                {
                    yield return leak;
                }

                search.Progress?.Report(new LeakSearchProgress(page.Files, page.Bytes));
            }
            while (!page.IsLast);
        }
    }

    private LeakSearchHandle StartLeakSearch(LeakSearchRequest request)
    {
        using PooledBuffer json = NativeResponse.Write(request, Wire.LeakSearchRequest);
        using NativeHandle.Lease lease = Borrow();
        uint code = NativeCalls.LeakOpen(lease.Number, json.Span, out ulong search, out NativeBuffer response);
        var handle = new LeakSearchHandle(search);
        try
        {
            NativeResponse.ThrowIfFailed(code, response);
            return handle;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private LeakPageResponse ReadLeakPage(LeakSearchHandle handle)
    {
        // Refuses a disposed store, and sets its clock.
        using NativeHandle.Lease lease = Borrow();
        using NativeHandle.Lease search = handle.Borrow();
        uint code = NativeCalls.LeakNext(search.Number, LeakPatienceMilliseconds, out NativeBuffer response);
        return NativeResponse.Read(code, response, Wire.LeakPageResponse);
    }
}
