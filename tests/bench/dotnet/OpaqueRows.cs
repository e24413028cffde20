using BenchmarkDotNet.Attributes;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Tessera.Benchmarks;

/// <summary>The check of opaque tokens that were checked before.</summary>
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
        report.Add(new Row("hot-identitymodel", What, "Microsoft.IdentityModel.JsonWebTokens: validation of an HS256 token with the same claims, without revocation", Spread.OfQuotients(identityModel.Nanoseconds, ours.Nanoseconds), "times faster")
        {
            Goal = Goal.NotUnder(25),
            Ours = Side.Of("ns", ours.Nanoseconds),
            Theirs = Side.Of("ns", identityModel.Nanoseconds),
            Notes = [onFile],
        });
        report.Add(new Row("hot-allocated", $"{What}: allocated", "the same", Spread.Of(ours.Bytes), "bytes")
        {
            Goal = Goal.NotOver(0),
            Theirs = Side.Of("bytes", identityModel.Bytes),
        });
        report.Add(new Row("hot-by-hand", What, "C# by hand: SHA-256 and one indexed look-up with Microsoft.Data.Sqlite", Spread.OfQuotients(byHand.Nanoseconds, ours.Nanoseconds), "times faster")
        {
            Goal = Goal.NotUnder(40),
            Ours = Side.Of("ns", ours.Nanoseconds),
            Theirs = Side.Of("ns", byHand.Nanoseconds),
            Notes = [onFile],
        });
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
            Rounds.Require(IdentityModel().IsValid, "a signed token is refused");
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
    public Verdict Tessera() => _store.Validate(_values[Next()]);

    [Benchmark]
    public TokenValidationResult IdentityModel() =>
        _handler.ValidateTokenAsync(_jsonWebTokens[Next()], _parameters).GetAwaiter().GetResult();

    [Benchmark]
    public string? ByHand() => _byHand.Check(_values[Next()]);

    private int Next() => _next = (_next + 1) % Tokens;
}

/// <summary>Microsoft.IdentityModel.JsonWebTokens as a program uses it that knows its key, issuer and audience.</summary>
internal static class IdentityModelPeer
{
    internal const string Issuer = "urn:example:issuer";
    internal const string Audience = "https://api.example";

    internal static (JsonWebTokenHandler Handler, TokenValidationParameters Parameters, string[] Tokens) Create(int count)
    {
        var key = new SymmetricSecurityKey(System.Security.Cryptography.RandomNumberGenerator.GetBytes(32)) { KeyId = "one" };
        var handler = new JsonWebTokenHandler();
        var credentials = new SigningCredentials(key, SecurityAlgorithms.HmacSha256);
        string[] tokens = [.. Enumerable.Range(0, count).Select(number => handler.CreateToken(Describe($"{number:D12}", credentials)))];
        return (handler, Parameters(key, SecurityAlgorithms.HmacSha256), tokens);
    }

    /// <summary>The claims that a token of Tessera has: id, subject, name, roles, issuer, audience and times.</summary>
    internal static SecurityTokenDescriptor Describe(string id, SigningCredentials credentials) => new()
    {
        Issuer = Issuer,
        Audience = Audience,
        IssuedAt = DateTime.UtcNow,
        NotBefore = DateTime.UtcNow,
        Expires = DateTime.UtcNow.AddDays(30),
        SigningCredentials = credentials,
        TokenType = "at+jwt",
        Claims = new Dictionary<string, object>
        {
            ["jti"] = id,
            ["sub"] = "Adam",
            ["client_id"] = "Adam",
            ["name"] = "nightly",
            ["roles"] = new[] { "Reader" },
        },
    };

    internal static TokenValidationParameters Parameters(SecurityKey key, string algorithm) => new()
    {
        ValidIssuer = Issuer,
        ValidAudience = Audience,
        IssuerSigningKey = key,
        ValidAlgorithms = [algorithm],
        ValidTypes = ["at+jwt"],
    };
}
