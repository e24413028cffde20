using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using Tessera.ScriptHost;

namespace Tessera.Benchmarks;

/// <summary>The module, in an engine of PowerShell that this process hosts.</summary>
internal static class ModuleRows
{
    internal static void Add(Report report, Stage stage)
    {
        string folder = Directory.CreateDirectory(Path.Combine(stage.Folder, "module")).FullName;
        using (var engine = new HostedEngine(EngineConsole.ForProcess()))
        {
            engine.Invoke($"Import-Module Tessera; Import-Module '{typeof(TestPeerTokenCommand).Assembly.Location}'");
            engine.Invoke($"Connect-Tessera '{Path.Combine(folder, "tokens.db")}'; $null = New-TesseraIdentity Adam -Role Operator");
            AddTest(report, stage, engine);
            AddGrant(report, stage, engine, folder);
            engine.Invoke("Disconnect-Tessera");
        }

        AddImport(report, stage);
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Imports a module in an engine that was just started, and prints the milliseconds. Once a process: it keeps
    /// what it has loaded.</summary>
    internal static void Import(string manifest)
    {
        using var engine = new HostedEngine(EngineConsole.ForProcess());
        Console.WriteLine(Milliseconds(engine, $"Import-Module '{manifest}'").ToString(CultureInfo.InvariantCulture));
    }

    private static void AddTest(Report report, Stage stage, HostedEngine engine)
    {
        const int Tokens = 1_000;
        int count = stage.Extent.Pick(100_000, 10_000);
        engine.Invoke($"$values = @((,'Adam' * {Tokens} | Grant-TesseraToken -Role Reader -AsPlainText).Token) * {count / Tokens}");
        List<double> ours = [], theirs = [];
        for (int round = -1; round < stage.Extent.Pick(5, 2); round++)
        {
            double theirTime = Milliseconds(engine, "$answers = $values | Test-PeerToken");
            Rounds.Require(Is(engine, $"$answers.Count -eq {count} -and $answers -notcontains $false"), "the peer has written something else");
            double ourTime = Milliseconds(engine, "$answers = $values | Test-TesseraToken");
            Rounds.Require(Is(engine, $"$answers.Count -eq {count} -and $answers -notcontains $false"), "a granted token is refused");

            // The first round is for the compilers.
            if (round >= 0)
            {
                ours.Add(ourTime);
                theirs.Add(theirTime);
            }
        }

        Rounds.Require(Is(engine, "-not (Test-TesseraToken ($values[0] + 'x'))"), "a token that nobody granted is accepted");
        report.Add(new Row("module-test", $"PowerShell: Test-TesseraToken over a pipeline of {count:N0}", "a compiled cmdlet with the same parameter type that writes a boolean", Spread.OfQuotients(ours, theirs), "of the time")
        {
            Goal = Goal.NotOver(2),
            Ours = Side.Of("ms", ours),
            Theirs = Side.Of("ms", theirs),
        });
    }

    private static void AddGrant(Report report, Stage stage, HostedEngine engine, string folder)
    {
        const string Grant = "Grant-TesseraToken -Role Reader -Name nightly -ExpiresIn 30.00:00:00";
        int count = stage.Extent.Pick(10_000, 500);
        engine.Invoke($"$names = ,'Adam' * {count}");
        List<double> ours = [], theirs = [];
        for (int round = 0; round < stage.Extent.Pick(3, 2); round++)
        {
            // Each in a new store, as the peer: the more tokens there are, the more pages of the indexes a batch changes.
            string path = Path.Combine(folder, $"granted{round}.db");
            engine.Invoke($"Disconnect-Tessera; Connect-Tessera '{path}'; $null = New-TesseraIdentity Adam -Role Operator; $null = $names[0..99] | {Grant}");
            ours.Add(count / Milliseconds(engine, $"$granted = $names | {Grant}") * 1_000);
            theirs.Add(count / double.Parse(stage.Start("insert-batches", $"{count}"), CultureInfo.InvariantCulture));
            Rounds.Require(Is(engine, $"$granted.Count -eq {count} -and @($granted[0, -1] | Test-TesseraToken) -notcontains $false"), "a token that was granted is refused");
        }

        report.Add(new Row("module-grant", $"PowerShell: Grant-TesseraToken over a pipeline of {count:N0}, durable", "SQLite alone in Rust: the same rows, audit included, in batches of 100", Spread.OfQuotients(ours, theirs), "of the rate")
        {
            Goal = Goal.NotUnder(0.5),
            Ours = Side.Of("a second", ours),
            Theirs = Side.Of("a second", theirs),
        });
    }

    private static void AddImport(Report report, Stage stage)
    {
        string modules = HostedEngine.FindModulePath();
        string tessera = Path.Combine(modules, "Tessera", "Tessera.psd1");
        string empty = Path.Combine(modules, "..", "..", "tests", "bench", "EmptyModule", "bin", "EmptyModule", "EmptyModule.psd1");
        List<double> ours = [], theirs = [];
        for (int round = 0; round < stage.Extent.Pick(9, 3); round++)
        {
            theirs.Add(ImportInNewProcess(Path.GetFullPath(empty)));
            ours.Add(ImportInNewProcess(tessera));
        }

        report.Add(new Row("module-import", "PowerShell: import of the module", "import of a module with one empty cmdlet", Spread.Of(ours.Zip(theirs, (one, other) => one - other)), "ms more")
        {
            Goal = Goal.NotOver(60),
            Ours = Side.Of("ms", ours),
            Theirs = Side.Of("ms", theirs),
        });
    }

    private static double ImportInNewProcess(string manifest)
    {
        string printed = Stage.Run(Environment.ProcessPath!, typeof(ModuleRows).Assembly.Location, "--import", manifest);
        return double.Parse(printed, CultureInfo.InvariantCulture);
    }

    private static double Milliseconds(HostedEngine engine, string script)
    {
        long begun = Stopwatch.GetTimestamp();
        engine.Invoke(script);
        double milliseconds = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        return engine.GetErrorRecords() is [ErrorRecord error, ..]
            ? throw new InvalidOperationException($"'{script}' failed: {error}")
            : milliseconds;
    }

    private static bool Is(HostedEngine engine, string condition) => engine.Invoke(condition) is [{ BaseObject: true }];
}
