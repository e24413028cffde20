using System.Management.Automation;
using System.Security;

namespace Tessera.Tests;

/// <summary>What a script does to rotate tokens, with a vault and without.</summary>
public sealed class ModuleRotationTests : IDisposable
{
    private readonly ModuleSession _session = new();

    public ModuleRotationTests() => _session.Run(
        """
        $null = New-TesseraIdentity Adam -Role Operator
        $old = Grant-TesseraToken Adam -Name nightly -Tag build
        $vault = @{}
        function Set-Secret([Parameter(Position = 0)] [string] $Name, [Parameter(Position = 1)] $Secret) { $vault[$Name] = $Secret }
        """);

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("Update-TesseraToken $old")]
    [InlineData("$old | Update-TesseraToken -Mode Confirm")]
    [InlineData("$old.Id | Update-TesseraToken")]
    [InlineData("Get-TesseraToken -Name nightly | Update-TesseraToken -Deadline ([DateTimeOffset]::UtcNow.AddDays(1))")]
    [InlineData("[pscustomobject] @{ Id = $old.Id } | Update-TesseraToken")]
    public void Token_gives_way_at_the_first_use_of_its_successor(string script)
    {
        _session.Run($"$new = {script}");

        Assert.IsType<SecureString>(_session.Run("$new.Token").Single());
        Assert.Equal(_session.Single<string>("$old.Id"), _session.Single<string>("$new.Predecessor"));
        Assert.Equal(("nightly", "build"), (_session.Single<string>("$new.Name"), _session.Single<string>("$new.Tags[0]")));
        Assert.True(_session.Single<bool>("$old | Test-TesseraToken"));
        Assert.True(_session.Single<bool>("$new | Test-TesseraToken"));
        Assert.Equal(Outcome.Revoked, _session.Single<Verdict>("$old | Test-TesseraToken -Detailed").Outcome);
    }

    [Theory]
    [InlineData("-Grace 1:00:00")]
    [InlineData("-Mode Grace -Grace ([timespan]::FromHours(1))")]
    public void Both_are_good_in_a_time_of_grace(string grace)
    {
        _session.Run($"$new = Update-TesseraToken $old {grace}");

        Assert.True(_session.Single<bool>("$new | Test-TesseraToken"));
        Assert.True(_session.Single<bool>("$old | Test-TesseraToken"));
        Assert.Equal(TimeSpan.FromHours(1), _session.Single<TimeSpan>("$new.PredecessorRetiresAt - $new.CreatedAt"));
    }

    [Fact]
    public void Lifetime_and_plain_text_are_as_asked()
    {
        Assert.Equal(TimeSpan.FromDays(3), _session.Single<TimeSpan>("$new = Update-TesseraToken $old -Mode Immediate -ExpiresIn 3.00:00:00 -AsPlainText; $new.ExpiresAt - $new.CreatedAt"));
        Assert.Matches("^tsr_[0-9A-Za-z]{50}$", _session.Single<string>("$new.Token"));
        Assert.False(_session.Single<bool>("$old | Test-TesseraToken"));
        Assert.Equal(2038, _session.Single<DateTimeOffset>("($new = Update-TesseraToken $new -Mode Immediate -ExpiresAt 2038-01-19T03:14:08Z).ExpiresAt").Year);
        Assert.Null(_session.Run("(Update-TesseraToken $new -Mode Immediate -NoExpiry).ExpiresAt").Single());
    }

    [Theory]
    [InlineData("{ Set-Secret nightly $_ }")]
    [InlineData("{ param($value) Set-Secret nightly $value }")]
    [InlineData("{ param($value, $token) Set-Secret -Name $token.Name -Secret $value; 'dropped' }")]
    [InlineData("{ Set-Secret $args[1].Name $args[0] }")]
    [InlineData("{ try { throw 'dealt with' } catch { }; Set-Secret nightly $_ }")]
    public void Vault_gets_the_new_value_before_it_counts(string vault)
    {
        // An error that the script block deals with is in $Error, as everywhere.
        _session.Engine.Invoke($"$new = Update-TesseraToken $old -Vault {vault}");

        Assert.Null(_session.Run("$new.Token").Single());
        Assert.IsType<SecureString>(_session.Run("$vault['nightly']").Single());
        Assert.True(_session.Single<bool>("$old | Test-TesseraToken"));
        Assert.True(_session.Single<bool>("Test-TesseraToken $vault['nightly']"));
        Assert.False(_session.Single<bool>("$old | Test-TesseraToken"));
    }

    [Fact]
    public void Value_does_not_count_while_the_vault_takes_it()
    {
        _session.Run("$new = Update-TesseraToken $old -AsPlainText -Vault { Set-Secret nightly $_; Set-Secret during (Test-TesseraToken $_ -Detailed).Outcome; Set-Secret count @(Get-TesseraToken).Count }");

        Assert.Equal(Outcome.Unknown, _session.Single<Outcome>("$vault['during']"));
        Assert.Equal(1, _session.Single<int>("$vault['count']"));
        Assert.Matches("^tsr_[0-9A-Za-z]{50}$", _session.Single<string>("$vault['nightly']"));
    }

    [Theory]
    [InlineData("{ Set-Secret nightly $_; throw 'the vault is sealed' }", "the vault is sealed")]
    [InlineData("{ Set-Missing nightly $_ }", "Set-Missing")]
    [InlineData("{ Write-Failure; Set-Secret nightly $_ }", "it is read-only")]
    [InlineData("{ Write-ModuleFailure; Set-Secret nightly $_ }", "it is read-only")]
    [InlineData("{ 1 / 0; Set-Secret nightly $_ }", "divide by zero")]
    [InlineData("{ Get-TesseraToken AAAAAAAAAAAA }", "AAAAAAAAAAAA")]
    public void Vault_that_fails_leaves_everything_as_it_was(string vault, string message)
    {
        _session.Run(
            """
            function Write-Failure { [CmdletBinding()] param() $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new([Exception]::new('it is read-only'), 'ReadOnly', 0, $null)) }
            $null = New-Module -Name Vault { function Write-ModuleFailure { [CmdletBinding()] param() $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new([Exception]::new('it is read-only'), 'ReadOnly', 0, $null)) } }
            $before = Get-TesseraToken
            """);

        ErrorRecord error = _session.Errors($"Update-TesseraToken $old -Vault {vault}")[^1];

        Assert.Equal("Tessera.VaultFailed", error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.Equal(ErrorCategory.WriteError, error.CategoryInfo.Category);
        Assert.Contains(message, error.ToString(), StringComparison.Ordinal);
        Assert.Equal(_session.Single<string>("$old.Id"), error.TargetObject);
        Assert.Equal(_session.Run("$before"), _session.Run("Get-TesseraToken"));
        Assert.True(_session.Single<bool>("$old | Test-TesseraToken"));
        Assert.Equal("Continue", _session.Single<ActionPreference>("$global:ErrorActionPreference").ToString());

        _session.Run("$null = Update-TesseraToken $old -Vault { Set-Secret nightly $_ }");
        Assert.True(_session.Single<bool>("Test-TesseraToken $vault['nightly']"));
    }

    [Fact]
    public void Failure_of_a_vault_that_repeats_the_value_does_not()
    {
        ErrorRecord error = _session.Errors("Update-TesseraToken $old -AsPlainText -Vault { throw \"no room for $_\" }")[^1];

        Assert.Contains("no room for ***", error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotMatch("tsr_[0-9A-Za-z]{50}", $"{error.Exception}");
    }

    [Fact]
    public void Pipeline_goes_on_after_a_vault_that_failed()
    {
        _session.Run("$second = Grant-TesseraToken Adam -Name weekly");

        IReadOnlyList<ErrorRecord> errors = _session.Errors("$old, $second | Update-TesseraToken -Vault { param($value, $token) if ($token.Name -eq 'nightly') { throw 'no' }; Set-Secret $token.Name $value }");

        Assert.Equal("Tessera.VaultFailed", errors[^1].FullyQualifiedErrorId.Split(',')[0]);
        Assert.True(_session.Single<bool>("Test-TesseraToken $vault['weekly']"));
        Assert.False(_session.Single<bool>("$vault.ContainsKey('nightly')"));
    }

    [Fact]
    public void Successor_that_comes_at_the_end_of_the_list_is_not_rotated_again()
    {
        _session.Run("$new = @(& { $old; Get-TesseraToken -State Active } | Update-TesseraToken -Mode Immediate)");

        Assert.Equal(1, _session.Single<int>("$new.Count"));
        Assert.True(_session.Single<bool>("$new | Test-TesseraToken"));
    }

    [Fact]
    public void Token_that_ends_while_the_vault_takes_the_value_says_so()
    {
        ErrorRecord error = _session.Error("Update-TesseraToken $old -Vault { Set-Secret nightly $_; Revoke-TesseraToken $old -Confirm:$false }");

        Assert.Equal("Tessera.NotDelivered", error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.Equal(ErrorCategory.InvalidOperation, error.CategoryInfo.Category);
        Assert.Contains("The vault has the new value already, and no check will accept that.", error.ToString(), StringComparison.Ordinal);
        Assert.Equal(Outcome.Unknown, _session.Single<Verdict>("Test-TesseraToken $vault['nightly'] -Detailed").Outcome);
    }

    [Fact]
    public void Script_that_is_left_from_within_the_vault_takes_the_rotation_back()
    {
        _session.Show("foreach ($once in 1) { Update-TesseraToken $old -Vault { break } }");

        _session.Run("$new = Update-TesseraToken $old");
        Assert.True(_session.Single<bool>("$new | Test-TesseraToken"));
    }

    [Fact]
    public void Repeat_with_a_key_leads_to_the_same_successor_and_warns_when_it_has_no_value()
    {
        _session.Run("$first = Update-TesseraToken $old -IdempotencyKey key; $second = Update-TesseraToken $old -IdempotencyKey key");

        Assert.Equal(_session.Single<string>("$first.Id"), _session.Single<string>("$second.Id"));
        Assert.False(_session.Single<bool>("$first | Test-TesseraToken"));
        Assert.True(_session.Single<bool>("$second | Test-TesseraToken"));
        Assert.Contains("WARNING:", _session.Show("$third = Update-TesseraToken $old -IdempotencyKey key"), StringComparison.Ordinal);
        Assert.Null(_session.Run("$third.Token").Single());
        Assert.Equal("Tessera.InvalidArgument", _session.Error("$third | Test-TesseraToken").FullyQualifiedErrorId.Split(',')[0]);
        Assert.Equal("Tessera.Conflict", _session.Error("Update-TesseraToken $old -Mode Immediate -IdempotencyKey key").FullyQualifiedErrorId.Split(',')[0]);
        Assert.Contains("goes with one token", _session.Error("$other = Grant-TesseraToken Adam; $null = $old, $other | Update-TesseraToken -IdempotencyKey key").ToString(), StringComparison.Ordinal);
        Assert.Null(_session.Single<Token>("Get-TesseraToken $other").Successor);
    }

    [Fact]
    public void Repeat_with_a_key_hands_nothing_to_a_vault_that_has_it()
    {
        _session.Run("$null = Update-TesseraToken $old -IdempotencyKey key -Vault { Set-Secret nightly $_ }");

        Assert.Equal(
            _session.Single<string>("(Get-TesseraToken $old).Successor"),
            _session.Single<string>("(Update-TesseraToken $old -IdempotencyKey key -Vault { throw 'asked again' }).Id"));
        Assert.True(_session.Single<bool>("Test-TesseraToken $vault['nightly']"));
    }

    [Theory]
    [InlineData("$null = Update-TesseraToken $old; Update-TesseraToken $old", "Conflict", ErrorCategory.InvalidOperation)]
    [InlineData("Disable-TesseraToken $old; Update-TesseraToken $old", "Conflict", ErrorCategory.InvalidOperation)]
    [InlineData("Revoke-TesseraToken $old -Confirm:$false; Update-TesseraToken $old", "Conflict", ErrorCategory.InvalidOperation)]
    [InlineData("Update-TesseraToken AAAAAAAAAAAA", "NotFound", ErrorCategory.ObjectNotFound)]
    [InlineData("Update-TesseraToken 'no id'", "InvalidArgument", ErrorCategory.InvalidArgument)]
    [InlineData("Update-TesseraToken $old -Mode Grace", "InvalidArgument", ErrorCategory.InvalidArgument)]
    [InlineData("Update-TesseraToken $old -Mode Immediate -Grace 1:00:00", "InvalidArgument", ErrorCategory.InvalidArgument)]
    [InlineData("Update-TesseraToken $old -Mode Immediate -Deadline 2038-01-01", "InvalidArgument", ErrorCategory.InvalidArgument)]
    [InlineData("Update-TesseraToken $old -Deadline 2020-01-01", "InvalidArgument", ErrorCategory.InvalidArgument)]
    [InlineData("Update-TesseraToken $old -ExpiresAt 2020-01-01", "InvalidArgument", ErrorCategory.InvalidArgument)]
    public void Rotation_that_is_refused_says_so(string script, string id, ErrorCategory category)
    {
        ErrorRecord error = _session.Error(script);

        Assert.Equal($"Tessera.{id}", error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.Equal(category, error.CategoryInfo.Category);
    }

    [Fact]
    public void Retired_value_that_is_presented_raises_an_event()
    {
        _session.Run("$new = Update-TesseraToken $old -Mode Immediate; $null = $old | Test-TesseraToken");

        Assert.Equal(_session.Single<string>("$old.Id"), _session.Single<AuditEvent>("Get-TesseraAuditEvent token.reuse").Subject);
    }
}
