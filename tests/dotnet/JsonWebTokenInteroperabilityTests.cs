using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Jose;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using IdentityModelKey = Microsoft.IdentityModel.Tokens.JsonWebKey;

namespace Tessera.Tests;

/// <summary>Tokens that Tessera makes are accepted by Microsoft.IdentityModel.JsonWebTokens and jose-jwt, and theirs by
/// Tessera, for every algorithm that both sides have.</summary>
/// <remarks>HS256 keys of a store never leave it, so HS256 is checked with a key that both sides are given.</remarks>
public sealed class JsonWebTokenInteroperabilityTests : IDisposable
{
    private const string Issuer = "https://issuer.example";
    private const string Audience = "https://api.example";
    private const string NameClaim = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
    private const string HashClaim = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/hash";

    private readonly string _folder = TestFolder.Create();

    public static TheoryData<SigningAlgorithm> PublicKeyAlgorithms() =>
        [SigningAlgorithm.ES256, SigningAlgorithm.ES384, SigningAlgorithm.RS256, SigningAlgorithm.PS256];

    public static TheoryData<SigningAlgorithm, JsonWebTokenKind> SharedAlgorithms()
    {
        var cases = new TheoryData<SigningAlgorithm, JsonWebTokenKind>();
        foreach (SigningAlgorithm algorithm in Enum.GetValues<SigningAlgorithm>().Except([SigningAlgorithm.EdDSA]))
        {
            cases.Add(algorithm, JsonWebTokenKind.AccessToken);
            cases.Add(algorithm, JsonWebTokenKind.JsonWebToken);
        }
        return cases;
    }

    public void Dispose() => TestFolder.Remove(_folder);

    [Theory]
    [MemberData(nameof(PublicKeyAlgorithms))]
    public async Task A_token_that_a_store_grants_is_accepted_by_both(SigningAlgorithm algorithm)
    {
        using TokenStore store = OpenStore();
        string keyId = store.CreateSigningKey(algorithm).KeyId;
        store.CreateIdentity("Adam", ["Operator"]);
        using TokenGrant grant = store.Grant(new TokenGrantRequest
        {
            Identity = "Adam",
            Format = TokenFormat.Jwt,
            Audiences = [Audience],
            KeyId = keyId,
        });
        string token = grant.Value.Reveal();
        string keySet = store.ExportSigningKeys(SigningKeyExport.Jwks);

        TokenValidationResult accepted = await ValidateAsync(token, "at+jwt", new JsonWebKeySet(keySet).GetSigningKeys());

        Assert.True(accepted.IsValid, accepted.Exception?.Message);
        Assert.Equal(grant.Token.Id, accepted.Claims["jti"]);
        using JsonDocument claims = JsonDocument.Parse(JWT.Decode(token, PublicJwk(keySet, keyId), Jws(algorithm)));
        Assert.Equal("Adam", claims.RootElement.GetProperty("sub").GetString());
        Assert.Equal(keyId, JsonWebToken.Parse(token).Header["kid"]);
    }

    [Theory]
    [MemberData(nameof(PublicKeyAlgorithms))]
    public async Task A_token_that_a_store_mints_is_accepted_by_both(SigningAlgorithm algorithm)
    {
        using TokenStore store = OpenStore();
        string keyId = store.CreateSigningKey(algorithm).KeyId;
        using JsonWebTokenMint mint = store.MintJsonWebToken(new JsonWebTokenRequest
        {
            Claims = $$"""{"sub":"Adam","aud":"{{Audience}}","account":"Billing"}""",
            Kind = JsonWebTokenKind.JsonWebToken,
            KeyId = keyId,
        });
        string token = mint.Value.Reveal();
        string keySet = store.ExportSigningKeys(SigningKeyExport.Jwks);

        TokenValidationResult accepted = await ValidateAsync(token, "JWT", new JsonWebKeySet(keySet).GetSigningKeys());

        Assert.True(accepted.IsValid, accepted.Exception?.Message);
        Assert.Equal("Billing", accepted.Claims["account"]);
        Assert.Contains("Billing", JWT.Decode(token, PublicJwk(keySet, keyId), Jws(algorithm)), StringComparison.Ordinal);
        TokenValidationResult refused = await ValidateAsync(Altered(token), "JWT", new JsonWebKeySet(keySet).GetSigningKeys());
        Assert.False(refused.IsValid);
        Assert.Throws<IntegrityException>(() => JWT.Decode(Altered(token), PublicJwk(keySet, keyId), Jws(algorithm)));
    }

    [Theory]
    [MemberData(nameof(SharedAlgorithms))]
    public async Task A_token_made_with_a_given_key_is_accepted_by_both(SigningAlgorithm algorithm, JsonWebTokenKind kind)
    {
        using var keys = KeyPair.Create(algorithm);
        using JsonWebTokenMint mint = JsonWebTokens.Mint(
            new JsonWebTokenRequest
            {
                Claims = $$"""{"iss":"{{Issuer}}","sub":"Adam","aud":["{{Audience}}","other"]}""",
                Kind = kind,
                Algorithm = algorithm,
            },
            keys.ToSign);
        string token = mint.Value.Reveal();

        TokenValidationResult accepted = await ValidateAsync(token, MediaType(kind), [keys.IdentityModel]);

        Assert.True(accepted.IsValid, accepted.Exception?.Message);
        Assert.Contains("Adam", JWT.Decode(token, keys.JoseToVerify, Jws(algorithm)), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(SharedAlgorithms))]
    public void A_token_of_Microsoft_IdentityModel_is_accepted(SigningAlgorithm algorithm, JsonWebTokenKind kind)
    {
        using var keys = KeyPair.Create(algorithm);
        string token = new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Issuer = Issuer,
            Audience = Audience,
            TokenType = MediaType(kind),
            Claims = new Dictionary<string, object> { ["sub"] = "Adam", ["jti"] = "id-1", ["client_id"] = "client" },
            SigningCredentials = new SigningCredentials(keys.IdentityModel, algorithm.ToString()),
        });

        AssertAccepted(token, keys, algorithm, kind);
    }

    [Theory]
    [MemberData(nameof(SharedAlgorithms))]
    public void A_token_of_jose_jwt_is_accepted(SigningAlgorithm algorithm, JsonWebTokenKind kind)
    {
        using var keys = KeyPair.Create(algorithm);
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var claims = new Dictionary<string, object>
        {
            ["iss"] = Issuer,
            ["aud"] = new[] { Audience },
            ["sub"] = "Adam",
            ["jti"] = "id-1",
            ["client_id"] = "client",
            ["iat"] = now,
            ["exp"] = now + 600,
        };
        string token = JWT.Encode(
            claims,
            keys.JoseToSign,
            Jws(algorithm),
            extraHeaders: new Dictionary<string, object> { ["typ"] = MediaType(kind), ["kid"] = "k1" });

        AssertAccepted(token, keys, algorithm, kind);
    }

    [Theory]
    [InlineData(JsonWebTokenKind.PowerShellUniversal, JsonWebTokenSamples.PowerShellUniversalKey)]
    [InlineData(JsonWebTokenKind.UniversalDashboard, "default_signing_key")]
    [InlineData(JsonWebTokenKind.UniversalDashboard, "SuperSecretKey")]
    public void Short_keys_work_both_ways_with_a_warning(JsonWebTokenKind kind, string secret)
    {
        // Microsoft.IdentityModel takes no HMAC key under 256 bits, so jose-jwt stands alone here.
        using JsonWebKeyMaterial key = JsonWebKeyMaterial.FromSecretText(secret);
        string claims = $$"""{"{{NameClaim}}":"Adam"}""";
        using JsonWebTokenMint mint = JsonWebTokens.Mint(new JsonWebTokenRequest { Claims = claims, Kind = kind }, key);
        string ours = mint.Value.Reveal();

        string payload = JWT.Decode(ours, Encoding.UTF8.GetBytes(secret), JwsAlgorithm.HS256);
        string theirs = JWT.Encode(
            payload,
            Encoding.UTF8.GetBytes(secret),
            JwsAlgorithm.HS256,
            extraHeaders: new Dictionary<string, object> { ["typ"] = "JWT" });
        JsonWebTokenVerdict verdict = JsonWebTokens.Verify(theirs, key, new JsonWebTokenRules { Kind = kind });

        Assert.Equal(Outcome.Valid, verdict.Outcome);
        Assert.Single(verdict.Warnings);
        Assert.Single(mint.Warnings);
        Assert.Equal(["alg", "typ"], JsonWebToken.Parse(ours).Header.Keys);
        Assert.Equal([NameClaim, HashClaim, "sub", "nbf", "exp"], JsonWebToken.Parse(ours).Payload.Keys.Take(5));
        Assert.Throws<KeyException>(() => JsonWebTokens.Verify(
            theirs, key, new JsonWebTokenRules { Kind = JsonWebTokenKind.JsonWebToken }));
    }

    [Theory]
    [InlineData(JsonWebTokenSamples.PowerShellUniversalMigrated, "2021-12-01T00:00:00Z")]
    [InlineData(JsonWebTokenSamples.PowerShellUniversalAdministrator, "2021-10-15T00:00:00Z")]
    public void The_tokens_printed_in_the_documentation_verify_in_their_time_and_are_expired_now(string token, string at)
    {
        using JsonWebKeyMaterial key = JsonWebKeyMaterial.FromSecretText(JsonWebTokenSamples.PowerShellUniversalKey);
        var rules = new JsonWebTokenRules { Kind = JsonWebTokenKind.PowerShellUniversal };
        DateTimeOffset then = DateTimeOffset.Parse(at, System.Globalization.CultureInfo.InvariantCulture);

        JsonWebTokenVerdict verdict = JsonWebTokens.Verify(token, key, rules with { At = then });
        JsonWebTokenVerdict now = JsonWebTokens.Verify(token, key, rules);

        Assert.Equal(Outcome.Valid, verdict.Outcome);
        Assert.Single(verdict.Warnings);
        Assert.Equal(Outcome.Expired, now.Outcome);
        Assert.Equal(Outcome.Unknown, JsonWebTokens.Verify(Altered(token), key, rules with { At = then }).Outcome);
        using JsonWebKeyMaterial other = JsonWebKeyMaterial.FromSecretText("default_signing_key");
        Assert.Equal(Outcome.Unknown, JsonWebTokens.Verify(token, other, rules with { At = then }).Outcome);
    }

    [Fact]
    public void Nobody_else_has_EdDSA_yet()
    {
        // When this fails, add EdDSA to the cross-checks above.
        Assert.DoesNotContain(
            Enum.GetNames<JwsAlgorithm>(),
            name => name.Contains("EdDSA", StringComparison.OrdinalIgnoreCase) || name.Contains("Ed25519", StringComparison.OrdinalIgnoreCase));
        using TokenStore store = OpenStore();
        string keyId = store.CreateSigningKey(SigningAlgorithm.EdDSA).KeyId;
        var key = new IdentityModelKey(PublicJwkText(store.ExportSigningKeys(SigningKeyExport.Jwks), keyId));
        Assert.False(CryptoProviderFactory.Default.IsSupportedAlgorithm("EdDSA", key));
    }

    private static void AssertAccepted(string token, KeyPair keys, SigningAlgorithm algorithm, JsonWebTokenKind kind)
    {
        var rules = new JsonWebTokenRules { Kind = kind, Issuer = Issuer, Audience = Audience, Algorithm = algorithm };

        JsonWebTokenVerdict verdict = JsonWebTokens.Verify(token, keys.ToVerify, rules);

        Assert.True(verdict.IsValid, verdict.Reason);
        Assert.Equal(algorithm, verdict.Algorithm);
        Assert.Empty(verdict.Warnings);
        Assert.Equal("Adam", JsonWebToken.Parse(token).Subject);
        Assert.Equal(Outcome.Unknown, JsonWebTokens.Verify(Altered(token), keys.ToVerify, rules).Outcome);
        Assert.Equal(Outcome.AudienceDenied, JsonWebTokens.Verify(token, keys.ToVerify, rules with { Audience = "other" }).Outcome);
        Assert.Equal(Outcome.Unknown, JsonWebTokens.Verify(token, keys.ToVerify, rules with { Issuer = "other" }).Outcome);
    }

    private static Task<TokenValidationResult> ValidateAsync(string token, string mediaType, IEnumerable<SecurityKey> keys) =>
        new JsonWebTokenHandler().ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidIssuer = Issuer,
            ValidAudience = Audience,
            ValidTypes = [mediaType],
            IssuerSigningKeys = keys,
            ClockSkew = TimeSpan.Zero,
            RequireExpirationTime = true,
            RequireSignedTokens = true,
        });

    /// <summary>The same token but for the first character of its signature.</summary>
    private static string Altered(string token)
    {
        int position = token.LastIndexOf('.') + 1;
        return token[..position] + (token[position] == 'A' ? 'B' : 'A') + token[(position + 1)..];
    }

    private static string PublicJwkText(string keySet, string keyId)
    {
        using JsonDocument document = JsonDocument.Parse(keySet);
        return document.RootElement.GetProperty("keys").EnumerateArray()
            .Single(key => key.GetProperty("kid").GetString() == keyId).GetRawText();
    }

    private static Jwk PublicJwk(string keySet, string keyId) =>
        Jwk.FromJson(PublicJwkText(keySet, keyId), new Jose.JsonMapper());

    private static string MediaType(JsonWebTokenKind kind) =>
        kind == JsonWebTokenKind.AccessToken ? "at+jwt" : "JWT";

    private static JwsAlgorithm Jws(SigningAlgorithm algorithm) => Enum.Parse<JwsAlgorithm>(algorithm.ToString());

    private TokenStore OpenStore() =>
        TokenStore.Open(Path.Combine(_folder, "tokens.db"), new TokenStoreOptions { Issuer = Issuer });

    /// <summary>One key in the form that each of the three libraries takes.</summary>
    private sealed class KeyPair : IDisposable
    {
        private readonly AsymmetricAlgorithm? _asymmetric;

        private KeyPair(AsymmetricAlgorithm asymmetric, SecurityKey identityModel)
        {
            _asymmetric = asymmetric;
            IdentityModel = identityModel;
            JoseToSign = JoseToVerify = asymmetric;
            ToSign = JsonWebKeyMaterial.FromPem(asymmetric.ExportPkcs8PrivateKeyPem());
            ToVerify = JsonWebKeyMaterial.FromPem(asymmetric.ExportSubjectPublicKeyInfoPem());
        }

        private KeyPair(byte[] secret)
        {
            IdentityModel = new SymmetricSecurityKey(secret);
            JoseToSign = JoseToVerify = secret;
            ToSign = JsonWebKeyMaterial.FromSecret(secret);
            ToVerify = JsonWebKeyMaterial.FromSecret(secret);
        }

        internal JsonWebKeyMaterial ToSign { get; }

        internal JsonWebKeyMaterial ToVerify { get; }

        internal SecurityKey IdentityModel { get; }

        internal object JoseToSign { get; }

        internal object JoseToVerify { get; }

        internal static KeyPair Create(SigningAlgorithm algorithm)
        {
            switch (algorithm)
            {
                case SigningAlgorithm.HS256:
                    return new KeyPair(RandomNumberGenerator.GetBytes(32));
                case SigningAlgorithm.ES256:
                    var p256 = ECDsa.Create(ECCurve.NamedCurves.nistP256);
                    return new KeyPair(p256, new ECDsaSecurityKey(p256) { KeyId = "k1" });
                case SigningAlgorithm.ES384:
                    var p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
                    return new KeyPair(p384, new ECDsaSecurityKey(p384) { KeyId = "k1" });
                case SigningAlgorithm.RS256 or SigningAlgorithm.PS256:
                    var rsa = RSA.Create(2048);
                    return new KeyPair(rsa, new RsaSecurityKey(rsa) { KeyId = "k1" });
                default:
                    throw new ArgumentOutOfRangeException(nameof(algorithm), algorithm, "The other libraries don't have it.");
            }
        }

        public void Dispose()
        {
            ToSign.Dispose();
            ToVerify.Dispose();
            _asymmetric?.Dispose();
        }
    }
}
