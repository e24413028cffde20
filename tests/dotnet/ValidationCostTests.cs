using System.Text;
using Tessera.Native;

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

    /// <summary>A request for a token that has everything there is, of an Adam in the organization North.</summary>
    internal static TokenGrantRequest Full(DateTimeOffset now) => new()
    {
        Identity = "Adam",
        Name = "B\u00fccher \U0001f511",
        Roles = ["Reader"],
        Tags = ["a", "b"],
        Remark = new string('x', 600),
        Audiences = ["api", "jobs"],
        Organizations = ["North"],
        NotBefore = now,
        WarnAfter = now.AddDays(3),
        Conditions = new TokenConditions
        {
            Subject = "https://example.com/jobs",
            Referrer = "example.com",
            AllowedAddresses = ["10.0.0.0/8"],
            DeniedAddresses = ["10.1.0.0/16", "2001:db8::/32"],
            Methods = ["GET"],
            Operations = ["job.read"],
            RequiredRoles = ["Reader"],
            RateLimit = new TokenRateLimit { Uses = 5, Period = TimeSpan.FromMinutes(1) },
        },
    };

    // What a check hands over with its answer, what is asked for after it, and what a list shows are the same.
    [Fact]
    public void A_check_shows_the_token_as_every_other_read_does()
    {
        TokenStore owner = _temporary.Store;
        owner.CreateOrganization("North", [new OrganizationMember { Identity = "Adam" }]);
        owner.UpdateIdentity("Adam", password: "correct horse Adam");
        TokenGrantRequest full = Full(_temporary.Clock.Now);
        using TokenGrant everything = owner.Grant(full);
        using TokenGrant large = owner.Grant(full with { Remark = new string('\u20ac', 1_000), Conditions = new TokenConditions() });
        using TokenGrant nothing = owner.Grant(new TokenGrantRequest { Identity = "Adam" });
        using TokenGrant signed = owner.Grant(new TokenGrantRequest { Identity = "Adam", Format = TokenFormat.Jwt });
        using TokenGrant revoked = owner.Grant(new TokenGrantRequest { Identity = "Adam" });
        owner.Revoke(revoked.Token.Id, "over");
        using TokenGrant disabled = owner.Grant(new TokenGrantRequest { Identity = "Adam" });
        owner.Disable(disabled.Token.Id, "for now");
        using TokenGrant rotated = owner.Grant(new TokenGrantRequest { Identity = "Adam" });
        using TokenRotation rotation = owner.Rotate(new TokenRotationRequest { Id = rotated.Token.Id });
        foreach (TokenGrant grant in new[] { everything, large, nothing, signed, revoked, disabled, rotated })
        {
            string value = grant.Value.Reveal();
            Token expected = owner.GetToken(grant.Token.Id);
            using TokenStore fresh = _temporary.Open();
            Verdict read = fresh.Validate(value);
            Verdict kept = fresh.Validate(value);
            using TokenStore other = fresh.SignIn("Adam", "correct horse Adam");
            Verdict described = other.Validate(value);
            Assert.All([read, kept, described], verdict => Assert.Equal(expected, verdict.Token));
            Assert.All([kept, described], verdict => Assert.Equal(read.Roles, verdict.Roles));
            Assert.NotSame(read.Token, described.Token);

            // That a value was presented after it gave way is written down, once.
            Assert.True(grant == rotated || ReferenceEquals(read.Token, kept.Token));
        }

        using TokenGrant counted = owner.Grant(full with { Conditions = new TokenConditions { Uses = 1L << 53 } });
        Token whole = owner.GetToken(counted.Token.Id);
        Assert.Equal(whole, owner.Validate(counted.Value.Reveal()).Token);
        Assert.Equal(whole with { UsesLeft = whole.UsesLeft - 1 }, owner.Validate(counted.Value.Reveal()).Token);

        // Something else that changes makes nobody read it again; what is its own does.
        Token before = Assert.IsType<Token>(owner.Validate(nothing.Value.Reveal()).Token);
        owner.Revoke(large.Token.Id);
        Assert.Same(before, owner.Validate(nothing.Value.Reveal()).Token);
        owner.Update(before.Id, tags: ["new"]);
        Assert.Equal(["new"], Assert.IsType<Token>(owner.Validate(nothing.Value.Reveal()).Token).Tags);
    }

    [Fact]
    public void A_record_that_is_cut_short_or_too_long_is_refused()
    {
        string value = _temporary.Grant(out Token token);
        byte[] record = Record(value);
        Assert.Equal(_temporary.Store.GetToken(token.Id), FoundTokenReader.Read(record, TokenState.Active).Token);
        for (int length = 0; length < record.Length; length++)
        {
            int cut = length;
            Assert.Equal(ErrorCode.Internal, Assert.Throws<TesseraException>(() => FoundTokenReader.Read(record.AsSpan(0, cut), TokenState.Active)).Code);
        }

        Assert.Throws<TesseraException>(() => FoundTokenReader.Read([.. record, 0], TokenState.Active));

        // A list of very many texts that are not there.
        byte[] damaged = [.. record];
        damaged.AsSpan(8, 4).Fill(0x7f);
        Assert.Throws<TesseraException>(() => FoundTokenReader.Read(damaged, TokenState.Active));

        byte[] Record(string of)
        {
            using PooledBuffer request = NativeResponse.Write(
                new OpenRequest(_temporary.Path, null, false, _temporary.Clock.Now.ToUnixTimeSeconds(), null),
                WireContext.Default.OpenRequest);
            NativeResponse.ThrowIfFailed(NativeCalls.StoreOpen(request.Span, default, out ulong store, out NativeBuffer opened), opened);
            uint code = NativeCalls.TokenDescribe(store, Encoding.UTF8.GetBytes(of), out NativeBuffer response);
            byte[] copy = [.. response.Span];
            NativeResponse.ThrowIfFailed(code, response);
            NativeCalls.StoreClose(store);
            return copy;
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
        VerdictRecord second = RecordOf(7 + VerdictRecords.Places);
        records.Keep(first);
        Assert.Same(first, records.Find(7, 1, TokenState.Active));
        Assert.Null(records.Find(7 + VerdictRecords.Places, 1, TokenState.Active));
        Assert.Null(records.Find(7, 2, TokenState.Active));
        Assert.Null(records.Find(7, 1, TokenState.Expired));
        records.Keep(second);
        Assert.Null(records.Find(7, 1, TokenState.Active));
        Assert.Same(second, records.Find(7 + VerdictRecords.Places, 1, TokenState.Active));
        Assert.Null(records.Find(-1, 1, TokenState.Active));

        VerdictRecord RecordOf(long row) => new(row, 1, TokenState.Active, _temporary.Store.GetToken(tokens[0].Id), []);
    }
}
