using System.Buffers.Binary;
using System.Text;

namespace Tessera.Tests;

public sealed class StoreTests : IDisposable
{
    private readonly string _folder = TestFolder.Create();

    public void Dispose() => TestFolder.Remove(_folder);

    [Fact]
    public void A_store_says_what_it_is_and_holds()
    {
        using var temporary = new TemporaryStore();
        temporary.Grant(out Token first);
        temporary.Grant(out _);
        temporary.Store.Revoke(first.Id);
        temporary.Store.CreateSigningKey();

        StoreStatus status = temporary.Store.GetStatus();

        Assert.Equal(temporary.Path, status.Path);
        Assert.Equal(temporary.Path, temporary.Store.Path);
        Assert.Equal(TemporaryStore.Start, status.CreatedAt);
        Assert.NotEmpty(status.StoreId);
        Assert.NotEmpty(status.Issuer!);
        Assert.True(Version.Parse(status.SqliteVersion) >= new Version(3, 51, 3), status.SqliteVersion);
        Assert.InRange(status.SizeBytes, 1, 10_000_000);
        Assert.Equal(new TokenCounts { Total = 2, Active = 1, Pending = 0, Expired = 0, Revoked = 1, Disabled = 0 }, status.Tokens);
        Assert.Equal(1, status.Identities);
        Assert.Equal(1, status.SigningKeys);

        StoreCheck check = temporary.Store.Check();
        Assert.True(check.IsSound);
        Assert.Empty(check.Problems);
    }

    [Fact]
    public void What_was_stored_is_there_when_the_store_is_opened_again()
    {
        string path = Path.Combine(_folder, "tokens.db");
        string value;
        string id;
        using (TokenStore store = TokenStore.Open(path, new TokenStoreOptions { Issuer = "https://tokens.example" }))
        {
            store.CreateIdentity("Adam", ["Reader"]);
            using TokenGrant grant = store.Grant(new TokenGrantRequest { Identity = "Adam" });
            value = grant.Value.Reveal();
            id = grant.Token.Id;
        }

        using TokenStore again = TokenStore.Open(path, new TokenStoreOptions { CreateIfMissing = false });
        Assert.True(again.Validate(value).IsValid);
        Assert.Equal(id, again.GetToken(id).Id);
        Assert.Equal("https://tokens.example", again.GetStatus().Issuer);
    }

    [Fact]
    public void A_store_is_not_made_unasked()
    {
        string path = Path.Combine(_folder, "tokens.db");

        Refused(path, options: new TokenStoreOptions { CreateIfMissing = false }, expected: [ErrorCode.StorePath, ErrorCode.StoreUnavailable]);

        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void A_folder_a_missing_folder_and_a_file_in_the_way_are_refused_as_paths()
    {
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");

        Refused(_folder, ErrorCode.StorePath);
        Refused(Path.Combine(_folder, "missing", "tokens.db"), ErrorCode.StorePath);
        Refused(Path.Combine(file, "tokens.db"), ErrorCode.StorePath);
    }

    [Theory]
    [InlineData("This is a text and no database, long enough to be looked at twice before it is refused.")]
    [InlineData("xy")]
    public void A_text_file_is_left_untouched(string text)
    {
        string path = Path.Combine(_folder, "notes.txt");
        File.WriteAllText(path, text);

        Refused(path, ErrorCode.StoreForeign);

        Assert.Equal(text, File.ReadAllText(path));
        Assert.Single(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void A_store_of_a_newer_schema_is_left_untouched()
    {
        string path = MakeStore();

        // The header of an SQLite database holds user_version at offset 60, the most significant byte first.
        byte[] database = File.ReadAllBytes(path);
        BinaryPrimitives.WriteInt32BigEndian(database.AsSpan(60), 999);
        File.WriteAllBytes(path, database);

        Refused(path, ErrorCode.StoreNewer);
        Assert.Equal(database, File.ReadAllBytes(path));
    }

    [Fact]
    public void A_damaged_store_is_refused_and_never_says_valid()
    {
        string path = MakeStore();
        byte[] database = File.ReadAllBytes(path);
        Array.Fill(database, (byte)0x5a, 100, database.Length - 100);
        File.WriteAllBytes(path, database);

        StoreException refused = Assert.Throws<StoreException>(() =>
        {
            using TokenStore store = TokenStore.Open(path);
            store.GetStatus();
        });
        Assert.Contains(refused.Code, new[] { ErrorCode.StoreCorrupt, ErrorCode.StoreForeign });
    }

    [Fact]
    public void A_key_file_that_is_wrong_missing_or_no_key_is_refused()
    {
        string path = MakeStore();
        string keyPath = path + ".key";
        byte[] key = File.ReadAllBytes(keyPath);
        string other = MakeStore();

        File.Copy(other + ".key", keyPath, overwrite: true);
        Refused(path, ErrorCode.StoreWrongKey);

        File.WriteAllText(keyPath, "not a key");
        Refused(path, ErrorCode.StoreKeyFile);

        File.Delete(keyPath);
        Refused(path, ErrorCode.StoreKeyMissing);
        Assert.False(File.Exists(keyPath));

        using TokenStore store = TokenStore.Open(path, new TokenStoreOptions { KeyProvider = () => key });
        Assert.Single(store.GetIdentities());
        Assert.False(File.Exists(keyPath));
    }

    [Fact]
    public void A_key_file_that_others_may_read_is_refused()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no mode bits.");
            return;
        }

        string path = MakeStore();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path + ".key"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));

        File.SetUnixFileMode(path + ".key", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);

        Refused(path, ErrorCode.StoreKeyFile);
    }

    [Fact]
    public void A_key_provider_decides_and_its_failures_are_its_own()
    {
        string path = MakeStore();
        byte[] wrong = File.ReadAllBytes(MakeStore() + ".key");

        Refused(path, ErrorCode.StoreWrongKey, new TokenStoreOptions { KeyProvider = () => wrong });
        Assert.Equal("keyProvider", Assert.Throws<InvalidRequestException>(
            () => TokenStore.Open(path, new TokenStoreOptions { KeyProvider = () => default })).Subject);
        Assert.Throws<TimeoutException>(
            () => TokenStore.Open(path, new TokenStoreOptions { KeyProvider = () => throw new TimeoutException() }));
    }

    [Fact]
    public void A_store_can_be_opened_twice_in_one_process()
    {
        string path = MakeStore();
        using TokenStore one = TokenStore.Open(path);
        using TokenStore two = TokenStore.Open(path);

        one.CreateIdentity("Eve");
        Assert.Equal("Eve", two.GetIdentity("eve").Name);
        one.Dispose();
        Assert.Equal("Eve", two.GetIdentity("eve").Name);
    }

    [Fact]
    public void A_backup_opens_with_the_stores_key_and_is_never_written_over_a_file()
    {
        string path = MakeStore();
        string copy = Path.Combine(_folder, "copy.db");
        using (TokenStore store = TokenStore.Open(path))
        {
            StoreBackup backup = store.Backup(copy);
            Assert.Equal(copy, backup.Path);
            Assert.Equal(new FileInfo(copy).Length, backup.SizeBytes);
            Assert.False(File.Exists(copy + ".key"));
            Assert.Throws<InvalidRequestException>(() => store.Backup(copy));
            Assert.ThrowsAny<TesseraException>(() => store.Backup(Path.Combine(_folder, "missing", "copy.db")));
        }

        byte[] key = File.ReadAllBytes(path + ".key");
        using TokenStore restored = TokenStore.Open(copy, new TokenStoreOptions { KeyProvider = () => key });
        Assert.Single(restored.GetIdentities());
    }

    [Fact]
    public void A_relative_path_starts_at_the_current_folder()
    {
        string path = Path.GetRelativePath(Environment.CurrentDirectory, Path.Combine(_folder, "tokens ü.db"));

        using TokenStore store = TokenStore.Open(path);

        Assert.Equal(Path.GetFullPath(path), store.Path);
        Assert.True(File.Exists(store.Path));
    }

    [Fact]
    public void Nothing_secret_is_written_to_the_database()
    {
        using var temporary = new TemporaryStore(withIdentity: false);
        temporary.Store.CreateIdentity("Adam", ["Reader"], "correct horse battery");
        string value = temporary.Grant(out _);
        temporary.Store.Validate(value);
        temporary.Store.Backup(Path.Combine(temporary.Folder, "copy.db"));

        // The last thing done with the store: closing a descriptor of its file drops the locks that the process has on it.
        foreach (string file in Directory.GetFiles(temporary.Folder))
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            Assert.Equal(-1, bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(value)));

            // The 12 characters after the prefix are the public id; what follows is the secret.
            Assert.Equal(-1, bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(value[16..48])));
            Assert.Equal(-1, bytes.AsSpan().IndexOf("correct horse battery"u8));
        }
    }

    private static void Refused(string path, ErrorCode expected, TokenStoreOptions? options = null) => Refused(path, options, expected);

    private static void Refused(string path, TokenStoreOptions? options, params ErrorCode[] expected)
    {
        StoreException refused = Assert.Throws<StoreException>(() => TokenStore.Open(path, options).Dispose());
        Assert.Contains(refused.Code, expected);
        Assert.NotEmpty(refused.Message);
    }

    // A closed store with one identity.
    private string MakeStore()
    {
        string path = Path.Combine(_folder, $"{Guid.NewGuid():N}.db");
        using TokenStore store = TokenStore.Open(path);
        store.CreateIdentity("Adam", ["Reader"]);
        return path;
    }
}
