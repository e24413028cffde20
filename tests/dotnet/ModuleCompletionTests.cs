using System.Management.Automation;

namespace Tessera.Tests;

/// <summary>Completion offers what is in the store.</summary>
public sealed class ModuleCompletionTests : IDisposable
{
    private readonly ModuleSession _session = new();

    public ModuleCompletionTests() => _session.Run(
        """
        $null = New-TesseraIdentity Adam -Role Operator
        $null = New-TesseraIdentity "Adam's build server" -Role Reader
        $null = New-TesseraIdentity Eve
        $null = New-TesseraOrganization 'North & South'
        $grant = Grant-TesseraToken Adam -Name nightly -Tag pilot, 'night shift'
        $key = New-TesseraSigningKey EdDSA
        """);

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("Grant-TesseraToken -Identity a", "Adam|'Adam''s build server'")]
    [InlineData("Grant-TesseraToken -Identity 'Adam", "Adam|'Adam''s build server'")]
    [InlineData("Grant-TesseraToken e", "Eve")]
    [InlineData("Get-TesseraToken -Identity e", "Eve")]
    [InlineData("Remove-TesseraIdentity e", "Eve")]
    [InlineData("Revoke-TesseraToken -Identity e", "Eve")]
    [InlineData("Revoke-TesseraToken -Profile ru", "Rubrik")]
    [InlineData("Update-TesseraToken x -Mode g", "Grace")]
    [InlineData("Test-TesseraToken x -Role re", "Reader")]
    [InlineData("New-TesseraIdentity x -Role Op", "Operator")]
    [InlineData("Get-TesseraRole a", "Administrator")]
    [InlineData("Test-TesseraJsonWebToken -Kind Uni", "UniversalDashboard")]
    [InlineData("Grant-TesseraToken Adam -Profile r", "Rubrik")]
    [InlineData("New-TesseraProfile x -BasedOn App", "AppNeta")]
    [InlineData("New-TesseraProfile x -Clear Def", "DefaultLifetime|DefaultRole|DefaultSubject|DefaultTag")]
    [InlineData("Grant-TesseraToken Adam -Organization n", "'North & South'")]
    [InlineData("Test-TesseraToken x -Operation token.re", "token.read|token.remove|token.revoke")]
    [InlineData("Grant-TesseraToken Adam -Operation mfa.", "mfa.remove|mfa.update")]
    [InlineData("Set-TesseraOrganization 'North & South' -AddMember e", "Eve")]
    [InlineData("New-TesseraRole x -Include Op", "Operator")]
    [InlineData("Revoke-TesseraToken -Tag N", "'night shift'")]
    [InlineData("Set-TesseraToken x -Tag ", "'night shift'|pilot")]
    public void Names_are_completed_and_quoted_where_needed(string line, string expected)
    {
        Assert.Equal(expected.Split('|'), _session.Complete(line).Select(match => match.CompletionText));
    }

    [Theory]
    [InlineData("Revoke-TesseraToken ")]
    [InlineData("Update-TesseraToken ")]
    [InlineData("Disable-TesseraToken night")]
    [InlineData("Enable-TesseraToken -Id ")]
    [InlineData("Get-TesseraToken night")]
    [InlineData("Set-TesseraToken -Id NIGHT")]
    public void Ids_of_tokens_are_found_by_the_tokens_name_and_show_it(string line)
    {
        CompletionResult match = Assert.Single(_session.Complete(line));

        Assert.Equal(_session.Single<string>("$grant.Id"), match.CompletionText);
        Assert.StartsWith("nightly: Adam, Active, expires ", match.ToolTip, StringComparison.Ordinal);
    }

    [Fact]
    public void Ids_of_keys_show_their_algorithm()
    {
        CompletionResult match = Assert.Single(_session.Complete("Revoke-TesseraSigningKey "));

        Assert.Equal(_session.Single<string>("$key.KeyId"), match.ListItemText);
        Assert.StartsWith("EdDSA, Active, since ", match.ToolTip, StringComparison.Ordinal);
    }

    [Fact]
    public void Store_of_the_command_is_the_one_that_is_read()
    {
        using var other = new ModuleSession();
        other.Run("$null = New-TesseraIdentity Zoe");
        _session.Run($"$other = Connect-Tessera '{other.Path}' -PassThru; Connect-Tessera '{_session.Path}'");

        Assert.Equal("Zoe", Assert.Single(_session.Complete("Grant-TesseraToken -Store $other -Identity Z")).CompletionText);
    }
}
