using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tessera.ScriptHost;

namespace Tessera.Tests;

/// <summary>The scripts beside these tests run as they are, here and in <c>pwsh</c>.</summary>
public sealed partial class ModuleScriptTests
{
    public static TheoryData<string> Scripts =>
        [.. Directory.GetFiles(ScriptFolder(), "*.ps1", SearchOption.AllDirectories).Select(RelativePath).Order()];

    public static TheoryData<string> Scenarios => [.. Directory.GetFiles(ScriptPath("scenarios"), "*.ps1")
        .Where(path => Path.GetFileName(path) != "common.ps1").Select(RelativePath).Order()];

    /// <summary>One of the documented systems each, with all its rules that need no clock.</summary>
    [Theory]
    [MemberData(nameof(Scenarios))]
    public void Scenario_holds(string script)
    {
        ScriptRun run = HostedEngine.CaptureFile(ScriptPath(script));

        Assert.True(run.ExitCode == 0, run.AllText);
        Assert.EndsWith("All rules hold.", run.Output.TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Each_documented_system_has_a_scenario() => Assert.Equal(5, Scenarios.Count);

    [Fact]
    public void Main_job_runs_and_shows_views_but_no_secret()
    {
        ScriptRun run = HostedEngine.CaptureFile(ScriptPath("main-job.ps1"));

        Assert.True(run.ExitCode == 0, run.AllText);
        Assert.Empty(run.Error);
        Assert.Contains("May it read?    True", run.Output, StringComparison.Ordinal);
        Assert.Contains("May it operate? False", run.Output, StringComparison.Ordinal);
        Assert.Matches("The old value: +Revoked", run.Output);
        Assert.Contains("The opaque token:   Revoked", run.Output, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^Id +Name +Identity +Roles +State +ExpiresAt", run.Output);
        Assert.DoesNotMatch(@"tsr_[0-9A-Za-z]{50}", run.AllText);
        Assert.DoesNotContain("eyJ", run.AllText, StringComparison.Ordinal);
    }

    [Fact]
    public void Bad_input_gets_its_stated_outcome()
    {
        using var fullDisk = SmallDisk.TryMount(isReadOnly: false);
        using var readOnlyDisk = SmallDisk.TryMount(isReadOnly: true);
        List<string> arguments = [];
        if (fullDisk is not null && readOnlyDisk is not null)
        {
            arguments.AddRange(["-FullFolder", fullDisk.Folder, "-ReadOnlyFolder", readOnlyDisk.Folder]);
        }

        ScriptRun run = HostedEngine.CaptureFile(ScriptPath("bad-input.ps1"), [.. arguments]);

        Assert.True(run.ExitCode == 0, run.AllText);
        Assert.DoesNotContain("NOT AS STATED", run.Output, StringComparison.Ordinal);
        Assert.Equal(arguments.Count > 0, run.Output.Contains("Tessera.StoreFull", StringComparison.Ordinal));
        Assert.Equal(arguments.Count > 0, run.Output.Contains("Tessera.StoreReadOnly", StringComparison.Ordinal));
    }

    [Fact]
    public void Revocation_by_another_process_holds_at_once()
    {
        using var session = new ModuleSession();
        session.Run("$null = New-TesseraIdentity Adam -Role Reader; $grant = Grant-TesseraToken Adam");
        string id = session.Single<string>("$grant.Id");
        Assert.True(session.Single<bool>("Test-TesseraToken $grant"));

        using Process other = Process.Start(new ProcessStartInfo(
            Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet",
            [typeof(HostedEngine).Assembly.Location, ScriptPath("revoke-elsewhere.ps1"), session.Path, id]))!;
        other.WaitForExit();

        Assert.Equal(0, other.ExitCode);
        Assert.Equal(Outcome.Revoked, session.Single<Verdict>("Test-TesseraToken $grant -Detailed").Outcome);
        Assert.Equal("Revoked by another process", session.Single<Token>("$grant | Get-TesseraToken").RevokedReason);
    }

    [Fact]
    public void Schedule_rotates_what_ends_soon_into_the_vault_and_can_be_repeated()
    {
        using var session = new ModuleSession();
        session.Run(
            """
            $null = New-TesseraIdentity Adam -Role Reader
            $old = Grant-TesseraToken Adam -Name nightly -ExpiresIn 3.00:00:00
            $sealed = Grant-TesseraToken Adam -Name sealed -ExpiresIn 3.00:00:00
            $nameless = Grant-TesseraToken Adam -ExpiresIn 3.00:00:00
            $later = Grant-TesseraToken Adam -Name later -ExpiresIn 30.00:00:00
            Disconnect-Tessera
            $global:vault = @{}
            function global:Set-Secret {
                [CmdletBinding()] param([Parameter(Mandatory, Position = 0)] [string] $Name, [Parameter(Mandatory, Position = 1)] [securestring] $Secret)
                if ($Name -eq 'sealed') { throw 'The vault is sealed.' }
                $global:vault[$Name] = $Secret
            }
            """);

        string first = Rotate(session, expectedExitCode: 1);
        Assert.Matches(@"(?m)^rotated \w{12} 'nightly': \w{12} takes over, until ", first);
        Assert.Matches(@"(?m)^failed  \w{12} 'sealed': .*The vault is sealed\.", first);
        Assert.Matches(@"(?m)^skipped \w{12} of Adam", first);
        Assert.DoesNotContain("later", first, StringComparison.Ordinal);
        Assert.DoesNotMatch("tsr_[0-9A-Za-z]{50}", first);

        session.Run("function global:Set-Secret([string] $Name, [securestring] $Secret) { $global:vault[$Name] = $Secret }");
        string second = Rotate(session, expectedExitCode: 0);
        Assert.Matches(@"(?m)^waiting \w{12} 'nightly': \w{12} was not used yet$", second);
        Assert.Matches(@"(?m)^rotated \w{12} 'sealed': ", second);

        session.Run($"Connect-Tessera '{session.Path}'");
        foreach (string name in (string[])["nightly", "sealed"])
        {
            string old = name == "nightly" ? "$old" : "$sealed";
            Assert.True(session.Single<bool>($"Test-TesseraToken {old}"));
            Assert.True(session.Single<bool>($"Test-TesseraToken $vault['{name}']"));
            Assert.False(session.Single<bool>($"Test-TesseraToken {old}"));
        }

        Assert.Equal(2, session.Single<int>("$vault.Count"));
        Assert.Equal(TimeSpan.FromDays(3), session.Single<TimeSpan>("$new = Get-TesseraToken (Get-TesseraToken $old).Successor; $new.ExpiresAt - $new.CreatedAt"));
    }

    [Theory]
    [MemberData(nameof(Scripts))]
    public void Script_uses_only_commands_of_the_core_and_of_Tessera(string script)
    {
        using var session = new ModuleSession(isConnected: false);

        // Set-Secret is whatever the vault brings.
        Assert.DoesNotContain(
            ScriptCommands.FindForeign(ScriptPath(script), session.Engine),
            use => !use.Contains(": Set-Secret -Name ", StringComparison.Ordinal));
    }

    internal static string ScriptPath(string script) => Path.Combine(ScriptFolder(), script);

    private static string Rotate(ModuleSession session, int expectedExitCode)
    {
        string shown = session.ShowFile(ScriptPath("rotate-on-a-schedule.ps1"), [session.Path], out int exitCode);
        Assert.True(exitCode == expectedExitCode, shown);
        return shown;
    }

    private static string RelativePath(string path) => Path.GetRelativePath(ScriptFolder(), path);

    private static string ScriptFolder([CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "..", "powershell");

    /// <summary>A file system in memory with too little room for a store.</summary>
    private sealed partial class SmallDisk : IDisposable
    {
        private SmallDisk(string folder) => Folder = folder;

        public string Folder { get; }

        /// <summary>Mounts one; gives null where that is not permitted.</summary>
        public static SmallDisk? TryMount(bool isReadOnly)
        {
            if (!OperatingSystem.IsLinux())
            {
                return null;
            }

            string folder = Directory.CreateTempSubdirectory("tessera-disk-").FullName;
            const ulong ReadOnly = 1;
            if (Mount("tmpfs", folder, "tmpfs", isReadOnly ? ReadOnly : 0, "size=64k") == 0)
            {
                return new SmallDisk(folder);
            }

            Directory.Delete(folder);
            return null;
        }

        public void Dispose()
        {
            _ = Unmount(Folder);
            Directory.Delete(Folder, recursive: true);
        }

        [LibraryImport("libc", EntryPoint = "mount", StringMarshalling = StringMarshalling.Utf8)]
        private static partial int Mount(string source, string target, string fileSystem, ulong flags, string data);

        [LibraryImport("libc", EntryPoint = "umount", StringMarshalling = StringMarshalling.Utf8)]
        private static partial int Unmount(string target);
    }
}
