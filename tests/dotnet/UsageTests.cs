namespace Tessera.Tests;

public sealed class UsageTests : IDisposable
{
    private readonly TemporaryStore _temporary = new();

    private TokenStore Store => _temporary.Store;

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void Uses_are_told_by_day_and_the_last_is_in_the_tokens_record()
    {
        string value = _temporary.Grant(out Token token);
        Assert.Equal(new TokenUsage { Id = token.Id, Uses = 0 }, Store.GetUsage(token.Id) with { Days = [], Addresses = [] });

        Store.Validate(value);
        Store.Validate(value);
        _temporary.Clock.Now = TemporaryStore.Start.AddDays(1);
        Store.Validate(value);
        TokenUsage usage = Store.GetUsage(token.Id);

        Assert.Equal(token.Id, usage.Id);
        Assert.Equal(TemporaryStore.Start.AddDays(1), usage.LastUsedAt);
        Assert.Equal(3, usage.Uses);
        var today = DateOnly.FromDateTime(TemporaryStore.Start.UtcDateTime);
        Assert.Equal(
            [new TokenUsageDay { Day = today.AddDays(1), Uses = 1 }, new TokenUsageDay { Day = today, Uses = 2 }],
            usage.Days);
        Assert.Empty(usage.Addresses);
        Assert.Equal(usage, Store.GetUsage(token.Id));
        Assert.Equal(usage.LastUsedAt, Store.GetToken(token.Id).LastUsedAt);
    }

    [Fact]
    public void Impact_tells_what_an_end_would_be_felt_by()
    {
        string value = _temporary.Grant(out Token token);
        TokenImpact unused = Store.GetImpact(token.Id);
        Assert.Equal((null, 0L, 0, 0L), (unused.LastUsedAt, unused.UsesInSevenDays, unused.Addresses.Count, unused.Children));

        foreach (int day in (int[])[0, 1, 7])
        {
            _temporary.Clock.Now = TemporaryStore.Start.AddDays(day);
            Store.Validate(value);
        }

        TokenImpact impact = Store.GetImpact(token.Id);
        Assert.Equal(TemporaryStore.Start.AddDays(7), impact.LastUsedAt);
        Assert.Equal(2, impact.UsesInSevenDays);
        Assert.Equal(0, impact.Children);
    }

    [Fact]
    public void A_token_that_is_not_there_has_no_usage()
    {
        Assert.Throws<NotFoundException>(() => Store.GetUsage("AAAAAAAAAAAA"));
        Assert.Throws<NotFoundException>(() => Store.GetImpact("AAAAAAAAAAAA"));
        Assert.Equal("id", Assert.Throws<InvalidRequestException>(() => Store.GetUsage("x")).Subject);
        Assert.Throws<ArgumentNullException>(() => Store.GetImpact(null!));
    }

    [Fact]
    public void A_store_that_is_closed_has_written_down_what_was_used()
    {
        string value = _temporary.Grant(out Token token);
        Store.Validate(value);
        Store.Dispose();

        using TokenStore again = _temporary.Open();
        Assert.Equal(TemporaryStore.Start, again.GetToken(token.Id).LastUsedAt);
        AuditLogCheck check = again.CheckAuditLog();
        Assert.Equal((true, check.Records), (check.IsSound, check.SignedUpTo));
    }

    [Fact]
    public void A_store_writes_down_by_itself_after_its_interval()
    {
        string value = _temporary.Grant(out Token token);
        using TokenStore quick = TokenStore.Open(
            _temporary.Path,
            new TokenStoreOptions { TimeProvider = _temporary.Clock, FlushInterval = TimeSpan.FromSeconds(1) });
        quick.Validate(value);

        Assert.True(SpinWait.SpinUntil(() => Store.GetToken(token.Id).LastUsedAt is not null, TimeSpan.FromMinutes(1)));
        StoreStatus status = quick.GetStatus();
        Assert.Equal((0L, 0L), (status.FailedFlushes, status.LostUses));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(86_401)]
    public void An_interval_is_one_second_to_one_day(double seconds)
    {
        var options = new TokenStoreOptions { FlushInterval = TimeSpan.FromSeconds(seconds) };

        Assert.Equal("flushInterval", Assert.Throws<InvalidRequestException>(() => TokenStore.Open(_temporary.Path, options)).Subject);
    }
}
