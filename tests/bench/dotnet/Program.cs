using System.Diagnostics;
using System.Runtime.Loader;
using Tessera.Benchmarks;
using Tessera.ScriptHost;

// Runs the benchmarks of the .NET library and of the module: [--quick] [--json file] --folder folder --rust program.
// `dotnet run tests/bench/run.cs` builds everything and gives the arguments.
var extent = Extent.All;
string? json = null;
string? folder = null;
string? rust = null;
for (int next = 0; next < args.Length; next++)
{
    switch (args[next])
    {
        case "--quick":
            extent = Extent.Quick;
            break;
        case "--json":
            json = args[++next];
            break;
        case "--folder":
            folder = args[++next];
            break;
        case "--rust":
            rust = args[++next];
            break;
        case "--import":
            // For a process that does nothing else.
            ModuleRows.Import(args[++next]);
            return 0;
        default:
            Console.Error.WriteLine($"There is no argument '{args[next]}'.");
            return 2;
    }
}

if (folder is null || rust is null)
{
    Console.Error.WriteLine("Give --folder, where stores may lie, and --rust, the program of the engine's benchmarks. tests/bench/run.cs does.");
    return 2;
}

// BenchmarkDotNet looks at all that this program refers to; the module's assembly is the one that is imported later.
AssemblyLoadContext.Default.Resolving += (context, name) => name.Name == "Tessera.PowerShell"
    ? context.LoadFromAssemblyPath(Path.Combine(HostedEngine.FindModulePath(), "Tessera", $"{name.Name}.dll"))
    : null;

var report = new Report(json);
var stage = new Stage(extent, folder, rust);
OpaqueRows.Add(report, stage);
JsonWebTokenRows.Add(report, stage);
CrossingRows.Add(report, stage);
ModuleRows.Add(report, stage);
return 0;

/// <summary>How much is measured.</summary>
internal enum Extent
{
    All,
    Quick,
}

internal static class Extents
{
    internal static T Pick<T>(this Extent extent, T all, T quick) => extent == Extent.All ? all : quick;
}

/// <summary>What the benchmarks work with.</summary>
/// <param name="Extent">How much is measured.</param>
/// <param name="Folder">Where stores may lie.</param>
/// <param name="Rust">The program of the engine's benchmarks, which makes stores and measures the engine alone.</param>
internal sealed record Stage(Extent Extent, string Folder, string Rust)
{
    /// <summary>The tokens on file where it is about a large store.</summary>
    internal int LargeCount => Extent.Pick(1_000_000, 50_000);

    /// <summary>How many of them were granted for real, so that their values are known.</summary>
    internal int KnownCount => Extent.Pick(20_000, 2_000);

    /// <summary>The folder of the large store and of the same number of tokens in a table by hand.</summary>
    internal string LargeFolder
    {
        get
        {
            string large = Path.Combine(Folder, "large");
            if (!Directory.Exists(large))
            {
                Start("prepare", large, $"{LargeCount}", $"{KnownCount}");
            }

            return large;
        }
    }

    /// <summary>Runs the program of the engine's benchmarks.</summary>
    /// <returns>What it printed.</returns>
    internal string Start(params string[] command) => Run(Rust, ["--folder", Folder, .. command]);

    /// <summary>Runs a program and waits for it.</summary>
    /// <returns>What it printed.</returns>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    internal static string Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string printed = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? printed
            : throw new InvalidOperationException($"'{Path.GetFileName(program)} {string.Join(' ', arguments)}' failed.");
    }
}
