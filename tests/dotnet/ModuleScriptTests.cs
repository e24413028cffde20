using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tessera.ScriptHost;

namespace Tessera.Tests;

/// <summary>The scripts beside these tests run as they are, here and in <c>pwsh</c>.</summary>
public sealed partial class ModuleScriptTests
{
    public static TheoryData<string> Scripts =>
        [.. Directory.GetFiles(ScriptFolder(), "*.ps1").Select(path => Path.GetFileName(path)).Order()];

    [Fact]
    public void Main_job_runs_and_shows_views_but_no_secret()
    {
        ScriptRun run = HostedEngine.CaptureFile(ScriptPath("main-job.ps1"));

        Assert.True(run.ExitCode == 0, run.AllText);
        Assert.Empty(run.Error);
        Assert.Contains("May it read?    True", run.Output, StringComparison.Ordinal);
        Assert.Contains("May it operate? False", run.Output, StringComparison.Ordinal);
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

    [Theory]
    [MemberData(nameof(Scripts))]
    public void Script_uses_only_commands_of_the_core_and_of_Tessera(string script)
    {
        using var session = new ModuleSession(isConnected: false);

        Assert.Empty(ScriptCommands.FindForeign(ScriptPath(script), session.Engine));
    }

    internal static string ScriptPath(string script) => Path.Combine(ScriptFolder(), script);

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
