using System.Diagnostics;

namespace Tessera.Tests;

/// <summary>A store on a small disk in memory, which fills up, and which is then made read-only.</summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tessera-").FullName;
    private readonly bool _isMounted;

    public FullDiskTests() =>
        _isMounted = OperatingSystem.IsLinux() && Run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", _folder);

    public void Dispose()
    {
        if (_isMounted)
        {
            Run("umount", _folder);
        }

        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void A_full_disk_stops_grants_and_neither_checks_nor_what_was_stored()
    {
        Assert.SkipUnless(_isMounted, "This machine does not permit mounting a disk in memory.");
        string path = Path.Combine(_folder, "tokens.db");
        string filler = Path.Combine(_folder, "filler");
        var granted = new List<(string Value, string Id)>();
        using (TokenStore store = TokenStore.Open(path))
        {
            store.CreateIdentity("Adam", ["Reader"]);
            Grant(store, granted);
            Fill(filler);

            StoreException full = Assert.Throws<StoreException>(() =>
            {
                for (int attempt = 0; attempt < 10_000; attempt++)
                {
                    Grant(store, granted);
                }
            });

            Assert.Equal(ErrorCode.StoreFull, full.Code);
            Assert.All(granted, token => Assert.True(store.Validate(token.Value).IsValid));
            File.Delete(filler);
            Grant(store, granted);
            Assert.True(store.Revoke(granted[0].Id));
            Assert.True(store.Check().IsSound);
        }

        using TokenStore again = TokenStore.Open(path);
        Assert.Equal(granted.Select(token => token.Id), again.GetTokens().Select(token => token.Id));
        Assert.Equal(Outcome.Revoked, again.Validate(granted[0].Value).Outcome);
        Assert.All(granted.Skip(1), token => Assert.True(again.Validate(token.Value).IsValid));
    }

    [Fact]
    public void A_store_is_not_made_on_a_full_disk()
    {
        Assert.SkipUnless(_isMounted, "This machine does not permit mounting a disk in memory.");
        Fill(Path.Combine(_folder, "filler"));

        StoreException full = Assert.Throws<StoreException>(() => TokenStore.Open(Path.Combine(_folder, "tokens.db")).Dispose());

        Assert.Equal(ErrorCode.StoreFull, full.Code);
    }

    [Fact]
    public void A_read_only_disk_is_said_to_be_one()
    {
        Assert.SkipUnless(_isMounted, "This machine does not permit mounting a disk in memory.");
        string path = Path.Combine(_folder, "tokens.db");
        using (TokenStore store = TokenStore.Open(path))
        {
            store.CreateIdentity("Adam");
        }

        Assert.True(Run("mount", "-o", "remount,ro", _folder));

        Assert.Equal(ErrorCode.StoreReadOnly, Assert.Throws<StoreException>(() =>
        {
            using TokenStore store = TokenStore.Open(path);
            store.CreateIdentity("Eve");
        }).Code);
        Assert.Equal(ErrorCode.StoreReadOnly, Assert.Throws<StoreException>(
            () => TokenStore.Open(Path.Combine(_folder, "other.db")).Dispose()).Code);
    }

    private static void Grant(TokenStore store, List<(string Value, string Id)> granted)
    {
        using TokenGrant grant = store.Grant(new TokenGrantRequest { Identity = "Adam", Remark = new string('x', 1_000) });
        granted.Add((grant.Value.Reveal(), grant.Token.Id));
    }

    private static void Fill(string path)
    {
        try
        {
            using FileStream filler = File.Create(path);
            byte[] block = new byte[4_096];
            while (true)
            {
                filler.Write(block);
                filler.Flush();
            }
        }
        catch (IOException)
        {
            // The disk is full.
        }
    }

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
