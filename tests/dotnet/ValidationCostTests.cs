using System.Text;

namespace Tessera.Tests;

public sealed class ValidationCostTests : IDisposable
{
    private readonly TemporaryStore _temporary = new();

    public static TheoryData<TokenFormat> Formats => [TokenFormat.Opaque, TokenFormat.Jwt];

    public void Dispose() => _temporary.Dispose();

    // Bytes and not time: the count is the same on every machine.
    [Theory]
    [MemberData(nameof(Formats))]
    public void A_repeated_check_allocates_nothing(TokenFormat format)
    {
        const int Checks = 10_000;
        using TokenGrant grant = _temporary.Store.Grant(new TokenGrantRequest { Identity = "Adam", Format = format });
        string value = grant.Value.Reveal();
        byte[] utf8 = Encoding.UTF8.GetBytes(value);
        var context = new AccessContext { Role = "Reader" };
        var denied = new AccessContext { Role = "Administrator" };
        var withAudience = new AccessContext { Audience = format == TokenFormat.Jwt ? grant.Token.Audiences[0] : "any" };

        // On a clock of the caller's and on the system's, for which the token may be over: that costs the same.
        using TokenStore onSystemClock = TokenStore.Open(_temporary.Path);
        foreach (TokenStore store in new[] { _temporary.Store, onSystemClock })
        {
            Measure(store);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Measure(store);
            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(4 * Checks, Measure(_temporary.Store));

        int Measure(TokenStore store)
        {
            int valid = 0;
            for (int round = 0; round < Checks; round++)
            {
                valid += store.Validate(value).IsValid ? 1 : 0;
                valid += store.Validate(value, context).IsValid ? 1 : 0;
                valid += store.Validate(value, withAudience).IsValid ? 1 : 0;
                valid += store.Validate(value, denied).IsValid ? 1 : 0;
                valid += store.Validate(utf8).IsValid ? 1 : 0;
                valid += store.Validate("tsr_unlike").IsValid ? 1 : 0;
            }

            return valid;
        }
    }

    // As many tokens in use at once as there are places, and more: each is shown as itself.
    [Fact]
    public void Tokens_that_share_a_place_among_the_kept_records_are_told_apart()
    {
        var tokens = new List<(string Value, string Id)>();
        for (int number = 0; number < 200; number++)
        {
            string value = _temporary.Grant(out Token token);
            tokens.Add((value, token.Id));
        }

        for (int round = 0; round < 3; round++)
        {
            Assert.All(tokens, token => Assert.Equal(token.Id, _temporary.Store.Validate(token.Value).Token?.Id));
        }

        var records = new VerdictRecords();
        VerdictRecord first = RecordOf(7);
        VerdictRecord second = RecordOf(7 + 4_096);
        records.Keep(first);
        Assert.Same(first, records.Find(7, 1, TokenState.Active));
        Assert.Null(records.Find(7 + 4_096, 1, TokenState.Active));
        Assert.Null(records.Find(7, 2, TokenState.Active));
        Assert.Null(records.Find(7, 1, TokenState.Expired));
        records.Keep(second);
        Assert.Null(records.Find(7, 1, TokenState.Active));
        Assert.Same(second, records.Find(7 + 4_096, 1, TokenState.Active));
        Assert.Null(records.Find(-1, 1, TokenState.Active));

        VerdictRecord RecordOf(long row) => new(row, 1, TokenState.Active, _temporary.Store.GetToken(tokens[0].Id), "Adam", []);
    }
}
