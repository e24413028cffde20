using System.Diagnostics;
using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Shows how far a long command has come, a few times a second.</summary>
/// <typeparam name="T">What it tells.</typeparam>
/// <param name="cmdlet">The command.</param>
/// <param name="activity">What it does.</param>
/// <param name="describe">Says what was done, and how many percent of all; -1 where that is not known.</param>
internal sealed class ProgressReport<T>(Cmdlet cmdlet, string activity, Func<T, (string Status, int Percent)> describe) : IProgress<T>
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly Stopwatch _sinceLast = Stopwatch.StartNew();
    private bool _isShown;

    /// <summary>What was told last, shown or not.</summary>
    public T? Last { get; private set; }

    /// <summary>Shows it, where it is time to.</summary>
    /// <param name="value">What there is to tell.</param>
    public void Report(T value)
    {
        Last = value;
        if (_sinceLast.Elapsed < Interval)
        {
            return;
        }

        (string status, int percent) = describe(value);
        cmdlet.WriteProgress(new ProgressRecord(0, activity, status) { PercentComplete = percent });
        _sinceLast.Restart();
        _isShown = true;
    }

    /// <summary>Takes it off the screen.</summary>
    public void Complete()
    {
        if (_isShown)
        {
            cmdlet.WriteProgress(new ProgressRecord(0, activity, "Done") { RecordType = ProgressRecordType.Completed });
        }
    }
}
