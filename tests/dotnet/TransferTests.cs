using System.Text;

namespace Tessera.Tests;

/// <summary>Tokens leave a store in a file and enter another, in pieces.</summary>
public sealed class TransferTests : IDisposable
{
    private const string Passphrase = "correct horse battery staple";

    private readonly TemporaryStore _from = new();
    private readonly TemporaryStore _to = new();

    public void Dispose()
    {
        _from.Dispose();
        _to.Dispose();
    }

    [Theory]
    [InlineData(TokenTransferFormat.JsonLines)]
    [InlineData(TokenTransferFormat.Csv)]
    public void Tokens_are_good_in_another_store_and_a_second_import_changes_nothing(TokenTransferFormat format)
    {
        string value = _from.Grant(out Token token);
        using MemoryStream file = Export(format);

        TokenImportResult first = Import(_to.Store, new Trickle(file.ToArray()), new TokenImportOptions { Format = format }, Passphrase);
        TokenImportResult second = Import(_to.Store, file, new TokenImportOptions { Format = format }, Passphrase);

        Assert.Equal(new TokenImportResult { Created = 1, Unchanged = 0, Bad = 0, Identities = 0, IsComplete = true }, first);
        Assert.Equal(new TokenImportResult { Created = 0, Unchanged = 1, Bad = 0, Identities = 0, IsComplete = true }, second);
        Assert.Equal(Outcome.Valid, _to.Store.Validate(value).Outcome);
        Assert.Equal(token with { Sequence = 1 }, _to.Store.GetToken(token.Id));
        Assert.DoesNotContain(value[20..], Encoding.UTF8.GetString(file.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void Export_is_narrowed_and_tells_how_far_it_is()
    {
        _from.Store.CreateIdentity("Eve", ["Reader"]);
        for (int count = 0; count < 1_200; count++)
        {
            _from.Grant(out _);
        }

        using TokenGrant eve = _from.Store.Grant(new TokenGrantRequest { Identity = "Eve" });
        var seen = new Seen<long>();
        using var all = new MemoryStream();
        using var one = new MemoryStream();

        Assert.Equal(1_201, Export(_from.Store, all, Passphrase, progress: seen));
        Assert.Equal(1, Export(_from.Store, one, Passphrase, new TokenExportOptions { Identity = "eve" }));
        Assert.Equal([500, 1_000, 1_201], seen.Values);
        Assert.Equal(2, Encoding.UTF8.GetString(one.ToArray()).Count(character => character == '\n'));
        Assert.Throws<NotFoundException>(() => Export(_from.Store, one, Passphrase, new TokenExportOptions { Profile = "none" }));
        Assert.Throws<NotFoundException>(() => Export(_from.Store, one, Passphrase, new TokenExportOptions { Identity = "none" }));
        Assert.Throws<InvalidRequestException>(() => Export(_from.Store, one, "too short"));
        Assert.Throws<InvalidRequestException>(() => Export(_from.Store, one, new string('x', 1_025)));
    }

    [Fact]
    public void Wrong_passphrase_and_what_is_no_file_are_typed_errors()
    {
        _from.Grant(out _);
        byte[] file = Export(TokenTransferFormat.JsonLines).ToArray();

        Assert.Throws<KeyException>(() => Import(_to.Store, new MemoryStream(file), passphrase: "correct horse battery stable"));
        Assert.Equal("passphrase", Assert.Throws<InvalidRequestException>(() => Import(_to.Store, new MemoryStream(file))).Subject);
        TesseraException other = Assert.Throws<TesseraException>(() =>
            Import(_to.Store, new MemoryStream(file), new TokenImportOptions { Format = TokenTransferFormat.Csv }, Passphrase));
        Assert.Equal(ErrorCode.TransferFile, other.Code);
        Assert.Throws<NotFoundException>(() => Import(_to.Store, new MemoryStream(file), new TokenImportOptions { Profile = "none" }, Passphrase));
        Assert.Empty(_to.Store.GetTokens());
    }

    [Fact]
    public void Bad_lines_are_told_in_order_and_stop_it_when_they_are_to()
    {
        _from.Grant(out _);
        List<string> lines = [.. Encoding.UTF8.GetString(Export(TokenTransferFormat.JsonLines).ToArray()).TrimEnd('\n').Split('\n')];
        // More than a batch, so that what is found by the reader and by the store has to come in order.
        lines.AddRange(Enumerable.Repeat<string[]>(["{}", lines[1].Replace("Adam", "Nobody", StringComparison.Ordinal).Replace("\"id\":\"", "\"id\":\"A", StringComparison.Ordinal)], 700).SelectMany(pair => pair));
        byte[] file = Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n");
        List<TokenImportError> errors = [];

        TokenImportResult result = Import(_to.Store, new MemoryStream(file), passphrase: Passphrase, onBadLine: errors.Add);

        Assert.Equal((1, 1_400, true), (result.Created, result.Bad, result.IsComplete));
        Assert.Equal(Enumerable.Range(3, 1_400).Select(line => (long)line), errors.Select(error => error.Line));
        Assert.All(errors, error => Assert.Equal(ErrorCode.InvalidArgument, error.Code));
        Assert.Equal("digest", errors[0].Subject);

        errors.Clear();
        result = Import(
            _to.Store,
            new MemoryStream(file), new TokenImportOptions { StopOnError = true }, Passphrase, errors.Add);
        Assert.Equal((0, 1, 1, false), (result.Created, result.Unchanged, result.Bad, result.IsComplete));
        Assert.Equal(3, Assert.Single(errors).Line);
    }

    [Fact]
    public void Identities_are_made_only_when_they_are_to_be()
    {
        _from.Grant(out _);
        using var empty = new TemporaryStore(withIdentity: false);
        byte[] file = Export(TokenTransferFormat.Csv).ToArray();
        List<TokenImportError> errors = [];
        var options = new TokenImportOptions { Format = TokenTransferFormat.Csv };

        Assert.Equal(1, Import(empty.Store, new MemoryStream(file), options, Passphrase, errors.Add).Bad);
        Assert.Equal(ErrorCode.NotFound, Assert.Single(errors).Code);
        TokenImportResult result = Import(empty.Store, new MemoryStream(file), options with { CreateIdentities = true }, Passphrase);

        Assert.Equal((1, 1), (result.Created, result.Identities));
        Assert.Empty(empty.Store.GetIdentity("Adam").Roles);
    }

    [Fact]
    public void Key_of_another_system_makes_its_tokens_good()
    {
        const string Secret = "PleaseUseYourOwnSigningKeyHere";
        SigningKey key = _to.Store.ImportSigningKey("PowerShellUniversal", Secret);
        using JsonWebKeyMaterial material = JsonWebKeyMaterial.FromSecretText(Secret);
        using JsonWebTokenMint mint = JsonWebTokens.Mint(
            new JsonWebTokenRequest
            {
                Claims = """{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name":"Adam","nbf":1700000000,"exp":1900000000}""",
                Kind = JsonWebTokenKind.PowerShellUniversal,
            },
            material);
        string value = mint.Value.Reveal();
        byte[] file = Encoding.UTF8.GetBytes($"identity,roles,value\nAdam,Operator,{value}\n");
        var options = new TokenImportOptions { Format = TokenTransferFormat.Csv, Profile = "PowerShellUniversal" };

        Assert.Equal(key, _to.Store.ImportSigningKey("powershelluniversal", Secret));
        Assert.Equal(1, Import(_to.Store, new MemoryStream(file), options).Created);
        Assert.Equal(Outcome.Valid, _to.Store.Validate(value, new AccessContext { Role = "Operator" }).Outcome);
        Assert.Throws<InvalidRequestException>(() => _to.Store.ImportSigningKey("Default", Secret));
        Assert.Throws<NotFoundException>(() => _to.Store.ImportSigningKey("none", Secret));
        Assert.Throws<KeyException>(() => _to.Store.ImportSigningKey("PowerShellUniversal", ""));
    }

    [Fact]
    public void Transfer_that_is_canceled_or_whose_stream_fails_ends_and_the_store_goes_on()
    {
        _from.Grant(out _);
        byte[] file = Export(TokenTransferFormat.JsonLines).ToArray();
        var canceled = new CancellationToken(canceled: true);

        Assert.Throws<OperationCanceledException>(() => Export(_from.Store, new MemoryStream(), Passphrase, cancellationToken: canceled));
        Assert.Throws<OperationCanceledException>(() => Import(_to.Store, new MemoryStream(file), passphrase: Passphrase, cancellationToken: canceled));
        Assert.Throws<InvalidOperationException>(() => Import(_to.Store, new Trickle(file, failsAfter: 50), passphrase: Passphrase));
        Assert.Throws<InvalidOperationException>(() =>
            Import(_to.Store, new MemoryStream("{}\n"u8.ToArray()), onBadLine: _ => throw new InvalidOperationException()));
        Assert.Throws<ArgumentNullException>(() => Import(_to.Store, null!));
        Assert.Throws<ArgumentNullException>(() => Export(_to.Store, null!, Passphrase));
        Assert.Empty(_to.Store.GetTokens());
        Assert.Equal(1, Import(_to.Store, new MemoryStream(file), passphrase: Passphrase).Created);

        _to.Store.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Import(_to.Store, new MemoryStream(file), passphrase: Passphrase));
    }

    [Fact]
    public void Store_that_is_disposed_of_during_an_import_ends_with_it()
    {
        _from.Grant(out _);
        byte[] file = Export(TokenTransferFormat.JsonLines).ToArray();
        var source = new Trickle(file) { OnRead = _to.Store.Dispose };

        Assert.Equal(1, Import(_to.Store, source, passphrase: Passphrase).Created);
        using TokenStore again = _to.Open();
        Assert.Single(again.GetTokens());
    }

    private static TokenImportResult Import(
        TokenStore store,
        Stream source,
        TokenImportOptions? options = null,
        string passphrase = "",
        Action<TokenImportError>? onBadLine = null,
        CancellationToken? cancellationToken = null) =>
        store.Import(source, options, passphrase, onBadLine, progress: null, cancellationToken ?? TestContext.Current.CancellationToken);

    private static long Export(
        TokenStore store,
        Stream destination,
        string passphrase,
        TokenExportOptions? options = null,
        IProgress<long>? progress = null,
        CancellationToken? cancellationToken = null) =>
        store.Export(destination, passphrase, options, progress, cancellationToken ?? TestContext.Current.CancellationToken);

    private MemoryStream Export(TokenTransferFormat format)
    {
        var file = new MemoryStream();
        Export(_from.Store, file, Passphrase, new TokenExportOptions { Format = format });
        file.Position = 0;
        return file;
    }

    private sealed class Seen<T> : IProgress<T>
    {
        internal List<T> Values { get; } = [];

        public void Report(T value) => Values.Add(value);
    }

    /// <summary>A stream that gives a few bytes at a time, and may fail.</summary>
    private sealed class Trickle(byte[] bytes, int failsAfter = int.MaxValue) : MemoryStream(bytes)
    {
        internal Action? OnRead { get; init; }

        public override int Read(byte[] buffer, int offset, int count)
        {
            OnRead?.Invoke();
            return Position >= failsAfter ? throw new InvalidOperationException("on purpose") : base.Read(buffer, offset, Math.Min(count, 7));
        }
    }
}
