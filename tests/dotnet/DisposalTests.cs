using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Tessera.Tests;

public sealed class DisposalTests : IDisposable
{
    private readonly TemporaryStore _temporary = new();

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void Every_member_refuses_a_disposed_store_and_a_second_disposal_does_nothing()
    {
        string value = _temporary.Grant(out Token token);
        TokenStore store = _temporary.Store;
        IEnumerable<Token> begun = store.GetTokens();
        Assert.False(store.IsDisposed);

        store.Dispose();
        store.Dispose();

        Assert.True(store.IsDisposed);
        Assert.Equal(_temporary.Path, store.Path);
        Action[] calls =
        [
            () => store.GetStatus(),
            () => store.Check(),
            () => store.Backup(_temporary.Path + ".copy"),
            () => store.Grant(new TokenGrantRequest { Identity = "Adam" }),
            () => store.Validate(value),
            () => store.Validate(""),
            () => store.Validate(new string('x', 10_000)),
            () => store.Validate("x"u8),
            () => store.GetToken(token.Id),
            () => store.TryGetToken(token.Id, out _),
            () => store.GetTokens(),
            () => _ = begun.Count(),
            () => store.GetTokenPage(new TokenFilter()),
            () => store.Revoke(token.Id),
            () => store.RevokeAll(TokenSet.All),
            () => store.RevokeValue(value, out _),
            () => store.RevokeValue(new string('x', 10_000), out _),
            () => store.Disable(token.Id),
            () => store.Enable(token.Id),
            () => store.Rotate(new TokenRotationRequest { Id = token.Id }),
            () => store.PrepareRotation(new TokenRotationRequest { Id = token.Id }),
            () => store.Optimize(),
            () => store.Flush(),
            () => store.GetUsage(token.Id),
            () => store.GetImpact(token.Id),
            () => store.GetAuditEvents(),
            () => store.CheckAuditLog(),
            () => store.Remove(token.Id),
            () => store.Update(token.Id),
            () => store.CreateIdentity("Eve"),
            () => store.GetIdentity("Adam"),
            () => store.GetIdentities(),
            () => store.UpdateIdentity("Adam"),
            () => store.RemoveIdentity("Adam"),
            () => store.VerifyPassword("Adam", "x"),
            () => store.GetRoles(),
            () => store.CreateSigningKey(),
            () => store.GetSigningKeys(),
            () => store.FindLeaks(new LeakSearch { Paths = ["."] }, TestContext.Current.CancellationToken),
            () => store.RevokeSigningKey("x"),
            () => store.RemoveSigningKey("x"),
            () => store.ExportSigningKeys(SigningKeyExport.Jwks),
            () => store.MintJsonWebToken(new JsonWebTokenRequest { Claims = "{}" }),
            () => store.VerifyJsonWebToken(value),
        ];
        Assert.All(calls, call => Assert.Throws<ObjectDisposedException>(call));
    }

    [Fact]
    public void A_disposal_during_calls_on_many_threads_lets_each_call_end()
    {
        const int Rounds = 20;
        const int Threads = 16;
        string other = _temporary.Grant(out _);
        for (int round = 0; round < Rounds; round++)
        {
            // On the system's clock a check does not count as a call of the handle's.
            TokenStore store = round % 2 == 0 ? _temporary.Open() : TokenStore.Open(_temporary.Path);
            using TokenGrant grant = store.Grant(new TokenGrantRequest { Identity = "Adam" });
            string value = grant.Value.Reveal();
            int disposer = round % Threads;
            using var start = new Barrier(Threads);
            var failures = new Exception?[Threads];
            Thread[] threads = [.. Enumerable.Range(0, Threads).Select(index => new Thread(() => failures[index] = Record.Exception(() =>
            {
                start.SignalAndWait(TestContext.Current.CancellationToken);
                if (index == disposer || index == (disposer + 1) % Threads)
                {
                    Thread.Sleep(round % 5);
                    store.Dispose();
                    return;
                }

                // Ends with the refusal of a call; the deadline is for a store that goes on taking them.
                var running = Stopwatch.StartNew();
                while (running.Elapsed < TimeSpan.FromSeconds(30))
                {
                    Assert.True(store.Validate(value, new AccessContext { Role = "Reader" }).IsValid);
                    Assert.NotEmpty(store.GetTokens());
                    if (index % 4 == 0)
                    {
                        store.Grant(new TokenGrantRequest { Identity = "Adam" }).Dispose();
                    }
                }

                Assert.Fail("The disposed store still takes calls.");
            })))];
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());

            Assert.All(failures, failure => Assert.True(failure is null or ObjectDisposedException, failure?.ToString()));
            Assert.Throws<ObjectDisposedException>(() => store.Validate(value));
        }

        Assert.True(_temporary.Store.Validate(other).IsValid);
    }

    [Fact]
    public void A_store_that_nobody_disposed_of_is_closed_by_its_finaliser()
    {
        string value = _temporary.Grant(out _);
        WeakReference[] forgotten = [.. Enumerable.Range(0, 100).Select(_ => Forget(value))];

        for (int attempt = 0; attempt < 10 && forgotten.Any(store => store.IsAlive); attempt++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.All(forgotten, store => Assert.False(store.IsAlive));
        Assert.True(_temporary.Store.Validate(value).IsValid);

        // Not inlined, so that no local of the test keeps the store alive.
        [MethodImpl(MethodImplOptions.NoInlining)]
        WeakReference Forget(string token)
        {
            TokenStore store = _temporary.Open();
            Assert.True(store.Validate(token).IsValid);
            return new WeakReference(store);
        }
    }

    [Fact]
    public void A_forgotten_store_is_not_closed_during_its_last_call()
    {
        bool isDone = false;
        var collector = new Thread(() =>
        {
            while (!Volatile.Read(ref isDone))
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        });
        collector.Start();
        try
        {
            for (int round = 0; round < 50; round++)
            {
                // Nothing refers to the store any more once the call has its handle.
                Assert.NotNull(_temporary.Open().GetStatus());
            }
        }
        finally
        {
            Volatile.Write(ref isDone, true);
            collector.Join();
        }
    }

    [Fact]
    public void Threads_share_a_store()
    {
        const int Threads = 8;
        const int Rounds = 25;
        Parallel.For(0, Threads, new ParallelOptions { MaxDegreeOfParallelism = Threads }, thread =>
        {
            for (int round = 0; round < Rounds; round++)
            {
                using TokenGrant grant = _temporary.Store.Grant(new TokenGrantRequest { Identity = "Adam", Name = $"{thread}-{round}" });
                string value = grant.Value.Reveal();
                Verdict verdict = _temporary.Store.Validate(value);
                Assert.True(verdict.IsValid);
                Assert.Equal(grant.Token.Id, verdict.Token?.Id);
                _temporary.Store.Revoke(grant.Token.Id);
                Verdict refused = _temporary.Store.Validate(value);
                Assert.Equal(Outcome.Revoked, refused.Outcome);
                Assert.Equal(grant.Token.Id, refused.Token?.Id);
                Assert.Equal(TokenState.Revoked, refused.Token?.State);
            }
        });

        Assert.Equal(Threads * Rounds, _temporary.Store.GetStatus().Tokens.Revoked);
    }
}
