// Runs every benchmark, writes JSON and prints its table by report.cs, which tells what else the JSON is made into:
//
//     dotnet run tests/bench/run.cs                all of it, some 20 minutes on two cores
//     dotnet run tests/bench/run.cs -- --quick     the same on small stores and for short times: what it says of speed is rough
//
// Optional: --json <file>. Needs only dotnet and cargo; valgrind counts instructions where it is installed. Stores lie in
// target/bench while they are needed, up to 4 GB. No figure makes a run fail; a benchmark that fails, or gives a wrong
// answer, does.

#:property PublishAot=false

using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

// The program is built elsewhere; its source tells where the project is.
string root = Path.GetFullPath(Path.Combine((string)AppContext.GetData("EntryPointFileDirectoryPath")!, "..", ".."));
bool isQuick = args.Contains("--quick");
string work = Path.Combine(root, "target", "bench");
int given = Array.IndexOf(args, "--json");
string json = given >= 0 && given + 1 < args.Length
    ? Path.GetFullPath(args[given + 1])
    : Path.Combine(work, isQuick ? "speed-quick.json" : "speed.json");
string stores = Path.Combine(work, "stores");
string rows = Path.Combine(work, "rows");
string[] extent = isQuick ? ["--quick"] : [];
var clock = Stopwatch.StartNew();
var begun = DateTimeOffset.UtcNow;

foreach (string folder in new[] { stores, rows })
{
    if (Directory.Exists(folder))
    {
        Directory.Delete(folder, recursive: true);
    }

    Directory.CreateDirectory(folder);
}

try
{
    if (BuildEngine() is not { } engine || Start("dotnet", ["build", "-c", "Release", "-v", "quiet", "-nologo", "tests/bench/dotnet"]) != 0)
    {
        Console.Error.WriteLine("The benchmarks could not be built.");
        return 1;
    }

    string library = Path.Combine(root, "tests", "bench", "dotnet", "bin", "Release", "net10.0", "Tessera.Benchmarks.dll");
    bool passed =
        Start(engine, [.. extent, "--folder", stores, "--json", Path.Combine(rows, "1.jsonl")]) == 0
        && Start("dotnet", [library, .. extent, "--folder", stores, "--rust", engine, "--json", Path.Combine(rows, "2.jsonl")]) == 0
        && CountInstructions(engine, Path.Combine(rows, "3.jsonl"));
    if (!passed)
    {
        Console.Error.WriteLine("A benchmark failed; those after it did not run.");
        return 1;
    }
}
finally
{
    Directory.Delete(stores, recursive: true);
}

var measured = new JsonArray([.. Directory.EnumerateFiles(rows).Order(StringComparer.Ordinal).SelectMany(File.ReadLines).Select(line => JsonNode.Parse(line))]);
Directory.CreateDirectory(Path.GetDirectoryName(json)!);
var run = new JsonObject
{
    ["extent"] = isQuick ? "quick" : "all",
    ["begun"] = begun.ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture),
    ["minutes"] = Math.Round(clock.Elapsed.TotalMinutes, 1),
    ["machine"] = Machine(),
    ["versions"] = Versions(),
    ["rows"] = measured,
};
File.WriteAllText(json, run.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
int shown = Start("dotnet", ["run", "tests/bench/report.cs", "--", "--table", json]);
Console.WriteLine($"\n{clock.Elapsed.TotalMinutes:F1} minutes. Written to {Path.GetRelativePath(Environment.CurrentDirectory, json)}.");
return shown;

// Builds the engine's benchmarks and says where cargo put them.
string? BuildEngine()
{
    string? program = null;
    int exitCode = Start("cargo", ["build", "--release", "--locked", "--bench", "speed", "--message-format", "json-render-diagnostics"], line =>
    {
        JsonNode message = JsonNode.Parse(line)!;
        if ((string?)message["reason"] == "compiler-artifact" && (string?)message["target"]!["name"] == "speed")
        {
            program = (string?)message["executable"];
        }
    });
    return exitCode == 0 ? program : null;
}

// What the hot paths execute, by callgrind: the difference of two runs of different lengths, so that what is done once
// drops out.
bool CountInstructions(string engine, string path)
{
    const int Short = 100;
    const int Long = 600;
    if (!Exists("valgrind"))
    {
        Console.WriteLine("valgrind is not installed: no instructions are counted.");
        return true;
    }

    double? Count(string what)
    {
        var totals = new List<double>();
        foreach (int count in new[] { Short, Long })
        {
            string written = Path.Combine(work, $"callgrind-{what}-{count}.out");
            if (Start("valgrind", ["--tool=callgrind", "-q", "--toggle-collect=*check::repeated*", $"--callgrind-out-file={written}", engine, "--folder", stores, "repeat", what, $"{count}"]) != 0)
            {
                return null;
            }

            totals.Add(File.ReadLines(written).Where(line => line.StartsWith("totals:", StringComparison.Ordinal))
                .Select(line => double.Parse(line.AsSpan("totals:".Length), CultureInfo.InvariantCulture)).Single());
        }

        return (totals[1] - totals[0]) / (Long - Short);
    }

    (string Id, string What, string Name)[] counted =
    [
        ("instructions-hot", "Rust: instructions of a hot check of an opaque token", "hot"),
        ("instructions-jwt-hot", "Rust: instructions of a hot check of an ES256 JWT", "jwt-hot"),
        ("instructions-cold", "Rust: instructions of a cold check of an opaque token", "cold"),
        ("instructions-jwt-new", "Rust: instructions to verify an HS256 JWT that has no row", "jwt-new"),
    ];
    foreach ((string id, string what, string name) in isQuick ? counted[..1] : counted)
    {
        if (Count(name) is not { } count)
        {
            return false;
        }

        var row = new JsonObject
        {
            ["id"] = id,
            ["what"] = what,
            ["peer"] = "none: counted by callgrind",
            ["figure"] = new JsonObject { ["median"] = count, ["low"] = count, ["high"] = count },
            ["unit"] = "instructions",
        };
        File.AppendAllText(path, row.ToJsonString() + "\n");
    }

    return true;
}

JsonObject Machine()
{
    string? processor = File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim()
        : Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER");
    return new JsonObject
    {
        ["processor"] = $"{processor ?? "unknown"} ({RuntimeInformation.OSArchitecture})",
        ["cores"] = Environment.ProcessorCount,
        ["memoryGigabytes"] = Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9),
        ["system"] = RuntimeInformation.OSDescription,
    };
}

JsonObject Versions()
{
    var versions = new JsonObject
    {
        ["Tessera"] = Regex.Match(File.ReadAllText(Path.Combine(root, "Cargo.toml")), "(?m)^version = \"([^\"]+)\"").Groups[1].Value,
        [".NET"] = Environment.Version.ToString(),
    };
    Start("rustc", ["--version"], line => versions["Rust"] = line.Split(' ')[1]);
    foreach (Match package in Regex.Matches(File.ReadAllText(Path.Combine(root, "Directory.Packages.props")), "Include=\"([^\"]+)\" Version=\"([^\"]+)\""))
    {
        if (package.Groups[1].Value is "BenchmarkDotNet" or "jose-jwt" or "Microsoft.Data.Sqlite" or "Microsoft.IdentityModel.JsonWebTokens" or "System.Management.Automation")
        {
            versions[package.Groups[1].Value] = package.Groups[2].Value;
        }
    }

    foreach (Match crate in Regex.Matches(File.ReadAllText(Path.Combine(root, "Cargo.lock")), "name = \"(criterion|rusqlite|libsqlite3-sys|aws-lc-rs)\"\nversion = \"([^\"]+)\""))
    {
        versions[crate.Groups[1].Value] = crate.Groups[2].Value;
    }

    return versions;
}

static bool Exists(string program) =>
    (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, program)));

// Starts a program in the project's folder and waits for it. With `line`, hands over each line that it prints.
int Start(string program, string[] arguments, Action<string>? line = null)
{
    Console.WriteLine($"\n> {Path.GetFileName(program)} {string.Join(' ', arguments)}".Replace(root + Path.DirectorySeparatorChar, "", StringComparison.Ordinal));
    var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = root, RedirectStandardOutput = line is not null };
    using Process process = Process.Start(start)!;
    while (line is not null && process.StandardOutput.ReadLine() is { } text)
    {
        line(text);
    }

    process.WaitForExit();
    return process.ExitCode;
}
