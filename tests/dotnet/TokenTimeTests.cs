namespace Tessera.Tests;

public sealed class TokenTimeTests : IDisposable
{
    private readonly TemporaryStore _temporary = new();

    private TokenStore Store => _temporary.Store;

    public void Dispose() => _temporary.Dispose();

    [Theory]
    [InlineData("2026-03-01T12:00:01Z")]
    [InlineData("2038-01-19T03:14:07Z")]
    [InlineData("2038-01-19T03:14:08Z")]
    [InlineData("2100-02-28T23:59:59Z")]
    [InlineData("9999-12-31T23:59:59Z")]
    public void A_token_ends_at_the_second_that_was_asked_for(string text)
    {
        DateTimeOffset expiry = DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
        using TokenGrant grant = Store.Grant(new TokenGrantRequest { Identity = "Adam", ExpiresAt = expiry });
        string value = grant.Value.Reveal();
        Assert.Equal(expiry, grant.Token.ExpiresAt);
        Assert.Equal(expiry, Store.GetToken(grant.Token.Id).ExpiresAt);

        _temporary.Clock.Now = expiry.AddSeconds(-1);
        Verdict before = Store.Validate(value);
        Assert.True(before.IsValid);
        Assert.Equal(TokenState.Active, before.Token?.State);

        _temporary.Clock.Now = expiry;
        Verdict after = Store.Validate(value);
        Assert.Equal(Outcome.Expired, after.Outcome);
        Assert.Equal(TokenState.Expired, after.Token?.State);

        // And back: the record that was kept for the one state is not shown for the other.
        _temporary.Clock.Now = expiry.AddSeconds(-1);
        Verdict again = Store.Validate(value);
        Assert.True(again.IsValid);
        Assert.Equal(TokenState.Active, again.Token?.State);
    }

    [Theory]
    [InlineData("2026-03-01T12:00:00Z")]
    [InlineData("2026-03-01T11:59:59Z")]
    [InlineData("1970-01-01T00:00:00Z")]
    [InlineData("1969-12-31T23:59:59Z")]
    [InlineData("0001-01-01T00:00:00Z")]
    public void An_expiry_that_is_past_is_refused(string text)
    {
        DateTimeOffset expiry = DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

        InvalidRequestException refused = Assert.Throws<InvalidRequestException>(
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", ExpiresAt = expiry }));

        Assert.Equal(ErrorCode.InvalidArgument, refused.Code);
        Assert.Equal("expiresAt", refused.Subject);
    }

    [Fact]
    public void Times_of_another_offset_and_fractions_of_seconds_never_lengthen_a_life()
    {
        DateTimeOffset local = new DateTimeOffset(2026, 6, 1, 12, 0, 0, TimeSpan.FromHours(5)).AddMilliseconds(900);

        using TokenGrant grant = Store.Grant(new TokenGrantRequest { Identity = "Adam", ExpiresAt = local, NotBefore = local.AddDays(-1) });

        Assert.Equal(new DateTimeOffset(2026, 6, 1, 7, 0, 0, TimeSpan.Zero), grant.Token.ExpiresAt);
        Assert.Equal(new DateTimeOffset(2026, 5, 31, 7, 0, 1, TimeSpan.Zero), grant.Token.NotBefore);
        using TokenGrant brief = Store.Grant(new TokenGrantRequest { Identity = "Adam", ExpiresIn = TimeSpan.FromSeconds(1.99) });
        Assert.Equal(TemporaryStore.Start.AddSeconds(1), brief.Token.ExpiresAt);
    }

    [Fact]
    public void A_life_longer_than_time_is_refused_and_none_is_for_ever()
    {
        Assert.Throws<InvalidRequestException>(() => Store.Grant(new TokenGrantRequest { Identity = "Adam", ExpiresIn = TimeSpan.MaxValue }));
        Assert.Throws<InvalidRequestException>(() => Store.Grant(new TokenGrantRequest { Identity = "Adam", ExpiresIn = TimeSpan.MinValue }));

        using TokenGrant grant = Store.Grant(new TokenGrantRequest { Identity = "Adam", NoExpiry = true });
        Assert.Null(grant.Token.ExpiresAt);
        _temporary.Clock.Now = DateTimeOffset.MaxValue;
        Assert.True(Store.Validate(grant.Value.Reveal()).IsValid);
    }

    [Fact]
    public void A_token_waits_for_its_beginning()
    {
        DateTimeOffset beginning = TemporaryStore.Start.AddHours(1);
        using TokenGrant grant = Store.Grant(new TokenGrantRequest { Identity = "Adam", NotBefore = beginning });
        string value = grant.Value.Reveal();

        Verdict early = Store.Validate(value);
        Assert.Equal(Outcome.NotYetValid, early.Outcome);
        Assert.Equal(TokenState.Pending, early.Token?.State);

        _temporary.Clock.Now = beginning;
        Verdict onTime = Store.Validate(value);
        Assert.True(onTime.IsValid);
        Assert.Equal(TokenState.Active, onTime.Token?.State);
        Assert.Equal(beginning.AddDays(90), grant.Token.ExpiresAt);
    }
}
