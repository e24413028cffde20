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
}
