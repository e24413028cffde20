namespace Tessera.Tests;

public sealed class LifecycleTests : IDisposable
{
    private readonly TemporaryStore _temporary = new();

    private TokenStore Store => _temporary.Store;

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void A_disabled_token_is_refused_until_it_is_enabled()
    {
        string value = _temporary.Grant(out Token token);

        Assert.True(Store.Disable(token.Id, "on holiday"));
        Assert.False(Store.Disable(token.Id, "again"));

        Assert.Equal(Outcome.Disabled, Store.Validate(value).Outcome);
        Token off = Store.GetToken(token.Id);
        Assert.Equal((TokenState.Disabled, TemporaryStore.Start), (off.State, off.DisabledAt));
        Assert.Equal(("local owner", "on holiday"), (off.DisabledBy, off.DisabledReason));
        Assert.Equal(1, Store.GetStatus().Tokens.Disabled);

        Assert.True(Store.Enable(token.Id));
        Assert.False(Store.Enable(token.Id));
        Assert.True(Store.Validate(value).IsValid);
        Assert.Equal(token, Store.GetToken(token.Id));
    }

    [Fact]
    public void A_set_of_tokens_is_revoked_at_one_stroke_and_later_ones_are_not_in_it()
    {
        Store.CreateIdentity("Eve", ["Reader"]);
        SigningKey key = Store.CreateSigningKey();
        (TokenSet Set, TokenGrantRequest Request)[] sets =
        [
            (TokenSet.OfIdentity("EVE"), new() { Identity = "Eve" }),
            (TokenSet.WithTag("pilot"), new() { Identity = "Adam", Tags = ["pilot", "x"] }),
            (TokenSet.OfKey(key.KeyId), new() { Identity = "Adam", Format = TokenFormat.Jwt, ExpiresIn = TimeSpan.FromHours(1) }),
            (TokenSet.OfProfile("Rubrik"), new() { Identity = "Adam", Profile = "Rubrik" }),
            (TokenSet.All, new() { Identity = "Adam" }),
        ];
        using TokenGrant other = Store.Grant(new TokenGrantRequest { Identity = "Adam" });
        foreach ((TokenSet set, TokenGrantRequest request) in sets)
        {
            using TokenGrant first = Store.Grant(request);
            using TokenGrant second = Store.Grant(request);
            long expected = set == TokenSet.All ? 3 + 4 : 2;

            Assert.Equal(expected, Store.RevokeAll(set, "over"));
            Assert.Equal(0, Store.RevokeAll(set, "again"));

            using TokenGrant later = Store.Grant(request);
            Assert.Equal(Outcome.Revoked, Store.Validate(first.Value.Reveal()).Outcome);
            Assert.Equal("over", Store.GetToken(second.Token.Id).RevokedReason);
            Assert.True(Store.Validate(later.Value.Reveal()).IsValid);
            Assert.Equal(set != TokenSet.All, Store.Validate(other.Value.Reveal()).IsValid);
        }
    }

    [Fact]
    public void A_set_that_names_nothing_is_refused()
    {
        Assert.Throws<NotFoundException>(() => Store.RevokeAll(TokenSet.OfIdentity("Nobody")));
        Assert.Throws<NotFoundException>(() => Store.RevokeAll(TokenSet.OfProfile("None")));
        Assert.Throws<NotFoundException>(() => Store.RevokeAll(TokenSet.OfOrganization("Nowhere")));
        Assert.Equal(0, Store.RevokeAll(TokenSet.WithTag("unused")));
        Assert.Throws<ArgumentNullException>("tokens", () => Store.RevokeAll(null!));
        Assert.Throws<ArgumentNullException>("name", () => TokenSet.OfIdentity(null!));
        Assert.Equal("tag", Assert.Throws<InvalidRequestException>(() => TokenSet.WithTag("")).Subject);
    }

    [Fact]
    public void A_token_is_revoked_by_its_value()
    {
        Store.CreateSigningKey();
        foreach (TokenFormat format in Enum.GetValues<TokenFormat>())
        {
            using TokenGrant grant = Store.Grant(new TokenGrantRequest { Identity = "Adam", Format = format });
            string value = grant.Value.Reveal();

            Assert.True(Store.RevokeValue(value, out Token? token, "found in a log"));
            Assert.Equal((grant.Token.Id, TokenState.Revoked, "found in a log"), (token?.Id, token?.State, token?.RevokedReason));
            Assert.Equal(Outcome.Revoked, Store.Validate(value).Outcome);
            Assert.False(Store.RevokeValue(value, out Token? again));
            Assert.Equal(token, again);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("\ud800")]
    [InlineData("tsr_0123456789abABCDEFGHIJKLMNOPQRSTUVWXYZ012345678901")]
    public void A_value_of_no_token_revokes_nothing(string value)
    {
        _temporary.Grant(out _);

        Assert.False(Store.RevokeValue(value, out Token? token));
        Assert.Null(token);
        Assert.False(Store.RevokeValue(new string('x', TesseraLimits.TokenValueBytes + 1), out _));
        Assert.Equal(0, Store.GetStatus().Tokens.Revoked);
    }

    [Fact]
    public void What_is_done_to_no_token_is_an_error()
    {
        Assert.Throws<NotFoundException>(() => Store.Disable("AAAAAAAAAAAA"));
        Assert.Throws<NotFoundException>(() => Store.Enable("AAAAAAAAAAAA"));
        Assert.Equal("id", Assert.Throws<InvalidRequestException>(() => Store.Disable("x")).Subject);
        Assert.Equal("reason", Assert.Throws<InvalidRequestException>(() => Store.Disable("AAAAAAAAAAAA", new string('x', 1025))).Subject);
        Assert.Throws<ArgumentNullException>("id", () => Store.Enable(null!));
    }
}
