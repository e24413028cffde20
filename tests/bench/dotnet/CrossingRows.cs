using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using BenchmarkDotNet.Attributes;
using Tessera.Native;

namespace Tessera.Benchmarks;

/// <summary>What the way from .NET into the engine and back adds to a hot check.</summary>
internal static class CrossingRows
{
    internal static void Add(Report report, Stage stage)
    {
        Crossing.Folder = stage.Folder;
        List<double> crossed = [], alone = [], empty = [];
        for (int round = 0; round < stage.Extent.Pick(5, 2); round++)
        {
            // In turns with a program in Rust, which does the same without the crossing.
            IReadOnlyDictionary<string, Method> methods = Rounds.Run<Crossing>(stage.Extent, stage.Folder, rounds: 1);
            crossed.AddRange(methods[nameof(Crossing.Check)].Nanoseconds);
            empty.AddRange(methods[nameof(Crossing.Empty)].Nanoseconds);
            alone.Add(double.Parse(stage.Start("hot-nanoseconds"), CultureInfo.InvariantCulture));
        }

        report.Add(new Row("crossing", "The crossing from .NET for a hot check", "the same check called in Rust", Spread.Of(crossed.Zip(alone, (with, without) => with - without)), "ns more")
        {
            Goal = Goal.NotOver(40),
            Ours = Side.Of("ns", crossed),
            Theirs = Side.Of("ns", alone),
            Notes = [string.Create(CultureInfo.InvariantCulture, $"an empty LibraryImport call: {Spread.Of(empty).Median:0.0} ns")],
        });
    }
}

/// <summary>The call of the C ABI as the .NET library makes it, and a call that does nothing.</summary>
public partial class Crossing
{
    private const int Tokens = 1_024;

    private readonly List<byte[]> _values = [];
    private string _folder = "";
    private TokenStore _store = null!;
    private ulong _handle;
    private int _next;

    internal static string Folder { get; set; } = "";

    [GlobalSetup]
    public void SetUp()
    {
        _folder = Directory.CreateDirectory(Path.Combine(Folder, $"crossing-{Guid.NewGuid():N}")).FullName;
        _store = TokenStore.Open(Path.Combine(_folder, "tokens.db"));
        _store.CreateIdentity("Adam", ["Operator"]);
        Parallel.For(0, Tokens, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
        {
            using TokenGrant grant = _store.Grant(new TokenGrantRequest { Identity = "Adam", Roles = ["Reader"] });
            byte[] value = Encoding.UTF8.GetBytes(grant.Value.Reveal());
            lock (_values)
            {
                _values.Add(value);
            }
        });
        using NativeHandle.Lease lease = HandleOf(_store).Borrow();
        _handle = lease.Number;
        Rounds.Require(Enumerable.Range(0, Tokens).All(_ => Check() == (uint)Outcome.Valid), "a granted token is refused");
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        _store.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Benchmark]
    public unsafe uint Check()
    {
        _next = (_next + 1) % Tokens;
        uint code = NativeCalls.TokenValidate(_handle, _values[_next], null, default, out NativeValidation answer, out _);
        return code == 0 ? answer.Outcome : throw new InvalidOperationException("The check failed.");
    }

    [Benchmark]
    public int Empty() => OperatingSystem.IsWindows() ? AbsoluteOnWindows(_next) : Absolute(_next);

    [LibraryImport("libc", EntryPoint = "abs")]
    private static partial int Absolute(int number);

    [LibraryImport("ucrtbase", EntryPoint = "abs")]
    private static partial int AbsoluteOnWindows(int number);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_handle")]
    private static extern ref StoreHandle HandleOf(TokenStore store);
}
