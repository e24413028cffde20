using System.Management.Automation;
using System.Management.Automation.Runspaces;
using Tessera.ScriptHost;

namespace Tessera.Tests;

/// <summary>Find-TesseraToken: what a script finds in files, and what it revokes.</summary>
public sealed class ModuleLeakTests : IDisposable
{
    private readonly ModuleSession _session = new();

    // Never kept, as folders of stores may be: there are values in it.
    private readonly string _folder = Directory.CreateTempSubdirectory("tessera-leaks-").FullName;

    public ModuleLeakTests() => _session.Run(
        $$"""
        $folder = '{{_folder}}'
        $null = New-TesseraIdentity Adam -Role Operator
        $grant = Grant-TesseraToken Adam -Name nightly -AsPlainText
        $other = Grant-TesseraToken Adam -Name other -AsPlainText
        $null = [IO.Directory]::CreateDirectory("$folder/sub")
        [IO.File]::WriteAllText("$folder/one.txt", "a`nkey=$($grant.Token)")
        [IO.File]::WriteAllText("$folder/two[1].log", "$($grant.Token) $($grant.Token)")
        [IO.File]::WriteAllText("$folder/sub/three.log", "`n$($other.Token);$($grant.Token)")
        """);

    public void Dispose()
    {
        _session.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("Find-TesseraToken $folder", 5)]
    [InlineData("Find-TesseraToken $folder -Depth 0", 3)]
    [InlineData("Find-TesseraToken \"$folder/*.txt\"", 1)]
    [InlineData("Find-TesseraToken -LiteralPath \"$folder/two[1].log\"", 2)]
    [InlineData("[pscustomobject]@{ PSPath = \"Microsoft.PowerShell.Core\\FileSystem::$folder/two[1].log\" } | Find-TesseraToken", 2)]
    [InlineData("[IO.DirectoryInfo]::new($folder).GetFiles() | ForEach-Object { $_.PSObject.Properties.Add([psnoteproperty]::new('PSPath', \"FileSystem::$_\")); $_ } | Find-TesseraToken", 3)]
    [InlineData("\"$folder/one.txt\", \"$folder/sub\" | Find-TesseraToken", 3)]
    [InlineData("Find-TesseraToken $folder | Where-Object Name -eq other", 1)]
    [InlineData("do { Find-TesseraToken $folder | ForEach-Object { $_; break } } while ($false)", 1)]
    [InlineData("$null = $ExecutionContext.SessionState.Path.SetLocation($folder); Find-TesseraToken ./sub, one.txt", 3)]
    public void Files_and_folders_are_searched(string script, int count)
    {
        _session.Run($"$found = @(& {{ {script} }})");

        Assert.Equal(Enumerable.Repeat("Active", count), _session.Run("$found.State"));
    }

    [Fact]
    public void Place_id_state_and_owner_are_shown_and_the_value_in_no_stream()
    {
        string shown = _session.Show("Find-TesseraToken $folder -Verbose; Find-TesseraToken $folder -Revoke -WhatIf; Find-TesseraToken $folder -Revoke -Confirm:$false -Verbose");

        foreach (string grant in new[] { "$grant", "$other" })
        {
            string id = _session.Single<string>($"{grant}.Id");
            Assert.Matches($@"(?m)^Active +{id} +Adam +(nightly|other) ", shown);
            Assert.DoesNotContain(_session.Single<string>($"{grant}.Token")[16..], shown, StringComparison.Ordinal);
        }

        // A long path goes over several lines, and is not cut.
        Assert.Contains("one.txt:2", string.Concat(shown.Where(character => !char.IsWhiteSpace(character))), StringComparison.Ordinal);
        Assert.Contains("VERBOSE: Read 3 files with ", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void Value_in_the_name_of_a_file_is_not_shown()
    {
        _session.Run("[IO.File]::WriteAllText(\"$folder/$($grant.Token).txt\", $other.Token)");

        string shown = _session.Show("Find-TesseraToken $folder -Revoke -Confirm:$false -Verbose | Where-Object Name -eq other; Get-TesseraToken $other");

        Assert.DoesNotContain(_session.Single<string>("$grant.Token")[16..], shown, StringComparison.Ordinal);
        Assert.True(_session.Single<bool>("$null -ne (Find-TesseraToken $folder | Where-Object Path -like \"*$($grant.Token)*\")"));
    }

    [Fact]
    public void Live_tokens_are_revoked_each_once()
    {
        string rehearsed = _session.Show("Find-TesseraToken $folder -Revoke -WhatIf");
        Assert.Equal(2, rehearsed.Split("What if:").Length - 1);
        Assert.Matches(@"of Adam\) in \S+:\d, last used: never, uses in seven days: 0,", rehearsed);
        Assert.Equal("Active Active", string.Join(' ', _session.Run("(Get-TesseraToken -Identity Adam).State")));

        Assert.Equal(5L, _session.Run("Find-TesseraToken $folder -Revoke -Confirm:$false | Where-Object State -eq Revoked").LongLength);
        Assert.Equal("Revoked Revoked", string.Join(' ', _session.Run("(Get-TesseraToken -Identity Adam).State")));
        Assert.Equal(2, _session.Run("Get-TesseraAuditEvent token.revoke").Length);
        Assert.Matches("^Found in .*three.log:2$", _session.Single<string>("(Get-TesseraToken $other).RevokedReason"));

        Assert.Equal(5, _session.Run("Find-TesseraToken $folder -Revoke -Confirm:$false").Length);
        Assert.Equal(2, _session.Run("Get-TesseraAuditEvent token.revoke").Length);
        Assert.Empty(_session.Run("Find-TesseraToken $folder | Where-Object State -ne Revoked"));
    }

    [Fact]
    public void Reason_is_recorded_and_what_was_found_can_be_piped_on()
    {
        _session.Run("Find-TesseraToken \"$folder/one.txt\" -Revoke -Reason 'in a repository' -Confirm:$false");
        Assert.StartsWith("Tessera.InvalidArgument,", _session.Error("Find-TesseraToken $folder -Reason 'in a repository'").FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal("in a repository", _session.Single<string>("(Get-TesseraToken $grant).RevokedReason"));

        _session.Run("Find-TesseraToken $folder | Where-Object Name -eq other | Revoke-TesseraToken -Confirm:$false");
        Assert.Equal("Revoked", _session.Single<string>("(Find-TesseraToken $folder | Where-Object Name -eq other | Get-TesseraToken).State.ToString()"));
    }

    [Fact]
    public void Text_that_anyone_can_write_revokes_nothing()
    {
        string value = _session.Single<string>("$grant.Token");
        string jwt = _session.Single<string>("($jwt = Grant-TesseraToken Adam -Name jwt -Format Jwt -AsPlainText).Token");
        string cut = jwt[..^40] + new string('A', 40);
        File.WriteAllText(Path.Combine(_folder, "one.txt"), $"{value[..20]} {cut}");
        string only = Path.Combine(_folder, "one.txt");

        Assert.Empty(_session.Run($"Find-TesseraToken '{only}' -Revoke -Confirm:$false"));
        object?[] unknown = _session.Run($"Find-TesseraToken '{only}' -Revoke -IncludeUnknown -Confirm:$false");

        Assert.Equal("Unknown", Assert.Single(unknown)!.GetType().GetProperty("State")!.GetValue(unknown[0]));
        Assert.NotEmpty(_session.Errors($"Find-TesseraToken '{only}' -IncludeUnknown | Revoke-TesseraToken -Confirm:$false"));
        Assert.Equal("Active", _session.Single<string>("(Get-TesseraToken $jwt).State.ToString()"));
    }

    [Fact]
    public void Decoy_is_found_and_left_as_it_is()
    {
        _session.Run("$decoy = Grant-TesseraToken Adam -Decoy -AsPlainText; [IO.File]::WriteAllText(\"$folder/decoy.txt\", $decoy.Token)");

        Assert.True(_session.Single<bool>("$found = Find-TesseraToken \"$folder/decoy.txt\" -Revoke -Confirm:$false; $found.IsDecoy -and $found.State -eq 'Active'"));
        Assert.Empty(_session.Run("Get-TesseraAuditEvent token.revoke; Get-TesseraAuditEvent token.decoy"));

        Assert.Equal([false, false, false], _session.Run("1..3 | ForEach-Object { Test-TesseraToken $decoy.Token }"));
        Assert.Equal(_session.Single<string>("$decoy.Id"), _session.Single<AuditEvent>("Get-TesseraAuditEvent token.decoy").Subject);
    }

    [Fact]
    public void Token_made_by_hand_is_warned_of_once_for_its_key()
    {
        File.WriteAllText(Path.Combine(_folder, "hand.txt"), _session.Single<string>(
            "$null = New-TesseraSigningKey; $hand = New-TesseraJsonWebToken -Claims @{ sub = 'a'; aud = 'b' } -AsPlainText; \"$hand`n$hand\""));

        string shown = _session.Show("Find-TesseraToken \"$folder/hand.txt\" -Revoke -Confirm:$false");

        Assert.Equal(1, shown.Split("WARNING:").Length - 1);
        Assert.Contains("Revoke-TesseraSigningKey", shown, StringComparison.Ordinal);
        Assert.Equal(2, shown.Split("Unknown").Length - 1);
        Assert.DoesNotContain("WARNING:", _session.Show("Get-TesseraSigningKey | Revoke-TesseraSigningKey -Confirm:$false; Find-TesseraToken \"$folder/hand.txt\" -Revoke -Confirm:$false"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Find-TesseraToken \"$folder/none.txt\", $folder", "Tessera.FileNotRead", ErrorCategory.ObjectNotFound)]
    [InlineData("Find-TesseraToken \"$folder/*.none\", $folder", "Tessera.FileNotRead", ErrorCategory.ObjectNotFound)]
    [InlineData("Find-TesseraToken Env:*, $folder", "Tessera.NotAFilePath", ErrorCategory.InvalidArgument)]
    public void Path_that_leads_nowhere_is_an_error_and_the_others_are_searched(string script, string id, ErrorCategory category)
    {
        ErrorRecord error = _session.Error($"$found = {script}");

        Assert.StartsWith(id, error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(category, error.CategoryInfo.Category);
        Assert.Equal(5, _session.Run("$found").Length);
    }

    [Fact]
    public void Files_of_the_open_store_are_left_out_without_an_error()
    {
        Assert.Empty(_session.Run($"Find-TesseraToken '{_session.Folder}'"));
        Assert.Contains("a file of the open store", _session.Show($"Find-TesseraToken '{_session.Folder}' -Verbose"), StringComparison.Ordinal);
    }

    [Fact]
    public void Search_can_be_stopped()
    {
        using (FileStream endless = File.OpenWrite(Path.Combine(_folder, "endless.bin")))
        {
            endless.SetLength(1L << 42);
        }

        using Runspace runspace = RunspaceFactory.CreateRunspace(InitialSessionState.CreateDefault2());
        runspace.Open();
        using var shell = PowerShell.Create(runspace);
        string module = Path.Combine(HostedEngine.FindModulePath(), "Tessera", "Tessera.psd1");
        shell.AddScript($"Import-Module '{module}'; Connect-Tessera '{_session.Path}'; Find-TesseraToken '{_folder}/endless.bin'");
        IAsyncResult running = shell.BeginInvoke();
        Assert.False(running.AsyncWaitHandle.WaitOne(TimeSpan.FromSeconds(2)));

        shell.Stop();

        Assert.True(running.AsyncWaitHandle.WaitOne(TimeSpan.FromSeconds(10)));
        Assert.Equal(PSInvocationState.Stopped, shell.InvocationStateInfo.State);
        Assert.Empty(shell.Streams.Error);
    }
}
