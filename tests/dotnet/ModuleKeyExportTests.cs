using System.Management.Automation;
using System.Text.Json;

namespace Tessera.Tests;

/// <summary>Public keys are exported together, and never over a store.</summary>
public sealed class ModuleKeyExportTests : IDisposable
{
    private readonly ModuleSession _session = new();

    public ModuleKeyExportTests() => _session.Run("$first = New-TesseraSigningKey; $second = New-TesseraSigningKey EdDSA; $secret = New-TesseraSigningKey HS256");

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("$first, $second | Export-TesseraSigningKey")]
    [InlineData("Export-TesseraSigningKey $first, $second, $first")]
    [InlineData("Export-TesseraSigningKey")]
    [InlineData("$null = $first, $second | Export-TesseraSigningKey -Path $file; [IO.File]::ReadAllText($file)")]
    public void Several_keys_make_one_set(string script)
    {
        _session.Run($"$file = '{_session.Path}.jwks'");

        using JsonDocument document = JsonDocument.Parse(_session.Single<string>(script));

        Assert.Equal(
            _session.Run("$first.KeyId; $second.KeyId").Cast<string>().Order(),
            document.RootElement.GetProperty("keys").EnumerateArray().Select(key => key.GetProperty("kid").GetString()!).Order());
    }

    [Fact]
    public void Several_keys_make_one_text_in_pem()
    {
        string text = _session.Single<string>("$first, $second | Export-TesseraSigningKey -As Pem");

        Assert.Equal(2, text.Split("-----BEGIN PUBLIC KEY-----").Length - 1);
        Assert.Contains("-----END PUBLIC KEY-----\n-----BEGIN", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Pipeline_that_brings_no_key_exports_none()
    {
        Assert.Empty(_session.Run($"@() | Export-TesseraSigningKey -Path '{_session.Path}.jwks'"));
        Assert.False(File.Exists($"{_session.Path}.jwks"));
    }

    [Fact]
    public void Key_that_cannot_be_given_is_an_error_and_the_others_are_given()
    {
        _session.Run("$first | Revoke-TesseraSigningKey -Confirm:$false");

        IReadOnlyList<ErrorRecord> errors = _session.Errors("$set = Get-TesseraSigningKey | Export-TesseraSigningKey");

        Assert.Equal(["Tessera.Conflict", "Tessera.NotPermitted"], errors.Select(error => error.FullyQualifiedErrorId.Split(',')[0]).Order());
        Assert.Contains(_session.Single<string>("$second.KeyId"), _session.Single<string>("$set"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokens.db")]
    [InlineData("tokens.db.key")]
    [InlineData("tokens.db-wal")]
    [InlineData("tokens.db-shm")]
    [InlineData("tokens.db-journal")]
    [InlineData("tokens.db-counter")]
    [InlineData("x/../TOKENS.db")]
    [InlineData("link-to-folder/tokens.db")]
    [InlineData("link-to-store")]
    public void File_of_the_store_is_never_overwritten(string name)
    {
        if (!OperatingSystem.IsWindows())
        {
            Directory.CreateSymbolicLink(Path.Combine(_session.Folder, "link-to-folder"), _session.Folder);
            File.CreateSymbolicLink(Path.Combine(_session.Folder, "link-to-store"), _session.Path);
        }
        else if (name.StartsWith("link", StringComparison.Ordinal))
        {
            return;
        }

        ErrorRecord error = _session.Error($"Export-TesseraSigningKey -Path '{Path.Combine(_session.Folder, name)}' -Force");

        Assert.StartsWith("Tessera.Conflict", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.True(_session.Single<bool>("Test-TesseraStore"));
        Assert.Equal(3, _session.Run($"Connect-Tessera '{_session.Path}'; Get-TesseraSigningKey").Length);
    }

    [Fact]
    public void File_is_replaced_as_a_whole_and_no_draft_stays()
    {
        string file = Path.Combine(_session.Folder, "keys.json");
        File.WriteAllText(file, "before");
        string[] files = Directory.GetFiles(_session.Folder);
        using (var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete)))
        {
            _session.Run($"Export-TesseraSigningKey -Path '{file}' -Force");

            // Whoever reads the old file goes on to read it, and never a part of the new one.
            Assert.Equal("before", reader.ReadToEnd());
        }

        Assert.StartsWith("{\"keys\"", File.ReadAllText(file), StringComparison.Ordinal);
        Assert.Equal(files, Directory.GetFiles(_session.Folder));

        Assert.Single(_session.Errors($"Export-TesseraSigningKey -Path '{_session.Folder}' -Force"));
        Assert.Equal(files, Directory.GetFiles(_session.Folder));
    }

    [Fact]
    public void Path_with_a_nul_is_a_typed_error()
    {
        Assert.StartsWith("Tessera.InvalidArgument", _session.Error("Export-TesseraSigningKey -Path \"a`0b\"").FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.StartsWith("Tessera.InvalidArgument", _session.Error("Backup-TesseraStore \"a`0b\"").FullyQualifiedErrorId, StringComparison.Ordinal);
    }
}
