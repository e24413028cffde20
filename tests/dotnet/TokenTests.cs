namespace Tessera.Tests;

public sealed class TokenTests : IDisposable
{
    private readonly TemporaryStore _temporary = new();

    private TokenStore Store => _temporary.Store;

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void A_granted_token_is_valid_until_it_is_revoked()
    {
        using TokenGrant grant = Store.Grant(new TokenGrantRequest
        {
            Identity = "adam",
            Name = "nightly",
            Roles = ["Reader"],
            Tags = ["b", "a"],
            Remark = "für die Nacht 🌙",
            ExpiresIn = TimeSpan.FromDays(1.5),
        });
        string value = grant.Value.Reveal();

        Assert.Matches("^tsr_[0-9A-Za-z]{50}$", value);
        Assert.Matches("^[0-9A-Za-z]{12}$", grant.Token.Id);
        Assert.Equal("Adam", grant.Token.Identity);
        Assert.Equal("nightly", grant.Token.Name);
        Assert.Equal(["Reader"], grant.Token.Roles);
        Assert.Equal(["a", "b"], grant.Token.Tags);
        Assert.Equal("für die Nacht 🌙", grant.Token.Remark);
        Assert.Equal(TokenFormat.Opaque, grant.Token.Format);
        Assert.Equal(TokenState.Active, grant.Token.State);
        Assert.Equal("local owner", grant.Token.CreatedBy);
        Assert.Equal(TemporaryStore.Start, grant.Token.CreatedAt);
        Assert.Equal(TemporaryStore.Start.AddDays(1.5), grant.Token.ExpiresAt);
        Assert.Equal(TimeSpan.Zero, grant.Token.CreatedAt.Offset);
        Assert.Null(grant.Token.NotBefore);
        Assert.Null(grant.Token.RevokedAt);

        Verdict verdict = Store.Validate(value);
        Assert.True(verdict.IsValid);
        Assert.Equal(grant.Token, verdict.Token);
        Assert.Equal("Adam", verdict.Identity);
        Assert.Equal(["Reader"], verdict.Roles);
        Assert.Equal(TimeSpan.Zero, verdict.EvidenceAge);

        Assert.True(Store.Revoke(grant.Token.Id, "left the team"));
        Assert.False(Store.Revoke(grant.Token.Id, "again"));

        Verdict refused = Store.Validate(value);
        Assert.False(refused.IsValid);
        Assert.Equal(Outcome.Revoked, refused.Outcome);
        Assert.Equal(TokenState.Revoked, refused.Token?.State);
        Assert.Equal("left the team", refused.Token?.RevokedReason);
        Assert.Equal("local owner", refused.Token?.RevokedBy);
        Assert.Equal(TemporaryStore.Start, refused.Token?.RevokedAt);
    }

    [Fact]
    public void Bytes_are_checked_as_characters_are()
    {
        string value = _temporary.Grant(out Token token);

        Verdict verdict = Store.Validate(System.Text.Encoding.UTF8.GetBytes(value));

        Assert.True(verdict.IsValid);
        Assert.Equal(token.Id, verdict.Token?.Id);
        Assert.Equal(Outcome.Malformed, Store.Validate([0xff, 0xfe]).Outcome);
    }

    [Fact]
    public void A_revocation_through_one_open_store_is_seen_by_another()
    {
        using TokenStore other = _temporary.Open();
        for (int round = 0; round < 50; round++)
        {
            string value = _temporary.Grant(out Token token);
            Assert.True(other.Validate(value).IsValid);
            Store.Revoke(token.Id);
            Assert.Equal(Outcome.Revoked, other.Validate(value).Outcome);
        }
    }

    [Fact]
    public void A_removed_token_is_unknown()
    {
        string value = _temporary.Grant(out Token token);
        Assert.True(Store.Validate(value).IsValid);

        Assert.True(Store.Remove(token.Id));
        Assert.False(Store.Remove(token.Id));

        Verdict verdict = Store.Validate(value);
        Assert.Equal(Outcome.Unknown, verdict.Outcome);
        Assert.Null(verdict.Token);
        Assert.Null(verdict.Identity);
        Assert.Empty(verdict.Roles);
        Assert.False(Store.TryGetToken(token.Id, out Token? none));
        Assert.Null(none);
        Assert.Equal(ErrorCode.NotFound, Assert.Throws<NotFoundException>(() => Store.GetToken(token.Id)).Code);
    }

    // A row's key must never come back for another token: the record kept for the first would be shown for the second.
    [Fact]
    public void A_token_granted_after_a_removal_is_shown_as_itself()
    {
        for (int round = 0; round < 20; round++)
        {
            string value = _temporary.Grant(out Token token);
            Assert.Equal(token.Id, Store.Validate(value).Token?.Id);
            Store.Remove(token.Id);
        }
    }

    [Fact]
    public void A_role_that_the_token_lacks_is_refused_and_an_included_one_is_not()
    {
        string value = _temporary.Grant(out _);

        Assert.True(Store.Validate(value, new AccessContext { Role = "operator" }).IsValid);
        Assert.True(Store.Validate(value, new AccessContext { Role = "Reader" }).IsValid);
        Verdict denied = Store.Validate(value, new AccessContext { Role = "Administrator" });
        Assert.Equal(Outcome.RoleDenied, denied.Outcome);
        Assert.Equal("Adam", denied.Identity);
    }

    [Fact]
    public void A_change_of_the_identitys_roles_is_felt_at_the_next_check()
    {
        string value = _temporary.Grant(out _);
        Assert.Equal(["Operator"], Store.Validate(value).Roles);

        Store.UpdateIdentity("Adam", roles: ["Reader"]);

        Assert.Equal(["Reader"], Store.Validate(value).Roles);
        Assert.Equal(Outcome.RoleDenied, Store.Validate(value, new AccessContext { Role = "Operator" }).Outcome);
    }

    [Fact]
    public void A_json_web_token_is_held_to_its_audience_and_revoked_by_its_record()
    {
        using TokenGrant grant = Store.Grant(new TokenGrantRequest { Identity = "Adam", Format = TokenFormat.Jwt, Audiences = ["jobs", "reports"] });
        string value = grant.Value.Reveal();

        Assert.Equal(2, value.Count(character => character == '.'));
        Assert.Equal(["jobs", "reports"], grant.Token.Audiences);
        Assert.Equal(Assert.Single(Store.GetSigningKeys()).KeyId, grant.Token.KeyId);
        Assert.True(Store.Validate(value, new AccessContext { Audience = "reports" }).IsValid);
        Assert.Equal(Outcome.AudienceDenied, Store.Validate(value, new AccessContext { Audience = "Reports" }).Outcome);

        Store.Revoke(grant.Token.Id);
        Assert.Equal(Outcome.Revoked, Store.Validate(value).Outcome);
    }

    [Fact]
    public void A_remark_and_tags_can_be_changed_and_cleared()
    {
        _temporary.Grant(out Token token);

        Token changed = Store.Update(token.Id, remark: "noted", tags: ["x"]);
        Assert.Equal("noted", changed.Remark);
        Assert.Equal(["x"], changed.Tags);

        Token same = Store.Update(token.Id);
        Assert.Equal(changed, same);

        Token cleared = Store.Update(token.Id, remark: "", tags: []);
        Assert.Null(cleared.Remark);
        Assert.Empty(cleared.Tags);
        Assert.Throws<NotFoundException>(() => Store.Update("000000000000", remark: "x"));
    }

    [Fact]
    public void Lists_are_filtered_and_paged_in_the_order_of_grants()
    {
        Store.CreateIdentity("Eve", ["Reader"]);
        var ids = new List<string>();
        for (int number = 0; number < 25; number++)
        {
            using TokenGrant grant = Store.Grant(new TokenGrantRequest
            {
                Identity = number % 5 == 0 ? "Eve" : "Adam",
                Name = $"job-{number:D2}",
                Tags = number % 2 == 0 ? ["even"] : null,
                ExpiresIn = TimeSpan.FromDays(number + 1),
            });
            ids.Add(grant.Token.Id);
        }

        Store.Revoke(ids[3]);

        Assert.Equal(ids, Store.GetTokens().Select(token => token.Id));
        Assert.Equal(5, Store.GetTokens(new TokenFilter { Identity = "eve" }).Count());
        Assert.Equal(10, Store.GetTokens(new TokenFilter { Name = "JOB-0*" }).Count());
        Assert.Equal(13, Store.GetTokens(new TokenFilter { Tag = "even" }).Count());
        Assert.Equal(ids[3], Assert.Single(Store.GetTokens(new TokenFilter { State = TokenState.Revoked })).Id);
        Assert.Equal(4, Store.GetTokens(new TokenFilter { ExpiresBefore = TemporaryStore.Start.AddDays(5) }).Count());
        Assert.Equal(21, Store.GetTokens(new TokenFilter { ExpiresAfter = TemporaryStore.Start.AddDays(5) }).Count());

        var paged = new List<string>();
        long? after = null;
        do
        {
            TokenPage page = Store.GetTokenPage(new TokenFilter(), after, limit: 10);
            Assert.InRange(page.Tokens.Count, 0, 10);
            paged.AddRange(page.Tokens.Select(token => token.Id));
            after = page.Next;
        }
        while (after is not null);
        Assert.Equal(ids, paged);
    }

    [Fact]
    public void Bad_grants_are_refused_with_the_code_and_the_member_that_is_wrong()
    {
        InvalidRequestException twice = Assert.Throws<InvalidRequestException>(() => Store.Grant(
            new TokenGrantRequest { Identity = "Adam", NoExpiry = true, ExpiresIn = TimeSpan.FromDays(1) }));
        Assert.Equal(ErrorCode.InvalidArgument, twice.Code);

        InvalidRequestException notHeld = Assert.Throws<InvalidRequestException>(() => Store.Grant(
            new TokenGrantRequest { Identity = "Adam", Roles = ["Administrator"] }));
        Assert.Equal(ErrorCode.NotPermitted, notHeld.Code);

        Assert.Throws<NotFoundException>(() => Store.Grant(new TokenGrantRequest { Identity = "Nobody" }));
        Assert.Throws<NotFoundException>(() => Store.Grant(new TokenGrantRequest { Identity = "Adam", Roles = ["Nothing"] }));

        InvalidRequestException tooShort = Assert.Throws<InvalidRequestException>(() => Store.Grant(
            new TokenGrantRequest { Identity = "Adam", ExpiresIn = TimeSpan.FromMilliseconds(999) }));
        Assert.Equal("expiresIn", tooShort.Subject);

        Assert.Equal("format", Assert.Throws<InvalidRequestException>(() => Store.Grant(
            new TokenGrantRequest { Identity = "Adam", Format = (TokenFormat)9 })).Subject);
        Assert.Empty(Store.GetTokens());
    }

    [Fact]
    public void A_grant_under_a_key_is_one_token_however_often_it_is_asked_for()
    {
        var request = new TokenGrantRequest { Identity = "Adam", Name = "nightly", IdempotencyKey = "nightly 2026-03-01" };
        using TokenGrant first = Store.Grant(request);
        using TokenGrant second = Store.Grant(request);
        Assert.Equal(first.Token.Id, second.Token.Id);
        Assert.True(first.HasValue && second.HasValue);
        Assert.Equal(Outcome.Unknown, Store.Validate(first.Value.Reveal()).Outcome);
        Assert.True(Store.Validate(second.Value.Reveal()).IsValid);

        using TokenGrant third = Store.Grant(request);
        Assert.Equal(first.Token.Id, third.Token.Id);
        Assert.False(third.HasValue);
        Assert.Throws<InvalidOperationException>(() => third.Value.Reveal());
        Assert.Throws<InvalidOperationException>(() => third.Value.ToSecureString());
        Assert.True(Store.Validate(second.Value.Reveal()).IsValid);

        InvalidRequestException other = Assert.Throws<InvalidRequestException>(() => Store.Grant(request with { Name = "other" }));
        Assert.Equal((ErrorCode.Conflict, "idempotencyKey"), (other.Code, other.Subject));
        Assert.Equal("idempotencyKey", Assert.Throws<InvalidRequestException>(() => Store.Grant(request with { IdempotencyKey = "" })).Subject);
        Assert.Equal("idempotencyKey", Assert.Throws<InvalidRequestException>(() => Store.Grant(request with { IdempotencyKey = new string('x', 257) })).Subject);

        _temporary.Clock.Now += TimeSpan.FromHours(24);
        using TokenGrant nextDay = Store.Grant(request);
        Assert.NotEqual(first.Token.Id, nextDay.Token.Id);
        Assert.True(nextDay.HasValue);
    }
}
