namespace Tessera.Tests;

/// <summary>-WhatIf changes nothing, and what can't be taken back is asked about.</summary>
public sealed class ModuleChangeTests : IDisposable
{
    private readonly ModuleSession _session = new();

    public ModuleChangeTests() => _session.Run(
        """
        $null = New-TesseraIdentity Adam -Role Operator -Password 'correct horse'
        $grant = Grant-TesseraToken Adam -Name nightly
        $key = New-TesseraSigningKey
        $null = New-TesseraRole Deploy
        $null = New-TesseraProfile Mine
        $null = New-TesseraOrganization North -Member Adam
        """);

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("New-TesseraIdentity Eve -WhatIf")]
    [InlineData("Set-TesseraIdentity Adam -Role Reader -NoPassword -WhatIf")]
    [InlineData("Remove-TesseraIdentity Adam -WhatIf")]
    [InlineData("Grant-TesseraToken Adam -WhatIf")]
    [InlineData("Set-TesseraToken $grant -Remark x -Tag x -WhatIf")]
    [InlineData("Revoke-TesseraToken $grant -WhatIf")]
    [InlineData("Revoke-TesseraToken -All -WhatIf")]
    [InlineData("Revoke-TesseraToken -Token $grant -WhatIf")]
    [InlineData("Remove-TesseraToken $grant -WhatIf")]
    [InlineData("Disable-TesseraToken $grant -WhatIf")]
    [InlineData("Disable-TesseraToken $grant; Enable-TesseraToken $grant -WhatIf; Enable-TesseraToken $grant")]
    [InlineData("Update-TesseraToken $grant -Vault { throw 'asked' } -WhatIf")]
    [InlineData("Optimize-TesseraStore -WhatIf")]
    [InlineData("Restore-TesseraStore (Join $folder none.db) (Join $folder other.db) -WhatIf")]
    [InlineData("New-TesseraRole Release -WhatIf")]
    [InlineData("Set-TesseraRole Deploy -Include Reader -WhatIf")]
    [InlineData("Remove-TesseraRole Deploy -WhatIf")]
    [InlineData("New-TesseraProfile Other -WhatIf")]
    [InlineData("Set-TesseraProfile Mine -OwnerOnly -WhatIf")]
    [InlineData("Remove-TesseraProfile Mine -WhatIf")]
    [InlineData("New-TesseraOrganization South -WhatIf")]
    [InlineData("Set-TesseraOrganization North -RemoveMember Adam -WhatIf")]
    [InlineData("Remove-TesseraOrganization North -WhatIf")]
    [InlineData("New-TesseraSigningKey -WhatIf")]
    [InlineData("Revoke-TesseraSigningKey $key -WhatIf")]
    [InlineData("Remove-TesseraSigningKey $key -WhatIf")]
    [InlineData("New-TesseraJsonWebToken @{ sub = 'a'; aud = 'b'; client_id = 'a' } -WhatIf")]
    [InlineData("Export-TesseraSigningKey -Path (Join $folder keys.json) -WhatIf")]
    [InlineData("Backup-TesseraStore (Join $folder copy.db) -WhatIf")]
    [InlineData("Connect-Tessera (Join $folder other.db) -WhatIf")]
    [InlineData("Disconnect-Tessera -WhatIf")]
    public void Rehearsal_says_what_would_be_done_and_changes_nothing(string script)
    {
        _session.Run($"$folder = '{_session.Folder}'; function global:Join($a, $b) {{ [IO.Path]::Combine($a, $b) }}");
        string before = State();
        string[] files = Directory.GetFiles(_session.Folder);

        string shown = _session.Show(script);

        Assert.StartsWith("What if: ", shown.TrimStart(), StringComparison.Ordinal);
        Assert.Single(shown.Trim().Split('\n'));
        Assert.Equal(before, State());
        Assert.Equal(files, Directory.GetFiles(_session.Folder));
    }

    [Fact]
    public void Rehearsal_without_a_connection_creates_no_store()
    {
        using var session = new ModuleSession(isConnected: false);

        string shown = session.Show($"Connect-Tessera '{session.Path}' -WhatIf; $WhatIfPreference = $true; Connect-Tessera '{session.Path}'");

        Assert.Equal(2, shown.Split("What if: ").Length - 1);
        Assert.Empty(Directory.GetFiles(session.Folder));
    }

    [Theory]
    [InlineData("Revoke-TesseraToken $grant", "nightly")]
    [InlineData("Revoke-TesseraToken -Identity Adam", "all tokens of the identity 'Adam', not revoked so far: 1")]
    [InlineData("Restore-TesseraStore x.db y.db", "y.db")]
    [InlineData("Remove-TesseraToken $grant", "nightly")]
    [InlineData("Remove-TesseraIdentity Adam", "identity 'Adam' with its tokens, not revoked so far: 1")]
    [InlineData("Remove-TesseraRole Deploy", "Deploy")]
    [InlineData("Remove-TesseraProfile mine", "Mine")]
    [InlineData("Remove-TesseraOrganization north", "North")]
    [InlineData("Revoke-TesseraSigningKey $key", "with the tokens that it signed, not revoked so far: 0")]
    [InlineData("Remove-TesseraSigningKey $key", "with the tokens that it signed, not revoked so far: 0")]
    public void Irrevocable_change_is_asked_about_and_says_what_it_would_hit(string script, string expected)
    {
        string before = State();

        // The host has no answer to give, which ends the command.
        string shown = _session.Show(script);

        Assert.Contains("Are you sure", shown, StringComparison.Ordinal);
        Assert.Contains(expected, shown, StringComparison.Ordinal);
        Assert.Equal(before, State());
    }

    private string State() => string.Join('\n', _session.Run("Get-TesseraIdentity; Get-TesseraRole; Get-TesseraProfile; Get-TesseraOrganization; Get-TesseraToken; Get-TesseraSigningKey; (Get-TesseraStore).Tokens"));
}
