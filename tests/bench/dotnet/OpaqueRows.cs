using System.Diagnostics;
using System.Globalization;
using BenchmarkDotNet.Attributes;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Tessera.Benchmarks;

/// <summary>The check of opaque tokens, of those that were checked before and of others.</summary>
internal static class OpaqueRows
{
    internal static void Add(Report report, Stage stage)
    {
        HotOpaque.Folder = stage.LargeFolder;
        IReadOnlyDictionary<string, Method> methods = Rounds.Run<HotOpaque>(stage.Extent, stage.Folder);
        Method ours = methods[nameof(HotOpaque.Tessera)];
        Method identityModel = methods[nameof(HotOpaque.IdentityModel)];
        Method byHand = methods[nameof(HotOpaque.ByHand)];
        const string What = ".NET: hot check of an opaque token, revocation seen by all processes included";
        string onFile = $"{HotOpaque.Tokens} tokens in turn, of {stage.LargeCount:N0} on file";
        report.Add(new Row("hot-identitymodel", What, "Microsoft.IdentityModel.JsonWebTokens: validation of an HS256 token with the same claims, without revocation", Spread.OfQuotients(identityModel.Nanoseconds, ours.Nanoseconds), "times as fast")
        {
            Goal = Goal.NotUnder(25),
            Ours = Side.Of("ns", ours.Nanoseconds),
            Theirs = Side.Of("ns", identityModel.Nanoseconds),
            Notes = [onFile],
        });
        report.Add(new Row("hot-allocated", ".NET: hot check of an opaque token: allocated", "Microsoft.IdentityModel.JsonWebTokens, beside it", Spread.Of(ours.Bytes), "bytes")
        {
            Goal = Goal.NotOver(0),
            Theirs = Side.Of("bytes", identityModel.Bytes),
        });
        report.Add(new Row("hot-by-hand", What, "C# by hand: SHA-256 and one indexed look-up with Microsoft.Data.Sqlite", Spread.OfQuotients(byHand.Nanoseconds, ours.Nanoseconds), "times as fast")
        {
            Goal = Goal.NotUnder(40),
            Ours = Side.Of("ns", ours.Nanoseconds),
            Theirs = Side.Of("ns", byHand.Nanoseconds),
            Notes = [onFile],
        });
        AddCold(report, stage);
    }

    /// <summary>Each token can be checked for the first time once in an open store, so the store is opened several times,
    /// and the two sides take turns, some hundred tokens each.</summary>
    private static void AddCold(Report report, Stage stage)
    {
        const int Turn = 250;
        string[] values = File.ReadAllLines(Path.Combine(stage.LargeFolder, "values.txt"));
        List<double> ours = [], theirs = [], ourTurns = [], theirTurns = [];
        for (int pass = 0; pass < stage.Extent.Pick(3, 2); pass++)
        {
            // The tokens lie in the store in another order, so that neighbours here are none there.
            Random.Shared.Shuffle(values);
            using var store = TokenStore.Open(Path.Combine(stage.LargeFolder, "tokens.db"));
            using var byHand = new HandWritten(Path.Combine(stage.LargeFolder, "peer.db"));
            int next = values.Length / 4;
            foreach (string value in values[..next])
            {
                Rounds.Require(store.Validate(value).IsValid && byHand.Check(value) == "Adam", "a token is refused");
            }

            for (; next + Turn <= values.Length; next += Turn)
            {
                string[] turn = values[next..(next + Turn)];
                ourTurns.Add(Time(turn, value => store.Validate(value).IsValid, ours));
                theirTurns.Add(Time(turn, value => byHand.Check(value) is not null, theirs));
            }
        }

        static double At(List<double> measured, double share) => measured.Order().ElementAt((int)((measured.Count - 1) * share));
        report.Add(new Row("cold-by-hand", $".NET: cold check of an opaque token, {stage.LargeCount:N0} tokens on file", "C# by hand: SHA-256 and one indexed look-up with Microsoft.Data.Sqlite", Spread.OfQuotients(theirTurns, ourTurns), "times as fast")
        {
            Goal = Goal.NotUnder(2),
            Ours = Side.Of("ns", ours),
            Theirs = Side.Of("ns", theirs),
            Notes = [string.Create(CultureInfo.InvariantCulture, $"p99: {At(ours, 0.99) / 1_000:0.0} µs, by hand {At(theirs, 0.99) / 1_000:0.0} µs")],
        });
    }

    /// <summary>Notes how long each check took, and gives the mean of all of them, in nanoseconds.</summary>
    private static double Time(string[] values, Func<string, bool> isValid, List<double> each)
    {
        double sum = 0;
        foreach (string value in values)
        {
            long begun = Stopwatch.GetTimestamp();
            bool isGood = isValid(value);
            double nanoseconds = Stopwatch.GetElapsedTime(begun).TotalNanoseconds;
            Rounds.Require(isGood, "a token is refused");
            each.Add(nanoseconds);
            sum += nanoseconds;
        }

        return sum / values.Length;
    }
}

/// <summary>The methods that BenchmarkDotNet runs; it makes the object.</summary>
public class HotOpaque
{
    internal const int Tokens = 1_024;

    private string[] _values = [];
    private string[] _jsonWebTokens = [];
    private TokenStore _store = null!;
    private HandWritten _byHand = null!;
    private JsonWebTokenHandler _handler = null!;
    private TokenValidationParameters _parameters = null!;
    private int _next;

    internal static string Folder { get; set; } = "";

    [GlobalSetup]
    public void SetUp()
    {
        _values = [.. File.ReadLines(Path.Combine(Folder, "values.txt")).Take(Tokens)];
        _store = TokenStore.Open(Path.Combine(Folder, "tokens.db"));
        _byHand = new HandWritten(Path.Combine(Folder, "peer.db"));
        (_handler, _parameters, _jsonWebTokens) = IdentityModelPeer.Create(Tokens);
        for (int number = 0; number < Tokens; number++)
        {
            // Everyone gives the right answers before anyone's time is taken.
            Rounds.Require(_store.Validate(_values[number]) is { IsValid: true, Identity: "Adam" }, "a granted token is refused");
            Rounds.Require(_byHand.Check(_values[number]) == "Adam", "a token is refused by hand");
            Rounds.Require(IdentityModel(), "a signed token is refused");
        }

        Rounds.Require(!_store.Validate(_values[0][..^1] + "~").IsValid, "a token that nobody granted is accepted");
        Rounds.Require(_byHand.Check(_values[0] + "x") is null, "a token that nobody granted is accepted by hand");
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        _store.Dispose();
        _byHand.Dispose();
    }

    [Benchmark]
    public bool Tessera() => Rounds.Yes(_store.Validate(_values[Next()]).IsValid);

    [Benchmark]
    public bool IdentityModel() =>
        Rounds.Yes(_handler.ValidateTokenAsync(_jsonWebTokens[Next()], _parameters).GetAwaiter().GetResult().IsValid);

    [Benchmark]
    public bool ByHand() => Rounds.Yes(_byHand.Check(_values[Next()]) is not null);

    private int Next() => _next = (_next + 1) % Tokens;
}

/// <summary>Microsoft.IdentityModel.JsonWebTokens as a program uses it that knows its key, issuer and audience.</summary>
internal static class IdentityModelPeer
{
    internal const string Issuer = "urn:example:issuer";
    internal const string Audience = "https://api.example";

    private static readonly string[] Roles = ["Reader"];

    internal static (JsonWebTokenHandler Handler, TokenValidationParameters Parameters, string[] Tokens) Create(int count)
    {
        var key = new SymmetricSecurityKey(System.Security.Cryptography.RandomNumberGenerator.GetBytes(32)) { KeyId = "one" };
        var handler = new JsonWebTokenHandler();
        var credentials = new SigningCredentials(key, SecurityAlgorithms.HmacSha256);
        string[] tokens = [.. Enumerable.Range(0, count).Select(number => handler.CreateToken(Describe($"{number:D12}", credentials)))];
        return (handler, Parameters(key, SecurityAlgorithms.HmacSha256), tokens);
    }

    /// <summary>The claims that a token of Tessera has: id, subject, name, roles, issuer, audience and times.</summary>
    internal static SecurityTokenDescriptor Describe(string id, SigningCredentials credentials)
    {
        DateTime now = DateTime.UtcNow;
        return new SecurityTokenDescriptor
        {
            Issuer = Issuer,
            Audience = Audience,
            IssuedAt = now,
            NotBefore = now,
            Expires = now.AddDays(30),
            SigningCredentials = credentials,
            TokenType = "at+jwt",
            Claims = new Dictionary<string, object>
            {
                ["jti"] = id,
                ["sub"] = "Adam",
                ["client_id"] = "Adam",
                ["name"] = "nightly",
                ["roles"] = Roles,
            },
        };
    }

    internal static TokenValidationParameters Parameters(SecurityKey key, string algorithm) => new()
    {
        ValidIssuer = Issuer,
        ValidAudience = Audience,
        IssuerSigningKey = key,
        ValidAlgorithms = [algorithm],
        ValidTypes = ["at+jwt"],
    };
}
