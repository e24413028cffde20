namespace Tessera.Tests;

/// <summary>A store in a folder of its own, on a clock that stands still until the test moves it.</summary>
internal sealed class TemporaryStore : IDisposable
{
    /// <summary>Where the clock stands at first.</summary>
    internal static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    internal TemporaryStore(bool withIdentity = true)
    {
        Folder = TestFolder.Create();
        Path = System.IO.Path.Combine(Folder, "tokens.db");
        Store = Open();
        if (withIdentity)
        {
            Store.CreateIdentity("Adam", ["Operator"]);
        }
    }

    /// <summary>The folder that the store is alone in.</summary>
    internal string Folder { get; }

    /// <summary>The path of the database.</summary>
    internal string Path { get; }

    /// <summary>The clock of every store opened here.</summary>
    internal TestClock Clock { get; } = new(Start);

    /// <summary>The store.</summary>
    internal TokenStore Store { get; private set; }

    /// <summary>Opens the store once more.</summary>
    internal TokenStore Open() => TokenStore.Open(Path, new TokenStoreOptions { TimeProvider = Clock });

    /// <summary>Grants Adam a token and gives its value.</summary>
    internal string Grant(out Token token)
    {
        using TokenGrant grant = Store.Grant(new TokenGrantRequest { Identity = "Adam" });
        token = grant.Token;
        return grant.Value.Reveal();
    }

    public void Dispose()
    {
        Store.Dispose();
        TestFolder.Remove(Folder);
    }
}

/// <summary>A clock that a test sets.</summary>
/// <remarks>Public, so that scripts can use it.</remarks>
public sealed class TestClock(DateTimeOffset now) : TimeProvider
{
    public DateTimeOffset Now { get; set; } = now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Now;

    public override long GetTimestamp() => Now.Ticks;
}
