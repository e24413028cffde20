// Runs every check of the project, in the order below, and stops at the first that fails:
//
//     dotnet run tests/run.cs
//
// Needs only dotnet and cargo. At the end it repeats what each test runner counted, one line a runner.

#:property PublishAot=false

using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

const string Solution = "tests/Tessera.slnx";

// The program is built elsewhere; its source tells where the project is.
string root = Path.GetDirectoryName((string)AppContext.GetData("EntryPointFileDirectoryPath")!)!;
List<Count> counts = [];

// Every store of every test ends here, and is looked through when all have run.
string stores = Directory.CreateTempSubdirectory("tessera-stores-").FullName;
Environment.SetEnvironmentVariable("TESSERA_TEST_KEEP_STORES", stores);

bool passed =
    Run("cargo", "fmt", "--check")
    && Run("cargo", "clippy", "--locked", "--all-targets", "--", "-D", "warnings")
    && RunTests("rust", Patterns.Cargo(), "cargo", "test", "--locked")
    && Run("dotnet", "build", Solution, "-warnaserror")
    && Run("dotnet", "format", Solution, "--verify-no-changes", "--no-restore")
    && Run("dotnet", "format", "whitespace", ".", "--folder", "--include", "tests/run.cs", "tests/bench/run.cs", "tests/bench/report.cs", "--verify-no-changes")
    && RunTests("dotnet", Patterns.Xunit(), "dotnet", "run", "--no-build", "--project", "tests/dotnet", "--", "-noColor")
    && RunScript("dotnet", "run", "--no-build", "--project", "tests/powershell/Host", "--", "tests/powershell/main-job.ps1")
    && SearchStores()

    // So that the benchmarks go on working; what they say of speed is not judged.
    && Run("dotnet", "run", "tests/bench/run.cs", "--", "--quick");

Directory.Delete(stores, recursive: true);
Console.WriteLine();
foreach (Count count in counts)
{
    Console.WriteLine(count);
}

if (!passed)
{
    Console.Error.WriteLine("A check failed; those after it did not run.");
}

return passed ? 0 : 1;

// Runs a program whose exit code says everything.
bool Run(params string[] command) => Start(command, line: null) == 0;

// Runs a test runner, adds up what it says it counted, and takes a run without a test for a failure.
bool RunTests(string runner, Regex closingLine, params string[] command)
{
    var count = new Count(runner, 0, 0, 0);
    int exitCode = Start(command, line =>
    {
        if (closingLine.Match(line) is { Success: true } match)
        {
            int failed = Number(match, "failed") + Number(match, "errors");
            int skipped = Number(match, "skipped");
            int ran = match.Groups["passed"].Success
                ? Number(match, "passed")
                : Number(match, "total") - failed - skipped;
            count = new Count(runner, count.Passed + ran, count.Failed + failed, count.Skipped + skipped);
        }
    });
    counts.Add(count);
    if (count.Passed + count.Failed == 0)
    {
        Console.Error.WriteLine($"{runner}: no test ran.");
    }

    return exitCode == 0 && count is { Failed: 0, Passed: > 0 };
}

// Runs the main job; it is one test, passed when it ends well.
bool RunScript(params string[] command)
{
    bool isGood = Run(command);
    counts.Add(new Count("script", isGood ? 1 : 0, isGood ? 0 : 1, 0));
    return isGood;
}

// Looks through every file that the tests' stores left, databases, logs and copies: no token's value and no password
// may be in one. The test of one store searches for its very values; this one knows their form.
bool SearchStores()
{
    Console.WriteLine($"\n> search every store for values and passwords");
    // Links lead to files that are looked at where they lie, or round in circles.
    var everything = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
    int databases = 0;
    List<string> found = [];
    foreach (string path in Directory.EnumerateFiles(stores, "*", everything))
    {
        byte[] bytes = File.ReadAllBytes(path);
        databases += bytes.AsSpan().StartsWith("SQLite format 3"u8) ? 1 : 0;
        string text = Encoding.Latin1.GetString(bytes);
        if (Patterns.Value().IsMatch(text) || Patterns.Passwords.Any(password => bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(password)) >= 0))
        {
            found.Add(path);
        }
    }

    found.ForEach(path => Console.Error.WriteLine($"A secret is in {path}."));
    Console.WriteLine($"< {databases} databases, {found.Count} with a secret");
    if (databases <= 100)
    {
        // Then the tests did not leave their stores here, and the search has shown nothing.
        found.Add("too few databases were found");
        Console.Error.WriteLine($"Only {databases} databases were found; there must be more than 100.");
    }

    counts.Add(new Count("stores", databases, found.Count, 0));
    return found.Count == 0;
}

// Starts a program in the project's folder and waits for it. With `line`, shows and hands over each line that it
// prints; without, it prints for itself.
int Start(string[] command, Action<string>? line)
{
    Console.WriteLine($"\n> {string.Join(' ', command)}");
    var clock = Stopwatch.StartNew();
    var start = new ProcessStartInfo(command[0], command[1..])
    {
        WorkingDirectory = root,
        RedirectStandardOutput = line is not null,
    };
    try
    {
        using Process process = Process.Start(start)!;
        if (line is not null)
        {
            while (process.StandardOutput.ReadLine() is { } text)
            {
                Console.WriteLine(text);
                line(text);
            }
        }

        process.WaitForExit();
        Console.WriteLine($"< exit code {process.ExitCode} after {clock.Elapsed.TotalSeconds:F0} s");
        return process.ExitCode;
    }
    catch (Win32Exception exception)
    {
        Console.Error.WriteLine($"{command[0]} cannot be started: {exception.Message}. Is it installed and on PATH?");
        return -1;
    }
}

static int Number(Match match, string group) =>
    int.TryParse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture, out int number) ? number : 0;

// What one runner counted.
internal sealed record Count(string Runner, int Passed, int Failed, int Skipped)
{
    public override string ToString() =>
        $"{Runner}: {Passed} passed, {Failed} failed{(Skipped > 0 ? $", {Skipped} skipped" : "")}";
}

// The closing lines of the test runners.
internal static partial class Patterns
{
    // What is in every password that the tests set.
    public static readonly string[] Passwords = ["correct horse", "Tr0ub4dor&3"];

    // The forms of a token's value: opaque, and JSON Web Token.
    [GeneratedRegex(@"(?<![0-9A-Za-z_])[a-z0-9_]{1,16}_[0-9A-Za-z]{50}(?![0-9A-Za-z])|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{20,}")]
    public static partial Regex Value();

    // One for each test program and one for the documentation's examples.
    [GeneratedRegex(@"^test result: \w+\. (?<passed>\d+) passed; (?<failed>\d+) failed; (?<skipped>\d+) ignored")]
    public static partial Regex Cargo();

    [GeneratedRegex(@"Total: (?<total>\d+), Errors: (?<errors>\d+), Failed: (?<failed>\d+), Skipped: (?<skipped>\d+)")]
    public static partial Regex Xunit();
}
