namespace Tessera.Tests;

public sealed class AuditTests : IDisposable
{
    private readonly TemporaryStore _temporary = new();

    private TokenStore Store => _temporary.Store;

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void A_change_and_a_refusal_are_in_the_log_with_all_that_is_known()
    {
        string value = _temporary.Grant(out Token token);
        Store.Revoke(token.Id, "left the team");
        _temporary.Clock.Now = TemporaryStore.Start.AddMinutes(1);
        Store.Validate(value);
        Store.Validate("no token");
        Store.Flush();

        AuditEvent[] events = [.. Store.GetAuditEvents()];

        Assert.Equal(
            ["identity.create", "token.grant", "token.revoke", "token.refuse", "token.refuse"],
            events.Select(found => found.Event));
        Assert.Equal([1L, 2, 3, 4, 5], events.Select(found => found.Sequence));
        Assert.All(events, found => Assert.Matches("^[0-9a-f]{64}$", found.Hash));
        AuditEvent created = events[0];
        Assert.Equal((AuditSubjectKind.Identity, "Adam"), (created.SubjectKind, created.Subject));
        Assert.Equal(("local owner", "owner", "Success"), (created.Actor, created.ActorKind, created.Outcome));
        Assert.Equal((TemporaryStore.Start, TimeSpan.Zero), (created.At, created.At.Offset));
        AuditEvent refused = events.Single(found => found.Outcome == nameof(Outcome.Revoked));
        Assert.Equal((AuditSubjectKind.Token, token.Id), (refused.SubjectKind, refused.Subject));
        Assert.Equal(("Adam", $"token:{token.Id}"), (refused.Actor, refused.ActorKind));
        Assert.Equal(TemporaryStore.Start.AddMinutes(1), refused.At);
        AuditEvent malformed = events.Single(found => found.Outcome == nameof(Outcome.Malformed));
        Assert.Null(malformed.Subject);
        Assert.Equal("bearer", malformed.Actor);
        Assert.Equal(events, Store.GetAuditEvents());
    }

    [Fact]
    public void A_list_is_narrowed_by_each_member_of_its_filter()
    {
        _temporary.Grant(out Token first);
        _temporary.Grant(out _);
        _temporary.Clock.Now = TemporaryStore.Start.AddHours(1);
        Store.Revoke(first.Id);
        Store.CreateIdentity("Ève");

        long[] Found(AuditEventFilter filter) => [.. Store.GetAuditEvents(filter).Select(found => found.Sequence)];

        Assert.Equal([2L, 3], Found(new() { Event = "token.gr*" }));
        Assert.Equal([1L, 2, 3, 4, 5], Found(new() { Actor = "LOCAL OWNER" }));
        Assert.Equal([2L, 4], Found(new() { SubjectKind = AuditSubjectKind.Token, Subject = first.Id }));
        Assert.Equal([5L], Found(new() { Subject = "èVE" }));
        Assert.Equal([1L, 5], Found(new() { SubjectKind = AuditSubjectKind.Identity }));
        Assert.Empty(Found(new() { Outcome = "Denied" }));
        Assert.Equal([4L, 5], Found(new() { After = TemporaryStore.Start.AddMinutes(1) }));
        Assert.Equal([1L, 2, 3], Found(new() { Before = TemporaryStore.Start.AddHours(1) }));
        Assert.Equal([5L, 4, 3, 2, 1], Found(new() { NewestFirst = true }));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Pages_follow_one_another_without_a_gap(bool newestFirst)
    {
        for (int number = 0; number < 24; number++)
        {
            Store.CreateIdentity($"Identity {number}");
        }

        var filter = new AuditEventFilter { NewestFirst = newestFirst };
        var found = new List<AuditEvent>();
        long? start = null;
        do
        {
            AuditEventPage page = Store.GetAuditEventPage(filter, start, limit: 10);
            Assert.True(page.Events.Count <= 10);
            found.AddRange(page.Events);
            start = page.Next;
        }
        while (start is not null);

        Assert.Equal(25, found.Count);
        Assert.Equal(Store.GetAuditEvents(filter), found);
        Assert.Equal(newestFirst ? 25 : 1, found[0].Sequence);
    }

    [Fact]
    public void What_is_outside_its_limits_is_refused_by_the_call_that_was_given_it()
    {
        Assert.Throws<ArgumentNullException>(() => Store.GetAuditEventPage(null!));
        Assert.Equal("limit", Assert.Throws<InvalidRequestException>(() => Store.GetAuditEventPage(new(), limit: 0)).Subject);
        Assert.Equal("limit", Assert.Throws<InvalidRequestException>(() => Store.GetAuditEventPage(new(), limit: 1_001)).Subject);
        string tooLong = new('x', 257);
        Assert.Equal("event", Assert.Throws<InvalidRequestException>(() => Store.GetAuditEvents(new() { Event = tooLong })).Subject);
        Assert.Equal("actor", Assert.Throws<InvalidRequestException>(() => Store.GetAuditEvents(new() { Actor = tooLong })).Subject);
        Assert.Equal("subject", Assert.Throws<InvalidRequestException>(() => Store.GetAuditEvents(new() { Subject = tooLong })).Subject);
        Assert.Equal("outcome", Assert.Throws<InvalidRequestException>(() => Store.GetAuditEvents(new() { Outcome = tooLong })).Subject);
        Assert.Equal(
            "subjectKind",
            Assert.Throws<InvalidRequestException>(() => Store.GetAuditEvents(new() { SubjectKind = (AuditSubjectKind)99 })).Subject);
        Store.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Store.GetAuditEvents());
        Assert.Throws<ObjectDisposedException>(() => Store.CheckAuditLog());
        Assert.Throws<ObjectDisposedException>(Store.Flush);
    }

    [Fact]
    public void A_check_says_how_far_the_log_is_signed()
    {
        _temporary.Grant(out _);
        AuditLogCheck before = Store.CheckAuditLog();
        Assert.Equal((true, 2L, 0L, 0L), (before.IsSound, before.Records, before.Heads, before.SignedUpTo));

        Store.Flush();
        AuditLogCheck after = Store.CheckAuditLog();

        Assert.Equal((true, 2L, 1L, 2L), (after.IsSound, after.Records, after.Heads, after.SignedUpTo));
        Assert.Equal(Store.GetAuditEvents().Last().Hash, after.LastHash);
        Assert.Null(after.BrokenRecord);
        Assert.Null(after.Problem);
    }

    // The file is changed as an editor of bytes would, as there is no other SQLite here.
    [Fact]
    public void A_check_names_the_record_that_was_changed_in_the_file()
    {
        Store.CreateIdentity("Benedict");
        Store.CreateIdentity("Caroline");
        Store.Dispose();
        byte[] file = File.ReadAllBytes(_temporary.Path);
        int changed = 0;
        ReadOnlySpan<byte> name = "local ownerownerIdentityBenedict"u8;
        for (int at = file.AsSpan().IndexOf(name); at >= 0; at = file.AsSpan().IndexOf(name))
        {
            file[at + name.Length - 1] = (byte)'d';
            changed++;
        }

        Assert.Equal(1, changed);
        File.WriteAllBytes(_temporary.Path, file);

        using TokenStore again = _temporary.Open();
        AuditLogCheck check = again.CheckAuditLog();

        Assert.False(check.IsSound);
        Assert.Equal(2, check.BrokenRecord);
        Assert.Equal(1, check.Records);
        Assert.Contains("Record 2", check.Problem, StringComparison.Ordinal);
    }
}
