namespace Tessera.Tests;

public sealed class RestoreTests : IDisposable
{
    private readonly TemporaryStore _temporary = new();

    private TokenStore Store => _temporary.Store;

    private string Backup => Path.Combine(_temporary.Folder, "backup.db");

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void A_backup_does_not_wake_what_was_ended_since()
    {
        string revoked = _temporary.Grant(out Token ended);
        string removed = _temporary.Grant(out Token gone);
        string kept = _temporary.Grant(out _);
        Store.Backup(Backup);
        Store.Revoke(ended.Id, "lost");
        Store.Remove(gone.Id);
        string later = _temporary.Grant(out _);
        Store.Dispose();

        StoreRestoration restored = TokenStore.Restore(Backup, _temporary.Path);

        Assert.True(restored.Replayed);
        Assert.Equal((1L, 1L), (restored.RevokedTokens, restored.RemovedTokens));
        Assert.Equal(_temporary.Path, restored.Path);
        Assert.True(restored.SizeBytes > 4096);
        using TokenStore store = _temporary.Open();
        Assert.Equal(
            [Outcome.Revoked, Outcome.Unknown, Outcome.Valid, Outcome.Unknown],
            ((string[])[revoked, removed, kept, later]).Select(value => store.Validate(value).Outcome));
        Assert.Equal("lost", store.GetToken(ended.Id).RevokedReason);
        Assert.Single(store.GetAuditEvents(new AuditEventFilter { Event = "store.restore" }));
        Assert.True(store.CheckAuditLog().IsSound);
    }

    [Fact]
    public void A_store_that_is_open_is_not_replaced()
    {
        string value = _temporary.Grant(out Token token);
        Store.Backup(Backup);
        Store.Revoke(token.Id);

        StoreException busy = Assert.Throws<StoreException>(() => TokenStore.Restore(Backup, _temporary.Path, force: true));

        Assert.Equal((ErrorCode.StoreBusy, "destination"), (busy.Code, busy.Subject));
        Assert.Equal(Outcome.Revoked, Store.Validate(value).Outcome);
    }

    [Fact]
    public void Where_nobody_can_tell_what_was_ended_since_force_is_needed()
    {
        string value = _temporary.Grant(out Token token);
        Store.Backup(Backup);
        Store.Revoke(token.Id);
        Store.Dispose();
        File.Delete(_temporary.Path);

        InvalidRequestException refusal = Assert.Throws<InvalidRequestException>(() => TokenStore.Restore(Backup, _temporary.Path));
        Assert.Equal((ErrorCode.Conflict, "force"), (refusal.Code, refusal.Subject));
        Assert.False(File.Exists(_temporary.Path));

        Assert.False(TokenStore.Restore(Backup, _temporary.Path, force: true).Replayed);
        using TokenStore store = _temporary.Open();
        Assert.True(store.Validate(value).IsValid);
    }

    [Fact]
    public void What_is_no_backup_or_no_path_is_refused()
    {
        Store.Dispose();

        Assert.Equal("path", Assert.Throws<StoreException>(() => TokenStore.Restore(Backup, _temporary.Path)).Subject);
        Assert.Equal("path", Assert.Throws<InvalidRequestException>(() => TokenStore.Restore(_temporary.Path, _temporary.Path)).Subject);
        Assert.Equal("path", Assert.Throws<InvalidRequestException>(() => TokenStore.Restore("", _temporary.Path)).Subject);
        Assert.Equal("destination", Assert.Throws<InvalidRequestException>(() => TokenStore.Restore(Backup, "a\0b")).Subject);
        Assert.Throws<ArgumentNullException>("destination", () => TokenStore.Restore(Backup, null!));
    }

    [Fact]
    public void Tidying_up_removes_what_a_profile_does_not_keep()
    {
        var request = new TokenGrantRequest { Identity = "Adam", Profile = "Rubrik", ExpiresIn = TimeSpan.FromMinutes(10), Remark = new string('x', 1024) };
        for (int count = 0; count < 300; count++)
        {
            Store.Grant(request).Dispose();
        }

        _temporary.Grant(out Token kept);
        Assert.Equal(0, Store.Optimize().RemovedTokens);
        _temporary.Clock.Now = TemporaryStore.Start.AddMinutes(10);

        StoreOptimization optimized = Store.Optimize(compact: true);

        Assert.Equal(300, optimized.RemovedTokens);
        Assert.InRange(optimized.SizeBytes, 4096, optimized.SizeBeforeBytes - (300 * 1024));
        Assert.Equal([kept.Id], Store.GetTokens().Select(token => token.Id));
    }
}
