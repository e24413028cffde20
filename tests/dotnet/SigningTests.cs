using System.Security.Cryptography;
using System.Text.Json;

namespace Tessera.Tests;

public sealed class SigningTests : IDisposable
{
    private const string Claims = """{"sub":"Adam","aud":"jobs","client_id":"Adam"}""";

    private readonly TemporaryStore _temporary = new();

    private TokenStore Store => _temporary.Store;

    public static TheoryData<SigningAlgorithm> Algorithms => [.. Enum.GetValues<SigningAlgorithm>()];

    public void Dispose() => _temporary.Dispose();

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void A_key_of_the_store_signs_and_verifies(SigningAlgorithm algorithm)
    {
        SigningKey key = Store.CreateSigningKey(algorithm);
        Assert.Equal(algorithm, key.Algorithm);
        Assert.Equal(SigningKeyState.Active, key.State);
        Assert.Equal(algorithm == SigningAlgorithm.HS256 ? null : key.KeyId, key.Thumbprint);

        using JsonWebTokenMint mint = Store.MintJsonWebToken(new JsonWebTokenRequest { Claims = Claims, KeyId = key.KeyId });
        string token = mint.Value.Reveal();
        Assert.Equal(key.KeyId, mint.KeyId);
        Assert.Equal(algorithm, mint.Algorithm);
        Assert.Empty(mint.Warnings);

        JsonWebTokenVerdict verdict = Store.VerifyJsonWebToken(token, new JsonWebTokenRules { Audience = "jobs" });
        Assert.True(verdict.IsValid, verdict.Reason);
        Assert.Equal(algorithm, verdict.Algorithm);
        using JsonDocument payload = JsonDocument.Parse(verdict.Payload!);
        Assert.Equal("Adam", payload.RootElement.GetProperty("sub").GetString());
        Assert.Equal(Outcome.AudienceDenied, Store.VerifyJsonWebToken(token, new JsonWebTokenRules { Audience = "reports" }).Outcome);

        Assert.True(Store.RevokeSigningKey(key.KeyId, "leaked"));
        Assert.False(Store.RevokeSigningKey(key.KeyId));
        Assert.Equal("leaked", Assert.Single(Store.GetSigningKeys()).RevokedReason);
        Assert.Equal(Outcome.Revoked, Store.VerifyJsonWebToken(token).Outcome);
    }

    [Fact]
    public void Removing_a_key_revokes_what_it_signed()
    {
        using TokenGrant grant = Store.Grant(new TokenGrantRequest { Identity = "Adam", Format = TokenFormat.Jwt });
        string value = grant.Value.Reveal();
        Assert.True(Store.Validate(value).IsValid);

        SigningKeyRemoval removal = Store.RemoveSigningKey(grant.Token.KeyId!);

        Assert.True(removal.Removed);
        Assert.Equal(1, removal.RevokedTokens);
        Assert.False(Store.Validate(value).IsValid);
        Assert.Equal(TokenState.Revoked, Store.GetToken(grant.Token.Id).State);
        Assert.False(Store.RemoveSigningKey(grant.Token.KeyId!).Removed);
    }

    [Fact]
    public void Public_keys_are_exported_and_verify_elsewhere()
    {
        SigningKey key = Store.CreateSigningKey(SigningAlgorithm.ES256);
        SigningKey secret = Store.CreateSigningKey(SigningAlgorithm.HS256);
        using JsonWebTokenMint mint = Store.MintJsonWebToken(new JsonWebTokenRequest { Claims = Claims, KeyId = key.KeyId });

        string pem = Store.ExportSigningKeys(SigningKeyExport.Pem, key.KeyId);
        using JsonWebKeyMaterial publicKey = JsonWebKeyMaterial.FromPem(pem);
        var rules = new JsonWebTokenRules { At = TemporaryStore.Start };
        Assert.True(JsonWebTokens.Verify(mint.Value.Reveal(), publicKey, rules).IsValid);
        using ECDsa imported = ECDsa.Create();
        imported.ImportFromPem(pem);

        using JsonDocument set = JsonDocument.Parse(Store.ExportSigningKeys(SigningKeyExport.Jwks));
        JsonElement only = Assert.Single(set.RootElement.GetProperty("keys").EnumerateArray());
        Assert.False(only.TryGetProperty("d", out _));
        Assert.True(JsonWebSignature.Verify(mint.Value.Reveal(), only.GetRawText(), out string? reason), reason);

        Assert.Equal(ErrorCode.NotPermitted, Assert.Throws<InvalidRequestException>(
            () => Store.ExportSigningKeys(SigningKeyExport.Pem, secret.KeyId)).Code);
        Assert.Throws<NotFoundException>(() => Store.ExportSigningKeys(SigningKeyExport.Jwks, "unknown"));
    }

    [Fact]
    public void A_callers_own_key_needs_no_store()
    {
        using JsonWebKeyMaterial key = JsonWebKeyMaterial.FromSecret(RandomNumberGenerator.GetBytes(32));
        var request = new JsonWebTokenRequest
        {
            Claims = """{"iss":"me","sub":"Adam","aud":["a","b"]}""",
            Kind = JsonWebTokenKind.JsonWebToken,
            ExpiresIn = TimeSpan.FromMinutes(5),
        };
        using JsonWebTokenMint mint = JsonWebTokens.Mint(request, key);
        string token = mint.Value.Reveal();
        Assert.Equal(SigningAlgorithm.HS256, mint.Algorithm);

        var rules = new JsonWebTokenRules { Kind = JsonWebTokenKind.JsonWebToken, Issuer = "me", Audience = "b" };
        Assert.True(JsonWebTokens.Verify(token, key, rules).IsValid);
        Assert.Equal(Outcome.Unknown, JsonWebTokens.Verify(token, key, rules with { Issuer = "you" }).Outcome);
        Assert.Equal(Outcome.Expired, JsonWebTokens.Verify(token, key, rules with { At = DateTimeOffset.UtcNow.AddMinutes(6) }).Outcome);

        using JsonWebKeyMaterial other = JsonWebKeyMaterial.FromSecret(RandomNumberGenerator.GetBytes(32));
        JsonWebTokenVerdict forged = JsonWebTokens.Verify(token, other, rules);
        Assert.Equal(Outcome.Unknown, forged.Outcome);
        Assert.NotNull(forged.Reason);
    }

    [Theory]
    [InlineData("FromPem")]
    [InlineData("FromJwk")]
    [InlineData("FromSecretText")]
    public void Keys_that_are_none_are_refused_by_name(string kind)
    {
        const string text = "-----BEGIN NOTHING-----";
        using JsonWebKeyMaterial key = kind switch
        {
            "FromPem" => JsonWebKeyMaterial.FromPem(text),
            "FromJwk" => JsonWebKeyMaterial.FromJwk(text),
            _ => JsonWebKeyMaterial.FromSecretText(text),
        };

        KeyException refused = Assert.Throws<KeyException>(() => JsonWebTokens.Verify("e30.e30.", key));

        Assert.Equal(ErrorCode.KeyRefused, refused.Code);
        Assert.DoesNotContain("NOTHING", refused.ToString(), StringComparison.Ordinal);
        Assert.Equal("***", key.ToString());
    }

    [Fact]
    public void Key_material_is_bounded_and_gone_after_disposal()
    {
        Assert.Throws<InvalidRequestException>(() => JsonWebKeyMaterial.FromSecret([]));
        Assert.Throws<InvalidRequestException>(() => JsonWebKeyMaterial.FromSecret(new byte[16_385]));
        Assert.Throws<InvalidRequestException>(() => JsonWebKeyMaterial.FromSecretText(new string('x', 100_000_000)));
        Assert.Throws<InvalidRequestException>(() => JsonWebKeyMaterial.FromJwk("\udc00"));

        JsonWebKeyMaterial key = JsonWebKeyMaterial.FromSecret(new byte[32]);
        key.Dispose();
        key.Dispose();
        Assert.Throws<ObjectDisposedException>(() => JsonWebTokens.Verify("e30.e30.", key));
    }

    // What is kept ready must be no other key, for no other algorithm and under no laxer rule than what was asked for.
    [Fact]
    public void A_key_that_was_made_ready_for_one_use_is_judged_anew_for_another()
    {
        using RSA rsa = RSA.Create(2_048);
        using JsonWebKeyMaterial key = JsonWebKeyMaterial.FromPem(rsa.ExportPkcs8PrivateKeyPem());
        var request = new JsonWebTokenRequest { Claims = """{"iss":"me","sub":"Adam","aud":"a"}""" };
        var tokens = new Dictionary<SigningAlgorithm, string>();
        foreach (SigningAlgorithm algorithm in new[] { SigningAlgorithm.RS256, SigningAlgorithm.PS256, SigningAlgorithm.RS256 })
        {
            using JsonWebTokenMint mint = JsonWebTokens.Mint(request with { Algorithm = algorithm }, key);
            Assert.Equal(algorithm, mint.Algorithm);
            tokens[algorithm] = mint.Value.Reveal();
        }

        for (int round = 0; round < 2; round++)
        {
            foreach ((SigningAlgorithm algorithm, string token) in tokens)
            {
                Assert.True(JsonWebTokens.Verify(token, key, new JsonWebTokenRules { Algorithm = algorithm }).IsValid);
            }

            Assert.Equal(Outcome.Unknown, JsonWebTokens.Verify(
                tokens[SigningAlgorithm.RS256], key, new JsonWebTokenRules { Algorithm = SigningAlgorithm.PS256 }).Outcome);
            Assert.Throws<KeyException>(() => JsonWebTokens.Verify(tokens[SigningAlgorithm.RS256], key));
            Assert.Throws<KeyException>(() => JsonWebTokens.Mint(request with { Algorithm = SigningAlgorithm.ES256 }, key));
        }

        using JsonWebKeyMaterial shortKey = JsonWebKeyMaterial.FromSecretText("PleaseUseYourOwnSigningKeyHere");
        var universal = new JsonWebTokenRequest
        {
            Claims = """{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name":"Admin"}""",
            Kind = JsonWebTokenKind.PowerShellUniversal,
        };
        for (int round = 0; round < 2; round++)
        {
            using JsonWebTokenMint mint = JsonWebTokens.Mint(universal, shortKey);
            var kind = new JsonWebTokenRules { Kind = JsonWebTokenKind.PowerShellUniversal };
            JsonWebTokenVerdict verdict = JsonWebTokens.Verify(mint.Value.Reveal(), shortKey, kind);
            Assert.True(verdict.IsValid, verdict.Reason);
            Assert.Equal(mint.Warnings, verdict.Warnings);
            Assert.Single(verdict.Warnings);
            Assert.Throws<KeyException>(() => JsonWebTokens.Mint(request, shortKey));
            Assert.Throws<KeyException>(() => JsonWebTokens.Verify(mint.Value.Reveal(), shortKey));
        }
    }

    // An empty text is one that no token says; it must not be taken for none.
    [Fact]
    public void An_empty_issuer_or_audience_admits_no_token()
    {
        SigningKey own = Store.CreateSigningKey(SigningAlgorithm.HS256);
        using JsonWebTokenMint mint = Store.MintJsonWebToken(new JsonWebTokenRequest { Claims = Claims, KeyId = own.KeyId });
        string token = mint.Value.Reveal();

        Assert.True(Store.VerifyJsonWebToken(token).IsValid);
        Assert.Equal(Outcome.Unknown, Store.VerifyJsonWebToken(token, new JsonWebTokenRules { Issuer = "" }).Outcome);
        Assert.Equal(Outcome.AudienceDenied, Store.VerifyJsonWebToken(token, new JsonWebTokenRules { Audience = "" }).Outcome);
        Assert.Throws<NotFoundException>(
            () => Store.MintJsonWebToken(new JsonWebTokenRequest { Claims = Claims, KeyId = "" }));
    }

    [Fact]
    public void A_string_and_its_characters_get_one_verdict()
    {
        SigningKey own = Store.CreateSigningKey(SigningAlgorithm.ES256);
        using JsonWebTokenMint mint = Store.MintJsonWebToken(new JsonWebTokenRequest { Claims = Claims, KeyId = own.KeyId });
        string token = mint.Value.Reveal();
        string unsigned = token[..(token.LastIndexOf('.') + 1)];
        string[] texts = [token, unsigned, "", "..", "e30.e30.", token + "\ud800", token + "é", new string('a', 8_193), new string('é', 4_097)];
        foreach (string text in texts)
        {
            JsonWebTokenVerdict ofString = Store.VerifyJsonWebToken(text);
            JsonWebTokenVerdict ofSpan = Store.VerifyJsonWebToken(text.AsSpan());
            Assert.Equal(ofString.Header, ofSpan.Header);
            Assert.Equal(ofString, ofSpan);
            Assert.Equal(ofString.GetHashCode(), ofSpan.GetHashCode());
            Assert.Equal(text == token, ofString.IsValid);
            bool isWellFormed = text == token || text == unsigned || text == "e30.e30.";
            Assert.Equal(isWellFormed, ofString.Header is not null && ofString.Payload is not null);
        }

        Assert.Equal(Outcome.Malformed, Store.VerifyJsonWebToken(null).Outcome);
        JsonWebTokenVerdict verdict = Store.VerifyJsonWebToken(token);
        Assert.Equal(System.Text.Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(token.Split('.')[1])), verdict.Payload);
        Assert.NotEqual(verdict, verdict with { Payload = "{}" });
        Assert.DoesNotContain(token, verdict.ToString(), StringComparison.Ordinal);
    }

    // The id of a key of the caller's may be any text, of any length.
    [Theory]
    [InlineData("k1")]
    [InlineData("é, and a key id of more than sixty-four bytes, which no field of a fixed size has room for")]
    public void The_id_of_a_callers_key_is_told_whatever_it_is(string keyId)
    {
        byte[] secret = RandomNumberGenerator.GetBytes(32);
        string k = System.Buffers.Text.Base64Url.EncodeToString(secret);
        using JsonWebKeyMaterial named = JsonWebKeyMaterial.FromJwk(
            JsonSerializer.Serialize(new Dictionary<string, string> { ["kty"] = "oct", ["k"] = k, ["kid"] = keyId }));
        using JsonWebKeyMaterial nameless = JsonWebKeyMaterial.FromSecret(secret);
        var request = new JsonWebTokenRequest { Claims = """{"iss":"me","sub":"Adam","aud":"a"}""" };
        using JsonWebTokenMint mint = JsonWebTokens.Mint(request, nameless);

        JsonWebTokenVerdict verdict = JsonWebTokens.Verify(mint.Value.Reveal(), named);

        Assert.True(verdict.IsValid, verdict.Reason);
        Assert.Equal(keyId, verdict.KeyId);
        Assert.Null(JsonWebTokens.Verify(mint.Value.Reveal(), nameless).KeyId);
    }

    // Disposal while calls run: each gets an answer or is told so, and none another key's.
    [Fact]
    public void A_key_may_be_disposed_of_while_it_is_used()
    {
        var request = new JsonWebTokenRequest { Claims = """{"iss":"me","sub":"Adam","aud":"a"}""" };
        for (int round = 0; round < 50; round++)
        {
            JsonWebKeyMaterial key = JsonWebKeyMaterial.FromSecret(RandomNumberGenerator.GetBytes(32));
            using JsonWebTokenMint mint = JsonWebTokens.Mint(request, key);
            string token = mint.Value.Reveal();
            Parallel.For(0, 8, call =>
            {
                if (call == 4)
                {
                    key.Dispose();
                    return;
                }

                try
                {
                    Assert.True(JsonWebTokens.Verify(token, key).IsValid);
                }
                catch (ObjectDisposedException)
                {
                    // It came too late.
                }
            });
            Assert.Throws<ObjectDisposedException>(() => JsonWebTokens.Verify(token, key));
        }
    }

    // Bytes and not time: the count is the same on every machine.
    [Fact]
    public void A_check_allocates_its_verdict_and_no_more()
    {
        SigningKey own = Store.CreateSigningKey(SigningAlgorithm.HS256);
        using JsonWebTokenMint mint = Store.MintJsonWebToken(new JsonWebTokenRequest { Claims = Claims, KeyId = own.KeyId });
        string token = mint.Value.Reveal();
        var rules = new JsonWebTokenRules { Audience = "jobs" };
        Measure();

        long before = GC.GetAllocatedBytesForCurrentThread();
        Measure();

        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / 1_000, 1, 128);

        void Measure()
        {
            for (int round = 0; round < 1_000; round++)
            {
                Assert.True(Store.VerifyJsonWebToken(token, rules).IsValid);
            }
        }
    }
}
