using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using BenchmarkDotNet.Attributes;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Tessera.Benchmarks;

/// <summary>JSON Web Tokens: those that nobody has seen before, those that were checked before, and those that are
/// made.</summary>
internal static class JsonWebTokenRows
{
    private const string IdentityModel = "Microsoft.IdentityModel.JsonWebTokens";

    internal static void Add(Report report, Stage stage)
    {
        using var samples = new JsonWebTokenSamples(stage);
        JsonWebTokenBenchmarks.Samples = samples;
        AddNew(report, stage);
        AddStored(report, stage, samples);
        AddSeen(report, stage);
        AddMinted(report, stage);
    }

    private static void AddNew(Report report, Stage stage)
    {
        NewTokens.Count = stage.Extent.Pick(8_192, 1_024);
        IReadOnlyDictionary<string, Method> methods = Rounds.Run<NewTokens>(stage.Extent, stage.Folder, NewTokens.Count);
        Method ours = methods[nameof(NewTokens.Tessera)];
        Method ownKey = methods[nameof(NewTokens.TesseraWithOwnKey)];
        Method identityModel = methods[nameof(NewTokens.IdentityModel)];
        Method jose = methods[nameof(NewTokens.JoseJwt)];
        const string What = ".NET: verify an HS256 JWT that was never seen and has no row";
        report.Add(new Row("jwt-new-identitymodel", What, IdentityModel, Spread.OfQuotients(identityModel.Nanoseconds, ours.Nanoseconds), "times as fast")
        {
            Goal = Goal.NotUnder(3),
            Ours = Side.Of("ns", ours.Nanoseconds),
            Theirs = Side.Of("ns", identityModel.Nanoseconds),
        });
        report.Add(new Row("jwt-new-jose", What, "jose-jwt, which checks the signature only", Spread.OfQuotients(jose.Nanoseconds, ours.Nanoseconds), "times as fast")
        {
            Goal = Goal.NotUnder(1.3),
            Ours = Side.Of("ns", ours.Nanoseconds),
            Theirs = Side.Of("ns", jose.Nanoseconds),
        });
        report.Add(new Row("jwt-new-allocated", $"{What}: allocated", IdentityModel, Spread.OfQuotients(ours.Bytes, identityModel.Bytes), "of the bytes")
        {
            Goal = Goal.NotOver(0.1),
            Ours = Side.Of("bytes", ours.Bytes),
            Theirs = Side.Of("bytes", identityModel.Bytes),
        });
        report.Add(new Row("jwt-new-own-key", ".NET: the same with a key that the caller brings to each call", IdentityModel, Spread.OfQuotients(identityModel.Nanoseconds, ownKey.Nanoseconds), "times as fast")
        {
            Ours = Side.Of("ns", ownKey.Nanoseconds),
            Theirs = Side.Of("ns", identityModel.Nanoseconds),
        });
    }

    /// <summary>Each token can be checked for the first time once, so this is no matter of repeating.</summary>
    private static void AddStored(Report report, Stage stage, JsonWebTokenSamples samples)
    {
        string[] stored = samples.Grant(SigningAlgorithm.HS256, stage.Extent.Pick(2_000, 200));
        List<double> ours = [], theirs = [];
        for (int round = 0; round < stage.Extent.Pick(7, 3); round++)
        {
            using var store = TokenStore.Open(samples.Path);
            int quarter = stored.Length / 4;
            Rounds.Require(stored[..quarter].All(token => store.Validate(token).IsValid), "a granted JWT is refused");
            ours.Add(NanosecondsOf(stored[quarter..], token => store.Validate(token).IsValid));
            theirs.Add(NanosecondsOf(stored[quarter..], _ => samples.IdentityModelAccepts("HS256")));
        }

        report.Add(new Row("jwt-stored", ".NET: validate an HS256 JWT that was never seen and has a row", IdentityModel, Spread.OfQuotients(theirs, ours), "times as fast")
        {
            Ours = Side.Of("ns", ours),
            Theirs = Side.Of("ns", theirs),
        });
    }

    private static double NanosecondsOf(string[] tokens, Func<string, bool> isValid)
    {
        long begun = Stopwatch.GetTimestamp();
        int valid = tokens.Count(isValid);
        double nanoseconds = Stopwatch.GetElapsedTime(begun).TotalNanoseconds / tokens.Length;
        Rounds.Require(valid == tokens.Length, "a JWT is refused");
        return nanoseconds;
    }

    private static void AddSeen(Report report, Stage stage)
    {
        IReadOnlyDictionary<string, Method> methods = Rounds.Run<SeenTokens>(stage.Extent, stage.Folder);
        void Compare(string id, string algorithm, string ours, string peer, string theirs, double? goal) => report.Add(
            new Row(id, $".NET: validate an {algorithm} JWT that was seen before", peer, Spread.OfQuotients(methods[theirs].Nanoseconds, methods[ours].Nanoseconds), "times as fast")
            {
                Goal = goal is { } least ? Goal.NotUnder(least) : null,
                Ours = Side.Of("ns", methods[ours].Nanoseconds),
                Theirs = Side.Of("ns", methods[theirs].Nanoseconds),
                Notes = [$"{methods[ours].Bytes.Max():0} bytes allocated"],
            });
        Compare("jwt-seen-es256", "ES256", nameof(SeenTokens.TesseraEs256), IdentityModel, nameof(SeenTokens.IdentityModelEs256), 150);
        Compare("jwt-seen-rs256", "RS256", nameof(SeenTokens.TesseraRs256), IdentityModel, nameof(SeenTokens.IdentityModelRs256), 50);
        Compare("jwt-seen-eddsa", "EdDSA", nameof(SeenTokens.TesseraEdDsa), "Tessera's own check of the same without memory", nameof(SeenTokens.TesseraEdDsaUnseen), null);
    }

    private static void AddMinted(Report report, Stage stage)
    {
        IReadOnlyDictionary<string, Method> methods = Rounds.Run<MintedTokens>(stage.Extent, stage.Folder);
        foreach ((string algorithm, double goal) in new[] { ("HS256", 3.0), ("ES256", 1.0), ("RS256", 1.0) })
        {
            Method ours = methods[$"Tessera{algorithm}"];
            Method theirs = methods[$"IdentityModel{algorithm}"];
            report.Add(new Row($"jwt-mint-{algorithm.ToLowerInvariant()}", $".NET: mint an {algorithm} JWT", IdentityModel, Spread.OfQuotients(theirs.Nanoseconds, ours.Nanoseconds), "times as fast")
            {
                Goal = Goal.NotUnder(goal),
                Ours = Side.Of("ns", ours.Nanoseconds),
                Theirs = Side.Of("ns", theirs.Nanoseconds),
                Notes = [$"{ours.Bytes.Max():0} bytes allocated, {theirs.Bytes.Max():0} by the peer"],
            });
        }
    }
}

/// <summary>A store with a key of each algorithm, and the peer with keys of its own and the same claims.</summary>
internal sealed class JsonWebTokenSamples : IDisposable
{
    internal const int Tokens = 256;

    private static readonly SigningAlgorithm[] Algorithms = [SigningAlgorithm.HS256, SigningAlgorithm.ES256, SigningAlgorithm.RS256, SigningAlgorithm.EdDSA];

    private static readonly string[] Roles = ["Reader"];

    private readonly Dictionary<SigningAlgorithm, string> _keyIds = [];
    private readonly Dictionary<string, (SigningCredentials Credentials, TokenValidationParameters Parameters, string[] Tokens)> _peers = [];
    private int _next;

    internal JsonWebTokenSamples(Stage stage)
    {
        Path = System.IO.Path.Combine(stage.Folder, "jwt.db");
        Store = TokenStore.Open(Path, new TokenStoreOptions { Issuer = IdentityModelPeer.Issuer });
        Store.CreateIdentity("Adam", ["Operator"]);
        foreach (SigningAlgorithm algorithm in Algorithms)
        {
            _keyIds.Add(algorithm, Store.CreateSigningKey(algorithm).KeyId);
        }

        var ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        // As many bits as the keys that Tessera makes have.
        var rsa = RSA.Create(3_072);
        foreach ((string algorithm, SecurityKey key) in new (string, SecurityKey)[]
        {
            ("HS256", new SymmetricSecurityKey(Secret) { KeyId = "hmac" }),
            ("ES256", new ECDsaSecurityKey(ecdsa) { KeyId = "ecdsa" }),
            ("RS256", new RsaSecurityKey(rsa) { KeyId = "rsa" }),
        })
        {
            var credentials = new SigningCredentials(key, algorithm);
            string[] tokens = [.. Enumerable.Range(0, Tokens).Select(number => Handler.CreateToken(IdentityModelPeer.Describe($"{number:D12}", credentials)))];
            _peers.Add(algorithm, (credentials, IdentityModelPeer.Parameters(key, algorithm), tokens));
        }

        // Whatever is measured is right: what is minted says the same, and each side takes what the other made, where keys
        // can be told.
        var keys = new JsonWebKeySet(Store.ExportSigningKeys(SigningKeyExport.Jwks)).GetSigningKeys();
        foreach (SigningAlgorithm algorithm in new[] { SigningAlgorithm.HS256, SigningAlgorithm.ES256, SigningAlgorithm.RS256 })
        {
            string theirs = MintByPeer($"{algorithm}");
            Rounds.Require(ClaimsOf(Mint(algorithm)).SequenceEqual(ClaimsOf(theirs)), "a minted JWT has other claims than the peer's");
            Rounds.Require(Validate(theirs, $"{algorithm}").IsValid, "a JWT of the peer is refused by itself");
            Rounds.Require(!Validate(WithOtherSignature(theirs), $"{algorithm}").IsValid, "a JWT with another signature is accepted by the peer");
        }

        foreach ((string algorithm, SigningAlgorithm ours) in new[] { ("ES256", SigningAlgorithm.ES256), ("RS256", SigningAlgorithm.RS256) })
        {
            SecurityKey key = keys.Single(key => key.KeyId == _keyIds[ours]);
            Rounds.Require(Accepts(Grant(ours, 1)[0], IdentityModelPeer.Parameters(key, algorithm)), "a granted JWT is refused by the peer");
            Rounds.Require(Accepts(Mint(ours), IdentityModelPeer.Parameters(key, algorithm)), "a minted JWT is refused by the peer");
        }

        using var secret = JsonWebKeyMaterial.FromSecret(Secret);
        Rounds.Require(JsonWebTokens.Verify(PeerTokens("HS256")[0], secret, Rules).IsValid, "a JWT of the peer is refused");
    }

    internal static byte[] Secret { get; } = RandomNumberGenerator.GetBytes(32);

    internal static JsonWebTokenRules Rules { get; } = new() { Issuer = IdentityModelPeer.Issuer, Audience = IdentityModelPeer.Audience };

    internal JsonWebTokenHandler Handler { get; } = new();

    internal TokenStore Store { get; }

    internal string Path { get; }

    internal string[] PeerTokens(string algorithm) => _peers[algorithm].Tokens;

    internal string MintByPeer(string algorithm) =>
        Handler.CreateToken(IdentityModelPeer.Describe(Guid.NewGuid().ToString("N"), _peers[algorithm].Credentials));

    internal string Mint(SigningAlgorithm algorithm)
    {
        using JsonWebTokenMint minted = Store.MintJsonWebToken(new JsonWebTokenRequest
        {
            Claims = JsonSerializer.Serialize(
                new MintedClaims(IdentityModelPeer.Audience, "Adam", "Adam", "nightly", Roles),
                MintedClaimsContext.Default.MintedClaims),
            KeyId = _keyIds[algorithm],
            ExpiresIn = TimeSpan.FromDays(30),
        });
        return minted.Value.Reveal();
    }

    internal string[] Grant(SigningAlgorithm algorithm, int count)
    {
        string[] values = new string[count];
        Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = 8 }, number =>
        {
            using TokenGrant grant = Store.Grant(new TokenGrantRequest
            {
                Identity = "Adam",
                Name = "nightly",
                Roles = ["Reader"],
                Audiences = [IdentityModelPeer.Audience],
                Format = TokenFormat.Jwt,
                KeyId = _keyIds[algorithm],
                ExpiresIn = TimeSpan.FromDays(30),
            });
            values[number] = grant.Value.Reveal();
        });
        return values;
    }

    internal TokenValidationResult Validate(string token, string algorithm) =>
        Handler.ValidateTokenAsync(token, _peers[algorithm].Parameters).GetAwaiter().GetResult();

    internal bool IdentityModelAccepts(string algorithm)
    {
        string[] tokens = PeerTokens(algorithm);
        return Validate(tokens[_next++ % tokens.Length], algorithm).IsValid;
    }

    internal static string WithOtherSignature(string token) => token[..^8] + (token[^8] == 'A' ? 'B' : 'A') + token[^7..];

    /// <summary>The claims of a token by name, with what they say unless it is another in each token.</summary>
    private IEnumerable<string> ClaimsOf(string token) =>
        Handler.ReadJsonWebToken(token).Claims.Select(claim => claim.Type is "jti" or "iat" or "nbf" or "exp" ? claim.Type : $"{claim}")
            .Order(StringComparer.Ordinal);

    private bool Accepts(string token, TokenValidationParameters parameters) =>
        Handler.ValidateTokenAsync(token, parameters).GetAwaiter().GetResult().IsValid;

    public void Dispose() => Store.Dispose();
}

/// <summary>What the classes here share; BenchmarkDotNet makes the objects.</summary>
public abstract class JsonWebTokenBenchmarks
{
    private int _next;

    internal static JsonWebTokenSamples Samples { get; set; } = null!;

    private protected string NextOf(string[] tokens) => tokens[_next = (_next + 1) % tokens.Length];
}

/// <summary>Verifying tokens that nobody has seen: as many are made before each turn as the turn takes.</summary>
public class NewTokens : JsonWebTokenBenchmarks
{
    private readonly JsonWebKeyMaterial _secret = JsonWebKeyMaterial.FromSecret(JsonWebTokenSamples.Secret);
    private readonly string[] _tokens = new string[Count];

    internal static int Count { get; set; }

    [IterationSetup(Target = nameof(Tessera))]
    public void Mint()
    {
        for (int number = 0; number < Count; number++)
        {
            _tokens[number] = Samples.Mint(SigningAlgorithm.HS256);
        }
    }

    [IterationSetup(Targets = [nameof(TesseraWithOwnKey), nameof(IdentityModel), nameof(JoseJwt)])]
    public void MintByPeer()
    {
        for (int number = 0; number < Count; number++)
        {
            _tokens[number] = Samples.MintByPeer("HS256");
        }
    }

    [Benchmark]
    public bool Tessera() => Rounds.Yes(Samples.Store.VerifyJsonWebToken(NextOf(_tokens), JsonWebTokenSamples.Rules).IsValid);

    [Benchmark]
    public bool TesseraWithOwnKey() => Rounds.Yes(JsonWebTokens.Verify(NextOf(_tokens), _secret, JsonWebTokenSamples.Rules).IsValid);

    [Benchmark]
    public bool IdentityModel() => Rounds.Yes(Samples.Validate(NextOf(_tokens), "HS256").IsValid);

    // It throws where the signature is wrong.
    [Benchmark]
    public bool JoseJwt() => Rounds.Yes(Jose.JWT.Decode(NextOf(_tokens), JsonWebTokenSamples.Secret, Jose.JwsAlgorithm.HS256).Length > 0);

}

/// <summary>Validating tokens that were seen before.</summary>
public class SeenTokens : JsonWebTokenBenchmarks
{
    private static readonly Dictionary<SigningAlgorithm, string[]> Granted = [];

    private readonly string[] _es256 = Of(SigningAlgorithm.ES256);
    private readonly string[] _rs256 = Of(SigningAlgorithm.RS256);
    private readonly string[] _edDsa = Of(SigningAlgorithm.EdDSA);

    [GlobalSetup]
    public void See()
    {
        foreach (string token in (string[])[.. _es256, .. _rs256, .. _edDsa])
        {
            Rounds.Require(Samples.Store.Validate(token) is { IsValid: true, Identity: "Adam" }, "a granted JWT is refused");
            Rounds.Require(!Samples.Store.Validate(JsonWebTokenSamples.WithOtherSignature(token)).IsValid, "a JWT with another signature is accepted");
        }
    }

    [Benchmark]
    public bool TesseraEs256() => Rounds.Yes(Samples.Store.Validate(NextOf(_es256)).IsValid);

    [Benchmark]
    public bool IdentityModelEs256() => Rounds.Yes(Samples.Validate(NextOf(Samples.PeerTokens("ES256")), "ES256").IsValid);

    [Benchmark]
    public bool TesseraRs256() => Rounds.Yes(Samples.Store.Validate(NextOf(_rs256)).IsValid);

    [Benchmark]
    public bool IdentityModelRs256() => Rounds.Yes(Samples.Validate(NextOf(Samples.PeerTokens("RS256")), "RS256").IsValid);

    [Benchmark]
    public bool TesseraEdDsa() => Rounds.Yes(Samples.Store.Validate(NextOf(_edDsa)).IsValid);

    [Benchmark]
    public bool TesseraEdDsaUnseen() => Rounds.Yes(Samples.Store.VerifyJsonWebToken(NextOf(_edDsa), JsonWebTokenSamples.Rules).IsValid);

    private static string[] Of(SigningAlgorithm algorithm)
    {
        if (!Granted.TryGetValue(algorithm, out string[]? tokens))
        {
            Granted.Add(algorithm, tokens = Samples.Grant(algorithm, JsonWebTokenSamples.Tokens));
        }

        return tokens;
    }
}

/// <summary>Making tokens: each call puts the same claims together, times and an id of its own included, as far as a side
/// does not by itself. Tessera takes claims as JSON, the peer as a dictionary.</summary>
public class MintedTokens : JsonWebTokenBenchmarks
{
    private readonly JsonWebTokenSamples _samples = Samples;

    [Benchmark]
    public string TesseraHS256() => _samples.Mint(SigningAlgorithm.HS256);

    [Benchmark]
    public string IdentityModelHS256() => _samples.MintByPeer("HS256");

    [Benchmark]
    public string TesseraES256() => _samples.Mint(SigningAlgorithm.ES256);

    [Benchmark]
    public string IdentityModelES256() => _samples.MintByPeer("ES256");

    [Benchmark]
    public string TesseraRS256() => _samples.Mint(SigningAlgorithm.RS256);

    [Benchmark]
    public string IdentityModelRS256() => _samples.MintByPeer("RS256");
}

/// <summary>The claims that a caller of Tessera gives; it adds the issuer, the times and an id.</summary>
internal sealed record MintedClaims(
    [property: JsonPropertyName("aud")] string Audience,
    [property: JsonPropertyName("sub")] string Subject,
    [property: JsonPropertyName("client_id")] string Client,
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("roles")] string[] Roles);

[JsonSerializable(typeof(MintedClaims))]
internal sealed partial class MintedClaimsContext : JsonSerializerContext;
