using System.Management.Automation;

namespace Tessera.Tests;

/// <summary>What a script does to end tokens for now or for good, and to put a store in order.</summary>
public sealed class ModuleLifecycleTests : IDisposable
{
    private readonly ModuleSession _session = new();

    public ModuleLifecycleTests() => _session.Run("$null = New-TesseraIdentity Adam -Role Operator; $null = New-TesseraIdentity Eve -Role Reader");

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("Disable-TesseraToken $grant -Reason holiday", "Enable-TesseraToken $grant")]
    [InlineData("$grant | Disable-TesseraToken -Reason holiday", "Get-TesseraToken -State Disabled | Enable-TesseraToken")]
    [InlineData("$grant.Id | Disable-TesseraToken -Reason holiday", "[pscustomobject] @{ Id = $grant.Id } | Enable-TesseraToken")]
    public void Token_is_switched_off_and_on_again(string off, string on)
    {
        _session.Run("$grant = Grant-TesseraToken Adam");

        Assert.Empty(_session.Run($"{off}; {off}"));
        Assert.Equal(Outcome.Disabled, _session.Single<Verdict>("$grant | Test-TesseraToken -Detailed").Outcome);
        Assert.Equal("holiday", _session.Single<Token>("Get-TesseraToken -State Disabled").DisabledReason);

        Assert.NotNull(_session.Single<Token>("Disable-TesseraToken $grant -PassThru").DisabledAt);

        Assert.Empty(_session.Run($"{on}; {on}"));
        Assert.Equal(TokenState.Active, _session.Single<Token>("Enable-TesseraToken $grant -PassThru").State);
        Assert.True(_session.Single<bool>("$grant | Test-TesseraToken"));
    }

    [Theory]
    [InlineData("-Identity Eve", "eve")]
    [InlineData("-Identity (Get-TesseraIdentity Eve)", "eve")]
    [InlineData("-Profile Rubrik", "rubrik")]
    [InlineData("-Profile (Get-TesseraProfile Rubrik)", "rubrik")]
    [InlineData("-Organization east", "east")]
    [InlineData("-Organization (Get-TesseraOrganization East)", "east")]
    [InlineData("-KeyId (Get-TesseraSigningKey)", "web")]
    [InlineData("-Tag pilot", "pilot eve")]
    [InlineData("-All", "adam pilot eve rubrik east web")]
    public void Set_of_tokens_is_revoked(string set, string names)
    {
        _session.Run(
            """
            $null = Grant-TesseraToken Adam -Name adam
            $null = Grant-TesseraToken Adam -Name pilot -Tag pilot
            $null = Grant-TesseraToken Eve -Name eve -Tag pilot, other
            $null = Grant-TesseraToken Adam -Name rubrik -Profile Rubrik -ExpiresIn 1:00:00
            $null = New-TesseraOrganization East -Member Adam
            $null = Grant-TesseraToken Adam -Name east -Organization East
            $null = Grant-TesseraToken Adam -Name web -Format Jwt
            """);
        int count = names.Split(' ').Length;

        Assert.Contains($"not revoked so far: {count}", _session.Show($"Revoke-TesseraToken {set} -WhatIf"), StringComparison.Ordinal);
        Assert.Empty(_session.Run("Get-TesseraToken -State Revoked"));
        Assert.Contains($"which were {count}.", _session.Show($"Revoke-TesseraToken {set} -Reason over -Confirm:$false -Verbose"), StringComparison.Ordinal);
        Assert.Contains("which were 0.", _session.Show($"Revoke-TesseraToken {set} -Confirm:$false -Verbose"), StringComparison.Ordinal);

        Assert.Equal(names.Split(' '), _session.Run("Get-TesseraToken -State Revoked").Cast<Token>().Select(token => token.Name));
        Assert.All(_session.Run("Get-TesseraToken -State Revoked").Cast<Token>(), token => Assert.Equal("over", token.RevokedReason));
    }

    [Theory]
    [InlineData("Revoke-TesseraToken -Token $grant -Confirm:$false -Reason leaked")]
    [InlineData("Revoke-TesseraToken -Token $grant.Token -Confirm:$false -Reason leaked")]
    [InlineData("Revoke-TesseraToken -Token ([Net.NetworkCredential]::new('', $grant.Token).Password) -Confirm:$false -Reason leaked")]
    public void Token_is_revoked_by_its_value_in_every_form(string script)
    {
        _session.Run("$grant = Grant-TesseraToken Adam");

        _session.Run($"{script}; {script}");

        Token revoked = _session.Single<Token>("Get-TesseraToken -State Revoked");
        Assert.Equal((_session.Single<string>("$grant.Id"), "leaked"), (revoked.Id, revoked.RevokedReason));
    }

    [Theory]
    [InlineData("Revoke-TesseraToken -Token tsr_unknown -Confirm:$false", "Tessera.NotFound")]
    [InlineData("Revoke-TesseraToken -Token '' -Confirm:$false", "Tessera.NotFound")]
    [InlineData("Revoke-TesseraToken -Token @(1, 2) -Confirm:$false", "Tessera.InvalidArgument")]
    [InlineData("Revoke-TesseraToken -Identity Nobody -Confirm:$false", "Tessera.NotFound")]
    [InlineData("Revoke-TesseraToken -Profile None -Confirm:$false", "Tessera.NotFound")]
    [InlineData("Revoke-TesseraToken -Organization Nowhere -Confirm:$false", "Tessera.NotFound")]
    [InlineData("Revoke-TesseraToken -KeyId (Grant-TesseraToken Adam) -Confirm:$false", "ParameterArgumentTransformationError")]
    [InlineData("Revoke-TesseraToken -All:$false -Confirm:$false", "Tessera.InvalidArgument")]
    [InlineData("Revoke-TesseraToken $grant -All -Confirm:$false", "PositionalParameterNotFound")]
    [InlineData("Revoke-TesseraToken -Identity (Get-TesseraToken $grant) -Confirm:$false", "ParameterArgumentTransformationError")]
    [InlineData("Get-TesseraIdentity Adam | Revoke-TesseraToken -Confirm:$false", "ParameterArgumentTransformationError")]
    [InlineData("Disable-TesseraToken 'no id'", "Tessera.InvalidArgument")]
    [InlineData("Disable-TesseraToken AAAAAAAAAAAA", "Tessera.NotFound")]
    [InlineData("Enable-TesseraToken AAAAAAAAAAAA", "Tessera.NotFound")]
    public void What_names_no_token_is_an_error_and_revokes_none(string script, string id)
    {
        _session.Run("$grant = Grant-TesseraToken Adam");

        Assert.Equal(id, _session.Error(script).FullyQualifiedErrorId.Split(',')[0]);
        Assert.Empty(_session.Run("Get-TesseraToken -State Revoked"));
    }

    [Fact]
    public void Rehearsal_of_a_switch_says_who_would_feel_it()
    {
        _session.Run("$grant = Grant-TesseraToken Adam; $null = Test-TesseraToken $grant -RemoteAddress 192.0.2.7");

        Assert.Matches(@"of Adam\), last used: 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\dZ, uses in seven days: 1, addresses: 1""\.", _session.Show("Disable-TesseraToken $grant -WhatIf"));
        Assert.Contains("uses in seven days: 1", _session.Show("Update-TesseraToken $grant -Mode Immediate -WhatIf"), StringComparison.Ordinal);
        Assert.DoesNotContain("uses in seven days", _session.Show("Enable-TesseraToken $grant -WhatIf"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_token_granted_is_said_beforehand_and_ends_with_it()
    {
        _session.Run(
            $"""
            $parent = Grant-TesseraToken Adam -Name parent
            Connect-Tessera '{_session.Path}' -Token $parent
            $child = Grant-TesseraToken Adam -Name child
            Connect-Tessera '{_session.Path}'
            """);

        Assert.Contains("children: 1\"", _session.Show("Revoke-TesseraToken $parent -WhatIf"), StringComparison.Ordinal);
        Assert.DoesNotContain("children", _session.Show("Disable-TesseraToken $parent -WhatIf"), StringComparison.Ordinal);
        _session.Run("Disable-TesseraToken $parent");
        Assert.True(_session.Single<bool>("$child | Test-TesseraToken"));
        _session.Run("Revoke-TesseraToken $parent -Confirm:$false");
        Assert.Equal(Outcome.Revoked, _session.Single<Verdict>("$child | Test-TesseraToken -Detailed").Outcome);
    }

    [Theory]
    [InlineData("Revoke-TesseraToken -All -Confirm:$false", "Tessera.NotPermitted")]
    [InlineData("Revoke-TesseraToken -Identity Eve -Confirm:$false", "Tessera.NotPermitted")]
    [InlineData("Revoke-TesseraToken -Profile Default -Confirm:$false", "Tessera.NotPermitted")]
    [InlineData("Revoke-TesseraToken $theirs.Id -Confirm:$false", "Tessera.NotFound")]
    [InlineData("Disable-TesseraToken $theirs.Id", "Tessera.NotFound")]
    [InlineData("Update-TesseraToken $theirs.Id", "Tessera.NotFound")]
    [InlineData("Optimize-TesseraStore", "Tessera.NotPermitted")]
    [InlineData("Get-TesseraAuditEvent", "Tessera.NotPermitted")]
    [InlineData("Test-TesseraAuditLog", "Tessera.NotPermitted")]
    public void Identity_ends_its_own_tokens_and_no_others(string script, string id)
    {
        _session.Run(
            $"""
            $null = Set-TesseraIdentity Adam -Password 'correct horse battery'
            $own = Grant-TesseraToken Adam -Tag mine
            $theirs = Grant-TesseraToken Eve -Tag mine
            Connect-Tessera '{_session.Path}' -Credential ([pscredential]::new('Adam', [Net.NetworkCredential]::new('', 'correct horse battery').SecurePassword))
            """);

        Assert.Equal(id, _session.Error(script).FullyQualifiedErrorId.Split(',')[0]);
        _session.Run("Disable-TesseraToken $own; Enable-TesseraToken $own; $new = Update-TesseraToken $own; Revoke-TesseraToken -Tag mine -Confirm:$false");
        Assert.Equal([Outcome.Revoked, Outcome.Revoked, Outcome.Valid], _session.Run("$own, $new, $theirs | ForEach-Object { (Test-TesseraToken $_ -Detailed).Outcome }").Cast<Outcome>());
    }

    [Fact]
    public void Store_is_restored_without_waking_what_was_revoked_since()
    {
        _session.Run(
            """
            $grant = Grant-TesseraToken Adam
            $path = (Get-TesseraStore).Path
            $null = Backup-TesseraStore "$path.copy"
            Revoke-TesseraToken $grant -Confirm:$false
            """);

        ErrorRecord busy = _session.Error("Restore-TesseraStore \"$path.copy\" $path -Confirm:$false");
        Assert.Equal(("Tessera.StoreBusy", ErrorCategory.ResourceBusy), (busy.FullyQualifiedErrorId.Split(',')[0], busy.CategoryInfo.Category));

        StoreRestoration restored = _session.Single<StoreRestoration>("Disconnect-Tessera; Restore-TesseraStore -Path \"$path.copy\" -Destination $path -Confirm:$false");
        Assert.Equal((true, 1L), (restored.Replayed, restored.RevokedTokens));
        Assert.Equal(Outcome.Revoked, _session.Single<Verdict>("Connect-Tessera $path; Test-TesseraToken $grant -Detailed").Outcome);
    }

    [Fact]
    public void Restore_is_refused_without_force_where_nobody_can_tell_what_was_revoked()
    {
        _session.Run("$path = (Get-TesseraStore).Path; $null = Backup-TesseraStore \"$path.copy\"");
        string other = Path.Combine(_session.Folder, "other.db");

        ErrorRecord refusal = _session.Error($"Restore-TesseraStore \"$path.copy\" '{other}' -Confirm:$false");

        Assert.Equal(("Tessera.Conflict", ErrorCategory.InvalidOperation), (refusal.FullyQualifiedErrorId.Split(',')[0], refusal.CategoryInfo.Category));
        Assert.EndsWith("Restore-TesseraStore -Force takes that risk.", refusal.ToString(), StringComparison.Ordinal);
        Assert.Equal(other, refusal.TargetObject);
        Assert.False(File.Exists(other));
        Assert.False(_session.Single<StoreRestoration>($"Restore-TesseraStore \"$path.copy\" '{other}' -Force -Confirm:$false").Replayed);
        Assert.True(File.Exists(other));
    }

    [Fact]
    public void Store_is_tidied_up()
    {
        StoreOptimization optimized = _session.Single<StoreOptimization>("Optimize-TesseraStore -Compact");

        Assert.Equal(0, optimized.RemovedTokens);
        Assert.True(optimized.SizeBeforeBytes > 4096 && optimized.SizeBytes > 4096);
    }
}
