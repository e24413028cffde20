using System.Management.Automation;

namespace Tessera.Tests;

/// <summary>Tokens go from one store to another by the commands of the module.</summary>
public sealed class ModuleTransferTests : IDisposable
{
    private const string Passphrase = "'correct horse battery staple'";

    private readonly ModuleSession _session = new();

    public ModuleTransferTests() => _session.Run(
        $"$null = $ExecutionContext.SessionState.Path.SetLocation('{_session.Folder}'); New-TesseraIdentity Adam -Role Operator; $grant = Grant-TesseraToken Adam");

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("tokens.jsonl", "", "{\"format\"")]
    [InlineData("tokens.CSV", "", "tessera-tokens,1,")]
    [InlineData("tokens.txt", "-Format Csv", "tessera-tokens,1,")]
    public void Tokens_are_good_in_another_store(string name, string format, string beginning)
    {
        var file = _session.Single<FileInfo>($"Export-TesseraToken {name} -Passphrase {Passphrase} {format}");
        Assert.StartsWith(beginning, File.ReadAllText(file.FullName), StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, file.UnixFileMode);
        }

        _session.Run("$other = Connect-Tessera ./other.db -PassThru; $null = New-TesseraIdentity Adam -Role Operator");
        string import = $"Get-Item {name} | Import-TesseraToken -Passphrase {Passphrase} {format}".Replace("Get-Item", "[IO.FileInfo]", StringComparison.Ordinal).Replace($"[IO.FileInfo] {name}", $"[IO.FileInfo]'{file.FullName}'", StringComparison.Ordinal);
        var first = _session.Single<TokenImportResult>(import);
        var second = _session.Single<TokenImportResult>(import);

        Assert.Equal((1, 0, 0, true), (first.Created, first.Unchanged, first.Bad, first.IsComplete));
        Assert.Equal((0, 1, 0, true), (second.Created, second.Unchanged, second.Bad, second.IsComplete));
        Assert.True(_session.Single<bool>("$grant | Test-TesseraToken -Role Reader"));
        Assert.Contains("Created Unchanged Bad Identities IsComplete", string.Join(' ', _session.Show(import).Split(' ', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public void Bad_lines_are_errors_with_their_numbers_and_do_not_stop_the_rest()
    {
        string text = File.ReadAllText(_session.Single<FileInfo>($"Export-TesseraToken tokens.jsonl -Passphrase {Passphrase}").FullName);
        string[] lines = text.TrimEnd('\n').Split('\n');
        string unknown = lines[1].Replace("Adam", "Nobody", StringComparison.Ordinal).Replace(_session.Single<string>("$grant.Id"), "AAAAAAAAAAAA", StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(_session.Folder, "bad.jsonl"), $"{lines[0]}\n{{}}\n{lines[1]}\n{unknown}\n");
        _session.Run("Connect-Tessera ./other.db; $null = New-TesseraIdentity Adam -Role Operator");

        IReadOnlyList<ErrorRecord> errors = _session.Errors($"$result = Import-TesseraToken bad.jsonl -Passphrase {Passphrase}");

        // The second is the first store's token of another id: its digest is taken.
        Assert.Equal(["Tessera.InvalidArgument", "Tessera.AlreadyExists"], errors.Select(error => error.FullyQualifiedErrorId.Split(',')[0]));
        Assert.StartsWith("Line 2: ", errors[0].Exception.Message, StringComparison.Ordinal);
        Assert.StartsWith("Line 4: ", errors[1].Exception.Message, StringComparison.Ordinal);
        Assert.EndsWith("bad.jsonl:4", (string)errors[1].TargetObject, StringComparison.Ordinal);
        Assert.Equal((1, 2), (_session.Single<long>("$result.Created"), _session.Single<long>("$result.Bad")));

        _session.Run("Connect-Tessera ./third.db; $null = New-TesseraIdentity Adam");
        Assert.Single(_session.Errors($"$result = Import-TesseraToken bad.jsonl -Passphrase {Passphrase} -StopOnError"));
        Assert.Equal((0, false), (_session.Single<long>("$result.Created"), _session.Single<bool>("$result.IsComplete")));
        _session.Run($"Connect-Tessera ./fourth.db; $result = Import-TesseraToken tokens.jsonl -Passphrase {Passphrase} -CreateIdentity");
        Assert.Equal(1, _session.Single<long>("$result.Identities"));
    }

    [Fact]
    public void Of_very_many_bad_lines_the_first_are_told_and_the_number_of_all()
    {
        File.WriteAllLines(Path.Combine(_session.Folder, "bad.jsonl"), Enumerable.Repeat("{}", 250));

        IReadOnlyList<ErrorRecord> errors = _session.Errors("$result = Import-TesseraToken bad.jsonl -WarningVariable warnings");

        Assert.Equal(100, errors.Count);
        Assert.Equal(250, _session.Single<long>("$result.Bad"));
        Assert.Contains("250 lines", _session.Single<string>("\"$warnings\""), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Export-TesseraToken tokens.db -Passphrase 'correct horse battery staple' -Force", "Tessera.Conflict")]
    [InlineData("Export-TesseraToken tokens.db.key -Passphrase 'correct horse battery staple' -Force", "Tessera.Conflict")]
    [InlineData("Export-TesseraToken there.txt -Passphrase 'correct horse battery staple'", "Tessera.AlreadyExists")]
    [InlineData("Export-TesseraToken new.txt -Passphrase 'correct'", "Tessera.InvalidArgument")]
    [InlineData("Export-TesseraToken new.txt -Passphrase $null", "Tessera.InvalidArgument")]
    [InlineData("Export-TesseraToken no/such/folder.txt -Passphrase 'correct horse battery staple'", "Tessera.FileNotWritten")]
    [InlineData("Export-TesseraToken new.txt -Passphrase 'correct horse battery staple' -Identity Nobody", "Tessera.NotFound")]
    [InlineData("Import-TesseraToken no.txt", "Tessera.FileNotRead")]
    [InlineData("Import-TesseraToken there.txt -Format Csv", "Tessera.TransferFile")]
    [InlineData("Import-TesseraToken there.txt -Profile Nobody", "Tessera.NotFound")]
    [InlineData("New-TesseraSigningKey -Profile Default -SigningKey 'a secret'", "Tessera.NotPermitted")]
    public void What_cannot_be_done_is_a_typed_error_and_leaves_every_file_as_it_was(string script, string id)
    {
        File.WriteAllText(Path.Combine(_session.Folder, "there.txt"), "before\n");
        string[] files = Directory.GetFiles(_session.Folder);

        ErrorRecord error = _session.Error(script);

        Assert.StartsWith(id + ",", error.FullyQualifiedErrorId + ",", StringComparison.Ordinal);
        Assert.DoesNotContain("correct", error.ToString(), StringComparison.Ordinal);
        Assert.Equal(files, Directory.GetFiles(_session.Folder));
        Assert.Equal("before\n", File.ReadAllText(Path.Combine(_session.Folder, "there.txt")));
        Assert.True(_session.Single<bool>("Test-TesseraStore"));
    }

    [Fact]
    public void Wrong_passphrase_is_an_error_and_a_rehearsal_changes_nothing()
    {
        Assert.Empty(_session.Run($"Export-TesseraToken tokens.jsonl -Passphrase {Passphrase} -WhatIf"));
        Assert.False(File.Exists(Path.Combine(_session.Folder, "tokens.jsonl")));
        File.WriteAllText(Path.Combine(_session.Folder, "tokens.jsonl"), "before");
        _session.Run($"Export-TesseraToken tokens.jsonl -Passphrase {Passphrase} -Force; Connect-Tessera ./other.db");

        Assert.StartsWith("Tessera.KeyRefused", _session.Error("Import-TesseraToken tokens.jsonl -Passphrase 'correct horse battery stable'").FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Empty(_session.Run($"Import-TesseraToken tokens.jsonl -Passphrase {Passphrase} -WhatIf"));
        Assert.Empty(_session.Run("Get-TesseraToken"));
    }

    [Fact]
    public void Key_of_another_system_is_set_once()
    {
        var key = _session.Single<SigningKey>("New-TesseraSigningKey -Profile PowerShellUniversal -SigningKey 'a secret of at least 32 characters'");

        Assert.Equal(key, _session.Single<SigningKey>("New-TesseraSigningKey -Profile PowerShellUniversal -SigningKey 'a secret of at least 32 characters'"));
        Assert.Equal("PowerShellUniversal", key.Profile);
    }
}
