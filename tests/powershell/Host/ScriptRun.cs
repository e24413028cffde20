using System.Management.Automation;

namespace Tessera.ScriptHost;

/// <summary>What one script did, each stream by itself.</summary>
public sealed record ScriptRun
{
    /// <summary>The argument of <c>exit</c>; else 1 after a terminating error, 0 without.</summary>
    public required int ExitCode { get; init; }

    /// <summary>What a user would see on the success stream: formatted views and prompts.</summary>
    public required string Output { get; init; }

    /// <summary>What a user would see of the errors.</summary>
    public required string Error { get; init; }

    /// <summary>The warning stream's text.</summary>
    public required string Warning { get; init; }

    /// <summary>The verbose stream's text.</summary>
    public required string Verbose { get; init; }

    /// <summary>The debug stream's text.</summary>
    public required string Debug { get; init; }

    /// <summary>The records in <c>$Error</c> that the script left, oldest first.</summary>
    public required IReadOnlyList<ErrorRecord> ErrorRecords { get; init; }

    /// <summary>Every stream's text, one after the other: for searches over all that was shown.</summary>
    public string AllText => string.Concat(Output, Error, Warning, Verbose, Debug);
}
