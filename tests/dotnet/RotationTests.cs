namespace Tessera.Tests;

public sealed class RotationTests : IDisposable
{
    private readonly TemporaryStore _temporary = new();

    private TokenStore Store => _temporary.Store;

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void A_token_gives_way_when_its_successor_is_first_used()
    {
        string old = _temporary.Grant(out Token token);

        using TokenRotation rotation = Store.Rotate(new TokenRotationRequest { Id = token.Id });

        string value = rotation.Value!.Reveal();
        Assert.Equal((token.Id, rotation.Successor.Id), (rotation.Predecessor.Id, rotation.Predecessor.Successor));
        Assert.Equal(token.Id, rotation.Successor.Predecessor);
        Assert.Equal((TokenState.Pending, RotationStage.Waiting), (rotation.Successor.State, rotation.Successor.RotationStage));
        Assert.True(Store.Validate(old).IsValid);
        Assert.True(Store.Validate(value).IsValid);
        Assert.Equal(Outcome.Revoked, Store.Validate(old).Outcome);
        Token ended = Store.GetToken(token.Id);
        Assert.Equal(("Rotated", TemporaryStore.Start), (ended.RevokedReason, ended.RetiresAt));
        Assert.Equal((TokenState.Active, null), (Store.GetToken(rotation.Successor.Id).State, Store.GetToken(rotation.Successor.Id).RotationStage));
    }

    [Fact]
    public void A_deadline_a_time_of_grace_and_at_once()
    {
        string byDeadline = _temporary.Grant(out Token deadline);
        string byGrace = _temporary.Grant(out Token grace);
        string atOnce = _temporary.Grant(out Token immediate);

        using TokenRotation first = Store.Rotate(new TokenRotationRequest { Id = deadline.Id, Deadline = TemporaryStore.Start.AddSeconds(100.9) });
        using TokenRotation second = Store.Rotate(new TokenRotationRequest { Id = grace.Id, Mode = RotationMode.Grace, Grace = TimeSpan.FromSeconds(50.9) });
        using TokenRotation third = Store.Rotate(new TokenRotationRequest { Id = immediate.Id, Mode = RotationMode.Immediate });

        Outcome[] Outcomes() => [Store.Validate(byDeadline).Outcome, Store.Validate(byGrace).Outcome, Store.Validate(atOnce).Outcome];
        Assert.Equal([Outcome.Valid, Outcome.Valid, Outcome.Revoked], Outcomes());
        Assert.True(Store.Validate(second.Value!.Reveal()).IsValid);
        Assert.True(Store.Validate(third.Value!.Reveal()).IsValid);
        _temporary.Clock.Now = TemporaryStore.Start.AddSeconds(50);
        Assert.Equal([Outcome.Valid, Outcome.Revoked, Outcome.Revoked], Outcomes());
        _temporary.Clock.Now = TemporaryStore.Start.AddSeconds(100);
        Assert.Equal([Outcome.Revoked, Outcome.Revoked, Outcome.Revoked], Outcomes());
        Assert.True(Store.Validate(first.Value!.Reveal()).IsValid);
    }

    [Fact]
    public void A_successor_has_all_that_its_predecessor_has_and_a_life_of_its_own()
    {
        using TokenGrant grant = Store.Grant(new TokenGrantRequest
        {
            Identity = "Adam",
            Name = "nightly",
            Roles = ["Reader"],
            Tags = ["b", "a"],
            Remark = "of the build",
            ExpiresIn = TimeSpan.FromDays(3),
        });
        _temporary.Clock.Now = TemporaryStore.Start.AddDays(2);

        using TokenRotation same = Store.Rotate(new TokenRotationRequest { Id = grant.Token.Id, Mode = RotationMode.Immediate });
        using TokenRotation longer = Store.Rotate(new TokenRotationRequest { Id = same.Successor.Id, Mode = RotationMode.Immediate, ExpiresIn = TimeSpan.FromDays(9) });
        using TokenRotation until = Store.Rotate(new TokenRotationRequest { Id = longer.Successor.Id, Mode = RotationMode.Immediate, ExpiresAt = TemporaryStore.Start.AddYears(1) });
        using TokenRotation forever = Store.Rotate(new TokenRotationRequest { Id = until.Successor.Id, Mode = RotationMode.Immediate, NoExpiry = true });

        Assert.Equal(("nightly", "of the build", "Adam"), (same.Successor.Name, same.Successor.Remark, same.Successor.Identity));
        Assert.Equal(["Reader"], same.Successor.Roles);
        Assert.Equal(["a", "b"], same.Successor.Tags);
        Assert.Equal(TemporaryStore.Start.AddDays(5), same.Successor.ExpiresAt);
        Assert.Equal(TemporaryStore.Start.AddDays(11), longer.Successor.ExpiresAt);
        Assert.Equal(TemporaryStore.Start.AddYears(1), until.Successor.ExpiresAt);
        Assert.Null(forever.Successor.ExpiresAt);
    }

    [Fact]
    public void Nothing_changes_before_the_value_is_delivered()
    {
        string old = _temporary.Grant(out Token token);
        using PreparedRotation prepared = Store.PrepareRotation(new TokenRotationRequest { Id = token.Id, Mode = RotationMode.Immediate });
        string value = prepared.Value!.Reveal();

        Assert.Equal(Outcome.Unknown, Store.Validate(value).Outcome);
        Assert.Equal([token], Store.GetTokens());
        Assert.Throws<NotFoundException>(() => Store.GetToken(prepared.Successor.Id));
        Assert.Equal(ErrorCode.Conflict, Assert.Throws<InvalidRequestException>(() => Store.Rotate(new TokenRotationRequest { Id = token.Id })).Code);

        TokenRotation rotation = prepared.Deliver();
        Assert.Null(rotation.Value);
        Assert.Equal(rotation, prepared.Deliver());
        Assert.True(Store.Validate(value).IsValid);
        Assert.Equal(Outcome.Revoked, Store.Validate(old).Outcome);
        prepared.Dispose();
        Assert.True(Store.Validate(value).IsValid);
        Assert.Throws<ObjectDisposedException>(prepared.Value.Reveal);
    }

    [Fact]
    public void What_is_not_delivered_is_as_if_it_had_never_been()
    {
        string old = _temporary.Grant(out Token token);
        string value;
        using (PreparedRotation prepared = Store.PrepareRotation(new TokenRotationRequest { Id = token.Id }))
        {
            value = prepared.Value!.Reveal();
        }

        Assert.Equal(Outcome.Unknown, Store.Validate(value).Outcome);
        Assert.Equal([token], Store.GetTokens());
        using TokenRotation rotation = Store.Rotate(new TokenRotationRequest { Id = token.Id });
        Assert.True(Store.Validate(rotation.Value!.Reveal()).IsValid);
        Assert.Equal(Outcome.Revoked, Store.Validate(old).Outcome);
    }

    [Fact]
    public void A_delivery_to_a_token_that_ended_meanwhile_is_refused_and_taken_back()
    {
        _temporary.Grant(out Token token);
        using (PreparedRotation prepared = Store.PrepareRotation(new TokenRotationRequest { Id = token.Id }))
        {
            Store.Revoke(token.Id);
            Assert.Equal(ErrorCode.Conflict, Assert.Throws<InvalidRequestException>(prepared.Deliver).Code);
        }

        Assert.Single(Store.GetTokens());
    }

    [Fact]
    public void A_prepared_rotation_may_outlive_its_store()
    {
        _temporary.Grant(out Token token);
        TokenStore other = _temporary.Open();
        PreparedRotation prepared = other.PrepareRotation(new TokenRotationRequest { Id = token.Id });

        other.Dispose();

        Assert.Throws<ObjectDisposedException>(prepared.Deliver);
        prepared.Dispose();
        prepared.Dispose();
    }

    [Fact]
    public void A_repeat_under_a_key_leads_to_the_same_successor()
    {
        string old = _temporary.Grant(out Token token);
        var request = new TokenRotationRequest { Id = token.Id, IdempotencyKey = "nightly" };

        using TokenRotation first = Store.Rotate(request);
        using TokenRotation second = Store.Rotate(request);

        Assert.Equal(first.Successor.Id, second.Successor.Id);
        Assert.Equal(Outcome.Unknown, Store.Validate(first.Value!.Reveal()).Outcome);
        Assert.True(Store.Validate(second.Value!.Reveal()).IsValid);
        Assert.Equal(Outcome.Revoked, Store.Validate(old).Outcome);
        Assert.Null(Store.Rotate(request).Value);
        InvalidRequestException other = Assert.Throws<InvalidRequestException>(() => Store.Rotate(request with { Mode = RotationMode.Immediate }));
        Assert.Equal((ErrorCode.Conflict, "idempotencyKey"), (other.Code, other.Subject));
    }

    [Fact]
    public void A_repeat_of_what_was_delivered_hands_nothing_over()
    {
        _temporary.Grant(out Token token);
        var request = new TokenRotationRequest { Id = token.Id, IdempotencyKey = "nightly" };
        using PreparedRotation first = Store.PrepareRotation(request);
        string value = first.Value!.Reveal();
        TokenRotation delivered = first.Deliver();

        using (PreparedRotation again = Store.PrepareRotation(request))
        {
            Assert.Null(again.Value);
            Assert.Equal(delivered.Successor, again.Deliver().Successor);
        }

        Store.PrepareRotation(request).Dispose();
        Assert.True(Store.Validate(value).IsValid);
    }

    [Fact]
    public void What_a_run_left_behind_that_was_broken_off_makes_way()
    {
        string old = _temporary.Grant(out Token token);
        var request = new TokenRotationRequest { Id = token.Id };
        string lost = Store.PrepareRotation(request).Value!.Reveal();

        Assert.Equal(ErrorCode.Conflict, Assert.Throws<InvalidRequestException>(() => Store.PrepareRotation(request)).Code);
        _temporary.Clock.Now = TemporaryStore.Start.AddMinutes(15);
        string lostToo = Store.PrepareRotation(request with { IdempotencyKey = "key" }).Value!.Reveal();
        using PreparedRotation prepared = Store.PrepareRotation(request with { IdempotencyKey = "key" });
        prepared.Deliver();

        Assert.Equal(
            [Outcome.Unknown, Outcome.Unknown, Outcome.Valid, Outcome.Valid, Outcome.Revoked],
            ((string[])[lost, lostToo, old, prepared.Value!.Reveal(), old]).Select(value => Store.Validate(value).Outcome));
    }

    [Fact]
    public void A_retired_value_that_is_presented_is_in_the_audit_log_once()
    {
        string old = _temporary.Grant(out Token token);
        using TokenRotation rotation = Store.Rotate(new TokenRotationRequest { Id = token.Id, Mode = RotationMode.Immediate });

        Store.Validate(old);
        Store.Validate(old);

        AuditEvent alert = Assert.Single(Store.GetAuditEvents(new AuditEventFilter { Event = "token.reuse" }));
        Assert.Equal((token.Id, "Adam", "Revoked"), (alert.Subject, alert.Actor, alert.Outcome));
    }

    [Fact]
    public void A_token_that_cannot_be_rotated_says_why()
    {
        _temporary.Grant(out Token token);
        _temporary.Grant(out Token off);
        _temporary.Grant(out Token ended);
        Store.Disable(off.Id);
        Store.Revoke(ended.Id);
        using TokenRotation rotation = Store.Rotate(new TokenRotationRequest { Id = token.Id });

        foreach (string id in (string[])[token.Id, rotation.Successor.Id, off.Id, ended.Id])
        {
            InvalidRequestException refusal = Assert.Throws<InvalidRequestException>(() => Store.Rotate(new TokenRotationRequest { Id = id }));
            Assert.Equal((ErrorCode.Conflict, "id"), (refusal.Code, refusal.Subject));
            Assert.Contains(id, refusal.Message, StringComparison.Ordinal);
        }

        Assert.Throws<NotFoundException>(() => Store.Rotate(new TokenRotationRequest { Id = "AAAAAAAAAAAA" }));
        Assert.Throws<NotFoundException>(() => Store.PrepareRotation(new TokenRotationRequest { Id = "AAAAAAAAAAAA" }));
    }

    [Fact]
    public void A_request_outside_its_limits_names_the_member()
    {
        _temporary.Grant(out Token token);
        var request = new TokenRotationRequest { Id = token.Id };
        (string Subject, TokenRotationRequest Request)[] refused =
        [
            ("id", request with { Id = "x" }),
            ("mode", request with { Mode = (RotationMode)3 }),
            ("grace", request with { Mode = RotationMode.Grace }),
            ("grace", request with { Mode = RotationMode.Grace, Grace = TimeSpan.Zero }),
            ("grace", request with { Mode = RotationMode.Immediate, Grace = TimeSpan.FromHours(1) }),
            ("grace", request with { Mode = RotationMode.Grace, Grace = TimeSpan.MaxValue }),
            ("deadline", request with { Deadline = TemporaryStore.Start }),
            ("deadline", request with { Mode = RotationMode.Immediate, Deadline = TemporaryStore.Start.AddDays(1) }),
            ("expiresIn", request with { ExpiresIn = TimeSpan.Zero }),
            ("expiresAt", request with { ExpiresAt = TemporaryStore.Start }),
            ("expiresAt", request with { ExpiresAt = TemporaryStore.Start.AddDays(1), NoExpiry = true }),
            ("idempotencyKey", request with { IdempotencyKey = "" }),
            ("idempotencyKey", request with { IdempotencyKey = new string('x', 257) }),
        ];
        foreach ((string subject, TokenRotationRequest wrong) in refused)
        {
            Assert.Equal(subject, Assert.Throws<InvalidRequestException>(() => Store.Rotate(wrong)).Subject);
            Assert.Equal(subject, Assert.Throws<InvalidRequestException>(() => Store.PrepareRotation(wrong)).Subject);
        }

        Assert.Throws<ArgumentNullException>("request", () => Store.Rotate(null!));
        Assert.Throws<ArgumentNullException>("request", () => Store.PrepareRotation(null!));
        Assert.Throws<ArgumentNullException>("id", () => Store.Rotate(request with { Id = null! }));
        Assert.Equal([token], Store.GetTokens());
    }

    [Fact]
    public void A_rotations_text_hides_its_value()
    {
        _temporary.Grant(out Token token);
        using TokenRotation rotation = Store.Rotate(new TokenRotationRequest { Id = token.Id });

        string value = rotation.Value!.Reveal();
        Assert.DoesNotContain(value[16..48], rotation.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(value[16..48], System.Text.Json.JsonSerializer.Serialize(rotation), StringComparison.Ordinal);
    }
}
