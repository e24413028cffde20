using System.Management.Automation;
using System.Management.Automation.Runspaces;
using Tessera.ScriptHost;

namespace Tessera.Tests;

/// <summary>What becomes of the tokens that a pipeline grants: together, in order, one bad one alone, and none that nobody was given.</summary>
public sealed class ModuleGrantPipelineTests : IDisposable
{
    private const string StopReason = "The pipeline stopped before the token was written out.";

    private readonly ModuleSession _session = new();

    // Records follow one another in no time, unless a test says otherwise.
    public ModuleGrantPipelineTests() => _session.Run(
        """
        $null = New-TesseraIdentity Adam -Role Operator
        $null = New-TesseraIdentity Eve -Role Reader
        $log = [System.Collections.Generic.List[string]]::new()
        $clock = [Tessera.Tests.TestClock]::new([DateTimeOffset]::UnixEpoch)
        $type = (Get-Command Grant-TesseraToken).ImplementingType.Assembly.GetType('Tessera.PowerShell.Session')
        $type.GetProperty('TimeProvider').SetValue($type.GetProperty('Current').GetValue($null), $clock)
        """);

    public void Dispose() => _session.Dispose();

    private Token[] Tokens(string filter = "") => [.. _session.Run($"Get-TesseraToken {filter}").Cast<Token>()];

    // What is logged where as many records come in and then go out as each of the batches says.
    private static IEnumerable<string> Log(params int[] batches) =>
        batches.SelectMany(count => Enumerable.Repeat("in", count).Concat(Enumerable.Repeat("out", count)));

    [Fact]
    public void Records_are_granted_in_their_order_each_for_its_own_identity()
    {
        string[] identities = [.. Enumerable.Range(0, 250).Select(number => number % 3 == 0 ? "Eve" : "Adam")];

        _session.Run("$granted = 0..249 | ForEach-Object { if ($_ % 3) { 'Adam' } else { 'Eve' } } | Grant-TesseraToken -Name nightly");

        Assert.Equal(identities, _session.Run("$granted.Identity").Cast<string>());
        Assert.Equal(Tokens().Select(token => token.Id), _session.Run("$granted.Id").Cast<string>());
        Assert.Equal(250, _session.Run("Get-TesseraAuditEvent -Event token.grant -Oldest").Length);
    }

    [Fact]
    public void Record_is_in_the_store_before_it_is_written_out()
    {
        // A store of another object, that sees only what is committed.
        _session.Run("$other = Connect-Tessera (Get-TesseraStore).Path -PassThru");

        object?[] checks = _session.Run("1..150 | ForEach-Object { 'Adam' } | Grant-TesseraToken | ForEach-Object { Test-TesseraToken $_ -Store $other }");

        Assert.Equal(150, checks.Length);
        Assert.All(checks, check => Assert.True((bool)check!));
    }

    [Fact]
    public void First_record_waits_for_none_and_no_record_for_more_than_a_hundred()
    {
        _session.Run("1..400 | ForEach-Object { $log.Add('in'); 'Adam' } | Grant-TesseraToken | ForEach-Object { $log.Add('out') }");

        Assert.Equal(Log(1, 100, 100, 100, 99), _session.Run("$log").Cast<string>());
    }

    [Fact]
    public void Records_that_come_slowly_do_not_wait_for_one_another()
    {
        _session.Run("1..5 | ForEach-Object { $clock.Now += [timespan]'0:0:0.001'; $log.Add('in'); 'Adam' } | Grant-TesseraToken | ForEach-Object { $log.Add('out') }");

        Assert.Equal(Log(1, 1, 1, 1, 1), _session.Run("$log").Cast<string>());
    }

    [Fact]
    public void Records_that_wait_are_written_when_one_comes_late()
    {
        _session.Run(
            """
            1..30 | ForEach-Object {
                if ($_ -eq 21) { $clock.Now += [timespan]'0:0:0.001' }
                $log.Add('in'); 'Adam'
            } | Grant-TesseraToken | ForEach-Object { $log.Add('out') }
            """);

        Assert.Equal(Log(1, 20, 9), _session.Run("$log").Cast<string>());
    }

    [Fact]
    public void Records_that_waited_for_20_milliseconds_are_written_when_the_next_one_comes()
    {
        _session.Run("1..30 | ForEach-Object { $clock.Now += [timespan]'0:0:0.0008'; $log.Add('in'); 'Adam' } | Grant-TesseraToken | ForEach-Object { $log.Add('out') }");

        // The second waits, and the 27th comes 25 steps after it.
        Assert.Equal(Log(1, 26, 3), _session.Run("$log").Cast<string>());
    }

    [Fact]
    public void Single_grant_does_not_wait_for_others()
    {
        // In the store before whoever sent it does anything else.
        Assert.Equal(1, _session.Single<int>("$null = & { 'Adam'; $script:count = @(Get-TesseraToken).Count } | Grant-TesseraToken; $count"));
    }

    [Fact]
    public void Bad_record_fails_alone_and_in_its_place()
    {
        IReadOnlyList<ErrorRecord> errors = _session.Errors(
            """
            1..120 | ForEach-Object { if ($_ -in 30, 70) { "Nobody$_" } else { 'Adam' } } |
                Grant-TesseraToken -ErrorVariable failed | ForEach-Object { $log.Add('out') }
            """);

        Assert.Equal(["Nobody30", "Nobody70"], errors.Select(error => (string)error.TargetObject));
        Assert.All(errors, error => Assert.Equal("Tessera.NotFound,Tessera.PowerShell.GrantTesseraTokenCommand", error.FullyQualifiedErrorId));
        Assert.Equal(118, _session.Run("$log").Length);
        Assert.Equal(118, Tokens("-State Active").Length);
        Assert.Empty(Tokens("-State Revoked"));
    }

    [Fact]
    public void Failure_of_the_whole_batch_is_one_of_each_record()
    {
        _session.Run("$store = [Tessera.TokenStore]::Open((Get-TesseraStore).Path); $store.Dispose()");

        IReadOnlyList<ErrorRecord> errors = _session.Errors("1..5 | ForEach-Object { 'Adam' } | Grant-TesseraToken -Store $store");

        Assert.Equal(5, errors.Count);
        Assert.All(errors, error => Assert.StartsWith("Tessera.StoreClosed", error.FullyQualifiedErrorId, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("$script:written = @($records | Grant-TesseraToken | Select-First)", 7)]
    [InlineData("try { $records | Grant-TesseraToken | ForEach-Object { if ($log.Count -eq 7) { throw 'downstream' }; $log.Add($_.Id); $_ } } catch { $log.Add('thrown') }", 8)]
    public void Tokens_that_were_not_written_out_when_the_pipeline_stops_are_revoked(string script, int written)
    {
        _session.Run(
            """
            $records = 1..90 | ForEach-Object { 'Adam' }
            function Select-First { begin { $n = 0 } process { $_; if (++$n -eq 7) { break stopped } } }
            """);

        _ = _session.Errors(":stopped foreach ($once in 1) { " + script + " }");

        Token[] active = Tokens("-State Active");
        Assert.Equal(written, active.Length);
        Token[] revoked = Tokens("-State Revoked");
        Assert.NotEmpty(revoked);
        Assert.All(revoked, token => Assert.Equal(StopReason, token.RevokedReason));
        // The first came out first.
        Assert.True(active.Max(token => token.Sequence) < revoked.Min(token => token.Sequence));
    }

    [Fact]
    public void Error_action_stop_keeps_what_was_written_before_the_bad_record()
    {
        IReadOnlyList<ErrorRecord> errors = _session.Errors(
            """
            1..90 | ForEach-Object { if ($_ -eq 40) { 'Nobody' } else { 'Adam' } } |
                Grant-TesseraToken -ErrorAction Stop | ForEach-Object { $log.Add($_.Id) }
            """);

        Assert.Contains(errors, error => error.FullyQualifiedErrorId.StartsWith("Tessera.NotFound", StringComparison.Ordinal));
        Assert.Equal(39, _session.Run("$log").Length);
        Assert.Equal(_session.Run("$log").Cast<string>(), Tokens("-State Active").Select(token => token.Id));
        Assert.All(Tokens("-State Revoked"), token => Assert.Equal(StopReason, token.RevokedReason));
    }

    [Fact]
    public void Stopped_pipeline_leaves_only_tokens_that_came_out()
    {
        using Runspace runspace = RunspaceFactory.CreateRunspace(InitialSessionState.CreateDefault2());
        runspace.Open();
        using PowerShell shell = PowerShell.Create(runspace);
        string module = Path.Combine(HostedEngine.FindModulePath(), "Tessera", "Tessera.psd1");
        shell.AddScript($"Import-Module '{module}'; Connect-Tessera '{_session.Path}'; 1..1000000 | ForEach-Object {{ 'Adam' }} | Grant-TesseraToken");
        using var output = new PSDataCollection<PSObject>();

        IAsyncResult running = shell.BeginInvoke<PSObject, PSObject>(null, output);
        Assert.True(SpinWait.SpinUntil(() => output.Count > 150, TimeSpan.FromSeconds(60)));
        shell.Stop();
        Assert.Throws<PipelineStoppedException>(() => shell.EndInvoke(running));

        string[] written = [.. output.Select(record => (string)record.Properties["Id"].Value)];
        Assert.Equal(written, Tokens("-State Active").Select(token => token.Id));
        Assert.All(Tokens("-State Revoked"), token => Assert.Equal(StopReason, token.RevokedReason));
    }

    [Fact]
    public void What_if_grants_nothing_and_names_each_record()
    {
        string shown = _session.Show("1..3 | ForEach-Object { \"Adam\" } | Grant-TesseraToken -WhatIf");

        Assert.Equal(3, shown.Split("What if:").Length - 1);
        Assert.Empty(Tokens());
    }

    [Fact]
    public void Each_record_is_confirmed_and_granted_before_the_next_question()
    {
        ScriptRun run = HostedEngine.Capture(
            $$"""
            Import-Module Tessera; Connect-Tessera '{{_session.Path}}'
            $log = [System.Collections.Generic.List[string]]::new()
            1..4 | ForEach-Object { $log.Add("in $_"); 'Adam' } | Grant-TesseraToken -Confirm | ForEach-Object { $log.Add('out') }
            $log -join ' '
            """,
            "y\nn\ny\ny\n");

        Assert.EndsWith("in 1 out in 2 in 3 out in 4 out", run.Output.TrimEnd(), StringComparison.Ordinal);
        Assert.Equal(3, Tokens().Length);
    }

    [Fact]
    public void Key_for_repeats_goes_with_the_first_record()
    {
        IReadOnlyList<ErrorRecord> errors = _session.Errors("1..3 | ForEach-Object { 'Adam' } | Grant-TesseraToken -IdempotencyKey once");

        Assert.Equal(2, errors.Count);
        string first = Assert.Single(Tokens()).Id;
        Assert.Equal(first, _session.Single<string>("('Adam' | Grant-TesseraToken -IdempotencyKey once).Id"));
    }
}
