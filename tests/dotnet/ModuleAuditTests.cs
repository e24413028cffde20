using System.Management.Automation;

namespace Tessera.Tests;

/// <summary>What a script sees of the audit log and of the use of tokens.</summary>
public sealed class ModuleAuditTests : IDisposable
{
    private readonly ModuleSession _session = new();

    public ModuleAuditTests() => _session.Run(
        """
        $null = New-TesseraIdentity Adam -Role Operator
        $grant = Grant-TesseraToken Adam -Name nightly
        $other = Grant-TesseraToken Adam
        $null = $grant | Test-TesseraToken
        Revoke-TesseraToken $other -Confirm:$false
        $null = $other | Test-TesseraToken
        $usage = Get-TesseraToken $grant -Usage
        """);

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("Get-TesseraAuditEvent", "token.refuse token.revoke token.grant token.grant identity.create")]
    [InlineData("Get-TesseraAuditEvent -Oldest", "identity.create token.grant token.grant token.revoke token.refuse")]
    [InlineData("Get-TesseraAuditEvent token.RE*", "token.refuse token.revoke")]
    [InlineData("Get-TesseraAuditEvent -Event identity.*", "identity.create")]
    [InlineData("Get-TesseraAuditEvent -Actor adam", "token.refuse")]
    [InlineData("Get-TesseraIdentity Adam | ForEach-Object { Get-TesseraAuditEvent -Actor $_ }", "token.refuse")]
    [InlineData("Get-TesseraAuditEvent -TokenId $other", "token.refuse token.revoke token.grant")]
    [InlineData("$grant, $other | Get-TesseraAuditEvent -Event token.grant", "token.grant token.grant")]
    [InlineData("$grant.Id | Get-TesseraAuditEvent", "token.grant")]
    [InlineData("Get-TesseraToken -State Revoked | Get-TesseraAuditEvent -Outcome success", "token.revoke token.grant")]
    [InlineData("Get-TesseraAuditEvent -SubjectKind Identity", "identity.create")]
    [InlineData("Get-TesseraAuditEvent -Subject ad?m", "identity.create")]
    [InlineData("Get-TesseraAuditEvent -Outcome revoked", "token.refuse")]
    [InlineData("Get-TesseraAuditEvent -After ([DateTimeOffset]::UtcNow.AddHours(-1)) -First 1", "token.refuse")]
    [InlineData("Get-TesseraAuditEvent -Before 2020-01-01", "")]
    [InlineData("Get-TesseraAuditEvent -Skip 1 -First 2", "token.revoke token.grant")]
    public void Events_are_found_by_each_condition(string script, string expected)
    {
        Assert.Equal(expected, string.Join(' ', _session.Run(script).Cast<AuditEvent>().Select(found => found.Event)));
    }

    [Fact]
    public void Total_of_events_is_not_known()
    {
        Assert.Equal(0.0, _session.Single<double>("@(Get-TesseraAuditEvent -First 1 -IncludeTotalCount)[0].Accuracy"));
    }

    [Theory]
    [InlineData("Get-TesseraAuditEvent -TokenId tsr_secret")]
    [InlineData("Get-TesseraAuditEvent -TokenId $grant -Subject Adam")]
    [InlineData("Get-TesseraAuditEvent -TokenId $grant -SubjectKind Key")]
    public void Token_is_named_by_its_id_and_alone(string script)
    {
        ErrorRecord error = _session.Error(script);

        Assert.StartsWith("Tessera.InvalidArgument,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Log_is_tested_with_a_word_or_with_all_that_was_found()
    {
        Assert.True(_session.Single<bool>("Test-TesseraAuditLog"));
        AuditLogCheck check = _session.Single<AuditLogCheck>("Test-TesseraAuditLog -Detailed");
        Assert.Equal(5, check.Records);
        Assert.Equal(5, check.SignedUpTo);
        Assert.Equal(_session.Single<string>("(Get-TesseraAuditEvent -First 1).Hash"), check.LastHash);
    }

    [Fact]
    public void Log_that_was_changed_fails_the_test_and_says_where()
    {
        _session.Run("Disconnect-Tessera");
        byte[] file = File.ReadAllBytes(_session.Path);
        int at = file.AsSpan().IndexOf("identity.createlocal owner"u8);
        file[at] = (byte)'I';
        File.WriteAllBytes(_session.Path, file);
        _session.Run($"Connect-Tessera '{_session.Path}'");

        Assert.False(_session.Single<bool>("Test-TesseraAuditLog"));
        Assert.Equal(1L, _session.Single<long>("(Test-TesseraAuditLog -Detailed).BrokenRecord"));
        Assert.Contains("VERBOSE: Record 1 does not have the hash", _session.Show("Test-TesseraAuditLog -Verbose"), StringComparison.Ordinal);
    }

    [Fact]
    public void Usage_of_a_token_is_given_and_its_last_use_is_in_the_list()
    {
        TokenUsage usage = _session.Single<TokenUsage>("$usage");
        Assert.Equal(_session.Single<string>("$grant.Id"), usage.Id);
        Assert.Equal(1, usage.Uses);
        Assert.InRange(DateTimeOffset.UtcNow - usage.LastUsedAt!.Value, TimeSpan.FromMinutes(-1), TimeSpan.FromMinutes(5));
        Assert.Equal(2, _session.Run("Get-TesseraToken -Identity Adam -Usage").Length);

        Assert.Matches(@"^2\d{3}-\d\d-\d\d \d\d:\d\d:\d\dZ$", _session.ListOf("TokenList", "Get-TesseraToken $grant")["LastUsedAt"]);
        Assert.Equal("never", _session.ListOf("TokenList", "Get-TesseraToken $other")["LastUsedAt"]);
        Assert.Matches(@"(?m)^Days +: 2\d{3}-\d\d-\d\d: 1$", _session.Show("$usage"));
    }

    [Theory]
    [InlineData("Revoke-TesseraToken")]
    [InlineData("Remove-TesseraToken")]
    public void Rehearsal_of_an_end_says_who_would_feel_it(string command)
    {
        const string Impact = @"of Adam\), last used: 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\dZ, uses in seven days: 1, addresses: 0, children: 0""\.";
        Assert.Matches(Impact, _session.Show($"{command} $grant -WhatIf"));
        Assert.Contains("last used: never, uses in seven days: 0,", _session.Show($"{command} $other -WhatIf"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Get-TesseraAuditEvent ", "identity.create token.grant token.refuse token.revoke")]
    [InlineData("Get-TesseraAuditEvent -Event token.re", "token.refuse token.revoke")]
    [InlineData("Get-TesseraAuditEvent -Actor A", "Adam")]
    [InlineData("Get-TesseraAuditEvent -Outcome Ex", "Expired")]
    [InlineData("Get-TesseraAuditEvent -Outcome Not", "NotYetValid NotPermitted")]
    [InlineData("Get-TesseraAuditEvent -SubjectKind Or", "Organization")]
    public void Conditions_are_completed(string line, string expected)
    {
        Assert.Equal(expected, string.Join(' ', _session.Complete(line).Select(match => match.CompletionText)));
    }
}
