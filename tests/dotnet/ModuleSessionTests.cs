using System.Management.Automation;

namespace Tessera.Tests;

/// <summary>Which store a command works on, where its path is, and when it is closed.</summary>
public sealed class ModuleSessionTests
{
    [Fact]
    public void Path_starts_at_PowerShells_location_and_not_at_the_processs()
    {
        using var session = new ModuleSession(isConnected: false);
        string folder = Directory.CreateDirectory(Path.Combine(session.Folder, "a [b] c")).FullName;
        session.Run($"$null = $ExecutionContext.SessionState.Path.SetLocation([WildcardPattern]::Escape('{folder}'))");

        session.Run("Connect-Tessera 'tokens[1].db'; $null = Backup-TesseraStore ../copy.db; $null = New-TesseraSigningKey; $null = Export-TesseraSigningKey -Path ./keys.json");

        Assert.NotEqual(Environment.CurrentDirectory, folder);
        Assert.Equal(Path.Combine(folder, "tokens[1].db"), session.Single<StoreStatus>("Get-TesseraStore").Path);
        Assert.True(File.Exists(Path.Combine(folder, "tokens[1].db.key")));
        Assert.True(File.Exists(Path.Combine(folder, "keys.json")));
        Assert.True(File.Exists(Path.Combine(session.Folder, "copy.db")));
        Assert.False(File.Exists(Path.Combine(session.Folder, "copy.db.key")));
    }

    [Fact]
    public void Relative_path_outside_the_file_system_is_a_clear_error()
    {
        using var session = new ModuleSession(isConnected: false);
        session.Run("$null = $ExecutionContext.SessionState.Path.SetLocation('Env:')");

        ErrorRecord error = session.Error("Connect-Tessera tokens.db");

        Assert.Equal("Tessera.NotAFilePath", error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.Contains("Environment", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Each_runspace_has_its_own_connection()
    {
        using ModuleSession first = new(), second = new();

        Parallel.Invoke(
            () => first.Run("$null = New-TesseraIdentity Adam"),
            () => second.Run("$null = New-TesseraIdentity Eve"));

        Assert.Equal("Adam", first.Single<Identity>("Get-TesseraIdentity").Name);
        Assert.Equal("Eve", second.Single<Identity>("Get-TesseraIdentity").Name);
        first.Run("Disconnect-Tessera");
        Assert.Equal(second.Path, second.Single<StoreStatus>("Get-TesseraStore").Path);
    }

    [Fact]
    public void Store_is_closed_when_the_session_connects_to_another_unless_a_script_holds_it()
    {
        using var session = new ModuleSession(isConnected: false);

        session.Run($"$held = Connect-Tessera '{session.Path}' -PassThru; Connect-Tessera '{session.Path}.2'");
        var held = session.Single<TokenStore>("$held");
        Assert.False(held.IsDisposed);
        Assert.Equal(session.Path, session.Single<StoreStatus>("Get-TesseraStore -Store $held").Path);

        session.Run("Disconnect-Tessera -Store $held");
        Assert.True(held.IsDisposed);
        Assert.Equal($"{session.Path}.2", session.Single<StoreStatus>("Get-TesseraStore").Path);
    }

    [Theory]
    [InlineData("Disconnect-Tessera")]
    [InlineData("Remove-Module Tessera")]
    [InlineData("Import-Module Tessera -Force")]
    public void Store_is_closed_with_its_session(string script)
    {
        using var session = new ModuleSession(isConnected: false);
        var store = session.Single<TokenStore>($"Connect-Tessera '{session.Path}' -PassThru");

        session.Run(script);

        Assert.True(store.IsDisposed);
    }

    [Fact]
    public void Stores_are_closed_with_their_runspace()
    {
        TokenStore first;
        TokenStore second;
        using (var session = new ModuleSession(isConnected: false))
        {
            first = session.Single<TokenStore>($"Connect-Tessera '{session.Path}' -PassThru");
            second = session.Single<TokenStore>($"Connect-Tessera '{session.Path}.2' -PassThru");
        }

        Assert.True(SpinWait.SpinUntil(() => first.IsDisposed && second.IsDisposed, TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void Failed_connection_leaves_the_one_before()
    {
        using var session = new ModuleSession();

        Assert.Single(session.Errors($"Connect-Tessera '{session.Folder}'"));

        Assert.Equal(session.Path, session.Single<StoreStatus>("Get-TesseraStore").Path);
    }

    [Fact]
    public void Disconnecting_twice_is_no_error()
    {
        using var session = new ModuleSession();

        session.Run("Disconnect-Tessera; Disconnect-Tessera");
    }
}

/// <summary>The store of who connected to none. These tests change the environment of the whole process.</summary>
[Collection(nameof(ProcessEnvironment))]
public sealed class ModuleDefaultStoreTests : IDisposable
{
    private static readonly string[] Variables = ["TESSERA_STORE", "XDG_DATA_HOME"];

    private readonly string?[] _before = [.. Variables.Select(Environment.GetEnvironmentVariable)];
    private readonly ModuleSession _session = new(isConnected: false);

    public void Dispose()
    {
        _session.Dispose();
        foreach ((string variable, string? value) in Variables.Zip(_before))
        {
            Environment.SetEnvironmentVariable(variable, value);
        }
    }

    [Fact]
    public void Environment_names_the_default_store_which_is_opened_at_first_use()
    {
        _session.Run($"$Env:TESSERA_STORE = '{_session.Path}'");
        Assert.False(File.Exists(_session.Path));

        Assert.Equal(_session.Path, _session.Single<StoreStatus>("Get-TesseraStore").Path);
        Assert.Equal("Adam", _session.Single<Identity>("New-TesseraIdentity Adam").Name);
    }

    [Fact]
    public void Relative_default_store_starts_at_PowerShells_location()
    {
        _session.Run($"$null = $ExecutionContext.SessionState.Path.SetLocation('{_session.Folder}'); $Env:TESSERA_STORE = 'here.db'");

        Assert.Equal(Path.Combine(_session.Folder, "here.db"), _session.Single<StoreStatus>("Get-TesseraStore").Path);
    }

    [Fact]
    public void Without_environment_the_default_store_is_in_the_users_data_folder()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        _session.Run($"$Env:TESSERA_STORE = $null; $Env:XDG_DATA_HOME = '{_session.Folder}'");

        StoreStatus status = _session.Single<StoreStatus>("Connect-Tessera; Get-TesseraStore");

        string folder = Path.Combine(_session.Folder, "Tessera");
        Assert.Equal(Path.Combine(folder, "tokens.db"), status.Path);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder));
    }

    [Fact]
    public void Default_store_is_what_a_backup_is_put_in_the_place_of()
    {
        _session.Run($"$Env:TESSERA_STORE = '{_session.Path}'; $null = New-TesseraIdentity Adam; $null = Backup-TesseraStore '{_session.Path}.copy'; Disconnect-Tessera");

        Assert.Equal(_session.Path, _session.Single<StoreRestoration>($"Restore-TesseraStore '{_session.Path}.copy' -Confirm:$false").Path);
        Assert.Equal("Adam", _session.Single<Identity>("Get-TesseraIdentity").Name);
    }

    [Fact]
    public void Default_store_that_cannot_be_opened_is_named_in_the_error()
    {
        _session.Run($"$Env:TESSERA_STORE = '{_session.Folder}'");

        ErrorRecord error = _session.Error("Get-TesseraToken");

        Assert.Equal("Tessera.StorePath", error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.Contains(_session.Folder, error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("New-TesseraIdentity Adam -WhatIf")]
    [InlineData("Grant-TesseraToken Adam -WhatIf")]
    [InlineData("New-TesseraSigningKey -WhatIf")]
    [InlineData("Connect-Tessera -WhatIf")]
    [InlineData("Remove-TesseraToken AAAAAAAAAAAA -WhatIf")]
    [InlineData("Revoke-TesseraToken -All -WhatIf")]
    [InlineData("Update-TesseraToken AAAAAAAAAAAA -WhatIf")]
    [InlineData("Optimize-TesseraStore -WhatIf")]
    [InlineData("Restore-TesseraStore none.db -WhatIf")]
    [InlineData("Test-TesseraJsonWebToken a.b.c -SigningKey ('x' * 32)")]
    [InlineData("ConvertTo-TesseraJsonWebToken a.b.c")]
    public void Command_that_needs_no_store_or_is_rehearsed_creates_none(string script)
    {
        _session.Run($"$Env:TESSERA_STORE = '{_session.Path}'");

        _session.Show(script);

        Assert.Empty(Directory.GetFiles(_session.Folder));
    }

    [Fact]
    public void Completion_creates_no_store_but_reads_the_default_one_where_it_exists()
    {
        _session.Run($"$Env:TESSERA_STORE = '{_session.Path}'");
        Assert.DoesNotContain(_session.Complete("Grant-TesseraToken -Role R"), match => match.CompletionText == "Reader");
        Assert.Empty(Directory.GetFiles(_session.Folder));

        _session.Run("$null = New-TesseraIdentity Adam; Disconnect-Tessera");
        Assert.Equal(["Reader"], _session.Complete("Grant-TesseraToken -Role R").Select(match => match.CompletionText));
    }
}

/// <summary>Tests that change the environment of the process; no other test runs meanwhile.</summary>
[CollectionDefinition(nameof(ProcessEnvironment), DisableParallelization = true)]
public static class ProcessEnvironment;
