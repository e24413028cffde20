using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;

namespace Tessera.Benchmarks;

/// <summary>What BenchmarkDotNet measured of one method, in each round.</summary>
internal sealed record Method(List<double> Nanoseconds, List<double> Bytes);

/// <summary>Runs the methods of a class by BenchmarkDotNet, one after the other, in several rounds. So they take turns,
/// and what the machine does meanwhile touches all of them.</summary>
internal static class Rounds
{
    /// <param name="extent">How much is measured.</param>
    /// <param name="work">The folder for what BenchmarkDotNet writes.</param>
    /// <param name="count">How often a method is called between two of its preparations. <see langword="null"/>: as often
    /// as the time allows.</param>
    /// <param name="rounds">How many rounds there are. <see langword="null"/>: as many as the extent says.</param>
    /// <typeparam name="T">The class.</typeparam>
    /// <returns>By the methods' names.</returns>
    /// <exception cref="InvalidOperationException">A method failed.</exception>
    internal static IReadOnlyDictionary<string, Method> Run<T>(Extent extent, string work, int? count = null, int? rounds = null)
    {
        // In this process, so that a round takes seconds: for each program of its own BenchmarkDotNet calls the compiler.
        Job job = Job.Default
            .WithToolchain(InProcessEmitToolchain.Instance)
            .WithWarmupCount(extent.Pick(4, 3))
            .WithIterationCount(extent.Pick(7, 3))
            .WithIterationTime(TimeInterval.FromMilliseconds(extent.Pick(80, 40)));
        if (count is { } times)
        {
            job = job.WithInvocationCount(times).WithUnrollFactor(1);
        }

        ManualConfig config = ManualConfig.CreateEmpty()
            .AddJob(job)
            .AddDiagnoser(MemoryDiagnoser.Default)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .AddLogger(NullLogger.Instance)
            .WithOption(ConfigOptions.DisableLogFile, value: true)
            .WithArtifactsPath(Path.Combine(work, "benchmarks"));
        Dictionary<string, Method> methods = [];
        for (int round = 0; round < (rounds ?? extent.Pick(5, 2)); round++)
        {
            Summary summary = BenchmarkRunner.Run<T>(config);
            if (summary.HasCriticalValidationErrors || summary.Reports.Any(report => !report.Success || report.ResultStatistics is null))
            {
                IEnumerable<string> errors = summary.ValidationErrors.Select(error => error.Message)
                    .Concat(summary.Reports.SelectMany(report => report.ExecuteResults).SelectMany(result => result.Errors));
                throw new InvalidOperationException($"A benchmark of {typeof(T).Name} failed: {string.Join(' ', errors)}");
            }

            foreach (BenchmarkReport report in summary.Reports)
            {
                string name = report.BenchmarkCase.Descriptor.WorkloadMethod.Name;
                if (!methods.TryGetValue(name, out Method? method))
                {
                    methods.Add(name, method = new Method([], []));
                }

                method.Nanoseconds.Add(report.ResultStatistics!.Median);
                method.Bytes.Add(report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase) ?? 0);
            }
        }

        return methods;
    }

    /// <summary>An answer that has to be yes, from within what is measured.</summary>
    /// <exception cref="InvalidOperationException">It is no.</exception>
    internal static bool Yes(bool answer) => answer ? answer : throw new InvalidOperationException("A good token is refused.");

    /// <summary>Fails the run: what was measured did not do what it is measured for.</summary>
    internal static void Require(bool isRight, string what)
    {
        if (!isRight)
        {
            throw new InvalidOperationException($"What was measured is wrong: {what}.");
        }
    }
}
