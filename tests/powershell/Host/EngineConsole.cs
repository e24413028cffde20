namespace Tessera.ScriptHost;

/// <summary>Where the streams of a <see cref="HostedEngine"/> go, and where its prompts read their answers.</summary>
public sealed record EngineConsole
{
    /// <summary>Columns of a view when there is no terminal to ask.</summary>
    public const int DefaultWidthColumns = 120;

    /// <summary>What the script puts out, formatted as the engine's own <c>Out-Default</c> does, and prompts.</summary>
    public required TextWriter Output { get; init; }

    /// <summary>Error records and terminating errors, formatted.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>The warning stream.</summary>
    public required TextWriter Warning { get; init; }

    /// <summary>The verbose stream.</summary>
    public required TextWriter Verbose { get; init; }

    /// <summary>The debug stream.</summary>
    public required TextWriter Debug { get; init; }

    /// <summary>Answers to prompts, one a line. At its end, a prompt is a terminating error.</summary>
    public TextReader Input { get; init; } = TextReader.Null;

    /// <summary>Columns that views are made for.</summary>
    public int WidthColumns { get; init; } = DefaultWidthColumns;

    /// <summary>Whether the output understands colours. Without it no escape sequence is written.</summary>
    public bool HasColors { get; init; }

    /// <summary>
    /// The console of this process. Streams go where <c>pwsh</c> sends them: errors to standard error, all others to
    /// standard output.
    /// </summary>
    /// <returns>A console with colours only if both streams are a terminal.</returns>
    public static EngineConsole ForProcess()
    {
        bool isTerminal = !Console.IsOutputRedirected && !Console.IsErrorRedirected;
        return new EngineConsole
        {
            Output = Console.Out,
            Error = Console.Error,
            Warning = Console.Out,
            Verbose = Console.Out,
            Debug = Console.Out,
            Input = Console.In,
            // Some terminals do not know their width and answer 0.
            WidthColumns = isTerminal && Console.WindowWidth > 0 ? Console.WindowWidth : DefaultWidthColumns,
            HasColors = isTerminal && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")),
        };
    }
}
