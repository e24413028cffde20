using Tessera.Native;

namespace Tessera.Tests;

/// <summary>The search for values in files, as an application calls it.</summary>
public sealed class LeakTests : IDisposable
{
    private readonly TemporaryStore _temporary = new();

    // Never kept, as folders of stores may be: there are values in it.
    private readonly string _folder = Directory.CreateTempSubdirectory("tessera-leaks-").FullName;

    private TokenStore Store => _temporary.Store;

    public void Dispose()
    {
        _temporary.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void A_value_is_found_with_its_place_and_its_token()
    {
        string value = _temporary.Grant(out Token token);
        string path = Plant("app.config", $"# keys\n\nkey = \"{value}\"\n");
        using TokenGrant jwt = Store.Grant(new TokenGrantRequest { Identity = "Adam", Format = TokenFormat.Jwt });
        string jwtPath = Plant("sub/request.log", $"Authorization: Bearer {jwt.Value.Reveal()}");

        LeakedToken[] leaks = [.. Find(_folder).OrderBy(leak => leak.Kind)];

        Assert.Equal(2, leaks.Length);
        Assert.Equal(new LeakedToken { Path = path, Line = 3, Offset = 15, Kind = LeakKind.Opaque, Token = token, StatedId = token.Id }, leaks[0]);
        Assert.True(leaks[0].IsLive);
        Assert.Equal((jwtPath, 1L, 22L, LeakKind.Jwt), (leaks[1].Path, leaks[1].Line, leaks[1].Offset, leaks[1].Kind));
        Assert.Equal((jwt.Token.Id, jwt.Token.KeyId), (leaks[1].Token?.Id, leaks[1].KeyId));

        // The state is the store's at the time, by its clock.
        Store.Revoke(token.Id);
        _temporary.Clock.Now = TemporaryStore.Start.AddDays(100);
        leaks = [.. Find(_folder).OrderBy(leak => leak.Kind)];
        Assert.Equal([TokenState.Revoked, TokenState.Expired], leaks.Select(leak => leak.Token!.State));
        Assert.DoesNotContain(leaks, leak => leak.IsLive);
    }

    [Fact]
    public void A_decoy_is_found_and_is_not_live_and_raises_its_event_only_when_it_is_presented()
    {
        using TokenGrant decoy = Store.Grant(new TokenGrantRequest { Identity = "Adam", IsDecoy = true });
        Plant("passwords.txt", decoy.Value.Reveal());

        LeakedToken leak = Assert.Single(Find(_folder));
        Assert.True(leak.Token!.IsDecoy);
        Assert.False(leak.IsLive);
        Assert.Empty(Raised());

        for (int times = 0; times < 3; times++)
        {
            Assert.Equal(Outcome.Unknown, Store.Validate(decoy.Value.Reveal()).Outcome);
        }

        AuditEvent raised = Assert.Single(Raised());
        Assert.Equal(decoy.Token.Id, raised.Subject);

        IEnumerable<AuditEvent> Raised() => Store.GetAuditEvents(new AuditEventFilter { Event = "token.decoy" });
    }

    [Fact]
    public void A_folder_is_searched_as_deep_as_was_asked()
    {
        string value = _temporary.Grant(out _);
        Plant("0.txt", value);
        Plant("a/1.txt", value);
        Plant("a/b/2.txt", value);

        Assert.Equal(3, Find(_folder).Count());
        Assert.Equal(["0.txt"], Names(0));
        Assert.Equal(["0.txt", "1.txt"], Names(1));

        IEnumerable<string> Names(int depth) =>
            Store.FindLeaks(new LeakSearch { Paths = [_folder], MaximumDepth = depth }, TestContext.Current.CancellationToken).Select(leak => Path.GetFileName(leak.Path)).Order();
    }

    [Fact]
    public void Each_enumeration_searches_anew_and_tells_how_far_it_came()
    {
        string value = _temporary.Grant(out _);
        var seen = new List<LeakSearchProgress>();
        IEnumerable<LeakedToken> leaks = Store.FindLeaks(new LeakSearch { Paths = [_folder], Progress = new Seen(seen) }, TestContext.Current.CancellationToken);
        Assert.Empty(leaks);
        string path = Plant("late.txt", value);
        Assert.Single(leaks);
        Assert.Equal(new LeakSearchProgress(1, new FileInfo(path).Length), seen[^1]);
    }

    [Fact]
    public void What_cannot_be_read_is_told_and_the_rest_is_searched()
    {
        string value = _temporary.Grant(out _);
        Plant("good.txt", value);
        var unread = new List<UnreadFile>();
        string missing = Path.Combine(_folder, "missing");

        LeakedToken leak = Assert.Single(Store.FindLeaks(new LeakSearch { Paths = [missing, _temporary.Path, _folder], NotRead = unread.Add }, TestContext.Current.CancellationToken));

        Assert.Equal("good.txt", Path.GetFileName(leak.Path));
        Assert.Equal([(missing, UnreadReason.NotFound), (_temporary.Path, UnreadReason.InUse)], unread.OrderBy(file => file.Reason).Select(file => (file.Path, file.Reason)));
        Assert.All(unread, file => Assert.EndsWith(".", file.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("paths", new string[0], null)]
    [InlineData("paths", new[] { "" }, null)]
    [InlineData("maximumDepth", new[] { "x" }, -1)]
    public void Arguments_outside_their_limits_are_refused_by_the_call(string subject, string[] paths, int? depth)
    {
        var exception = Assert.Throws<InvalidRequestException>(() => Store.FindLeaks(new LeakSearch { Paths = paths, MaximumDepth = depth }, TestContext.Current.CancellationToken));
        Assert.Equal(subject, exception.Subject);
    }

    [Fact]
    public void More_paths_than_the_limit_are_refused()
    {
        string[] paths = [.. Enumerable.Repeat("x", TesseraLimits.SearchPaths + 1)];
        Assert.Throws<InvalidRequestException>(() => Store.FindLeaks(new LeakSearch { Paths = paths }, TestContext.Current.CancellationToken));
        Assert.Throws<ArgumentNullException>(() => Store.FindLeaks(new LeakSearch { Paths = null! }, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_search_that_is_left_ends_with_its_threads_and_files()
    {
        string value = _temporary.Grant(out _);
        string endless = PlantEndless(value);

        using (IEnumerator<LeakedToken> leaks = Find(_folder).GetEnumerator())
        {
            Assert.True(leaks.MoveNext());
            Assert.Equal(endless, leaks.Current.Path);
            Assert.Equal(OperatingSystem.IsLinux(), IsOpen());
        }

        Assert.False(IsOpen());
        File.Delete(endless);

        // Where the system says it, whether this process has the file open: as long as a thread of the search has.
        bool IsOpen() => OperatingSystem.IsLinux()
            && new DirectoryInfo("/proc/self/fd").GetFiles().Any(file => file.LinkTarget == endless);
    }

    [Fact]
    public void A_search_can_be_canceled()
    {
        // Not one that waited for its end: there are hours of it.
        PlantEndless(_temporary.Grant(out _));
        using var source = new CancellationTokenSource();

        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (LeakedToken leak in Store.FindLeaks(new LeakSearch { Paths = [_folder] }, source.Token))
            {
                source.Cancel();
            }
        });
    }

    [Fact]
    public void A_store_that_is_disposed_of_ends_its_searches()
    {
        PlantEndless(_temporary.Grant(out _));
        TokenStore second = _temporary.Open();

        Assert.Throws<ObjectDisposedException>(() =>
        {
            foreach (LeakedToken leak in second.FindLeaks(new LeakSearch { Paths = [_folder] }, TestContext.Current.CancellationToken))
            {
                second.Dispose();
            }
        });
        Assert.Throws<ObjectDisposedException>(() => second.FindLeaks(new LeakSearch { Paths = [_folder] }, TestContext.Current.CancellationToken));
        Assert.Equal(1, Store.GetStatus().Tokens.Total);
    }

    [Fact]
    public void No_value_crosses_the_boundary_and_a_page_is_bounded()
    {
        string value = _temporary.Grant(out _);
        using TokenGrant jwt = Store.Grant(new TokenGrantRequest { Identity = "Adam", Format = TokenFormat.Jwt });
        string jwtValue = jwt.Value.Reveal();
        Plant("many.txt", string.Concat(Enumerable.Repeat($"{value}\n{jwtValue}\n", 1_250)));
        using PooledBuffer open = NativeResponse.Write(new OpenRequest(_temporary.Path, null, true, null, null), WireContext.Default.OpenRequest);
        NativeResponse.ThrowIfFailed(NativeCalls.StoreOpen(open.Span, default, out ulong store, out NativeBuffer opened), opened);
        using PooledBuffer request = NativeResponse.Write(new LeakSearchRequest([_folder], null, null), WireContext.Default.LeakSearchRequest);
        NativeResponse.ThrowIfFailed(NativeCalls.LeakOpen(store, request.Span, out ulong search, out NativeBuffer started), started);

        // The search goes on without the store's own handle, and is no handle of a store.
        Assert.Equal(0u, NativeCalls.StoreClose(store));
        Assert.Equal((uint)ErrorCode.InvalidHandle, NativeCalls.StoreClose(search));
        var leaks = new List<LeakedToken>();
        LeakPageResponse page;
        do
        {
            uint code = NativeCalls.LeakNext(search, 250, out NativeBuffer response);
            string text = System.Text.Encoding.UTF8.GetString(response.Span);
            Assert.DoesNotContain(value[^20..], text, StringComparison.Ordinal);
            Assert.DoesNotContain(jwtValue[^20..], text, StringComparison.Ordinal);
            page = NativeResponse.Read(code, response, WireContext.Default.LeakPageResponse);
            Assert.InRange(page.Leaks.Count, 0, 1_000);
            leaks.AddRange(page.Leaks);
        }
        while (!page.IsLast);

        Assert.Equal(2_500, leaks.Count);
        Assert.Equal(0u, NativeCalls.LeakClose(search));
        Assert.Equal((uint)ErrorCode.InvalidHandle, NativeCalls.LeakClose(search));
    }

    [Fact]
    public void A_search_that_is_closed_during_a_call_lets_that_end()
    {
        PlantEndless("nothing");
        using PooledBuffer open = NativeResponse.Write(new OpenRequest(_temporary.Path, null, true, null, null), WireContext.Default.OpenRequest);
        NativeResponse.ThrowIfFailed(NativeCalls.StoreOpen(open.Span, default, out ulong store, out NativeBuffer opened), opened);
        using PooledBuffer request = NativeResponse.Write(new LeakSearchRequest([_folder], null, null), WireContext.Default.LeakSearchRequest);
        NativeResponse.ThrowIfFailed(NativeCalls.LeakOpen(store, request.Span, out ulong search, out NativeBuffer started), started);
        LeakPageResponse? page = null;
        Exception? failure = null;
        var asking = new Thread(() => failure = Record.Exception(() =>
        {
            uint code = NativeCalls.LeakNext(search, 1_000, out NativeBuffer response);
            page = NativeResponse.Read(code, response, WireContext.Default.LeakPageResponse);
        }));
        asking.Start();
        Thread.Sleep(100);

        Assert.Equal(0u, NativeCalls.LeakClose(search));
        Assert.True(asking.Join(TimeSpan.FromSeconds(30)));

        // The call may also have come too late.
        Assert.True(failure is null ? page!.Leaks.Count == 0 : failure is TesseraException { Code: ErrorCode.InvalidHandle }, failure?.ToString());
        Assert.Equal(0u, NativeCalls.StoreClose(store));
    }

    private IEnumerable<LeakedToken> Find(string path) => Store.FindLeaks(new LeakSearch { Paths = [path] }, TestContext.Current.CancellationToken);

    private string Plant(string name, string content)
    {
        string path = Path.Combine(_folder, name.Replace('/', Path.DirectorySeparatorChar));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }

    /// <summary>A file that begins with a text and goes on for longer than any test may take, without taking any room.</summary>
    private string PlantEndless(string content)
    {
        string path = Plant("endless.bin", content);
        using FileStream file = File.OpenWrite(path);
        file.SetLength(1L << 42);
        return path;
    }

    private sealed class Seen(List<LeakSearchProgress> seen) : IProgress<LeakSearchProgress>
    {
        public void Report(LeakSearchProgress value) => seen.Add(value);
    }
}
