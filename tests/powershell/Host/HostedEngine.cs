using System.Collections;
using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace Tessera.ScriptHost;

/// <summary>
/// A PowerShell engine in this process that runs scripts as <c>pwsh -NoProfile -File</c> does: a script file has its
/// <c>$PSScriptRoot</c>, what it puts out passes through the engine's own <c>Out-Default</c>, and
/// <c>Import-Module Tessera</c> finds the module that was built here.
/// </summary>
/// <remarks>
/// Holds only the commands of Microsoft.PowerShell.Core and of the Tessera module: the other modules that come with
/// <c>pwsh</c> are not part of the engine. Variables and imported modules last from one run to the next. Use it from
/// one thread at a time; several engines may run in one process, but share its environment variables and
/// <c>$PSStyle</c>.
/// </remarks>
public sealed class HostedEngine : IDisposable
{
    private const string LastExitCode = "global:LASTEXITCODE";

    private readonly EngineHost _host;
    private readonly Runspace _runspace;

    /// <summary>Starts an engine on a console.</summary>
    /// <param name="console">Where streams go and answers come from.</param>
    /// <exception cref="DirectoryNotFoundException">The module is not built.</exception>
    public HostedEngine(EngineConsole console)
    {
        ArgumentNullException.ThrowIfNull(console);
        string modulePath = FindModulePath();
        PSStyle.Instance.OutputRendering = console.HasColors ? OutputRendering.Host : OutputRendering.PlainText;

        _host = new EngineHost(console);
        _runspace = RunspaceFactory.CreateRunspace(_host, InitialSessionState.CreateDefault2());
        _runspace.Open();
        // Opening adds the machine's own module folders: set the path after it, so that a script finds the same
        // modules on every machine.
        Environment.SetEnvironmentVariable("PSModulePath", modulePath);
    }

    /// <summary>The folder of modules that the build made; it holds <c>Tessera</c>.</summary>
    /// <returns>The full path of <c>module/bin</c>.</returns>
    /// <exception cref="DirectoryNotFoundException">No folder above this program's has it: the module is not built.</exception>
    public static string FindModulePath()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string modulePath = Path.Combine(folder.FullName, "module", "bin");
            if (File.Exists(Path.Combine(modulePath, "Tessera", "Tessera.psd1")))
            {
                return modulePath;
            }
        }

        throw new DirectoryNotFoundException(
            $"No folder above '{AppContext.BaseDirectory}' has module/bin/Tessera/Tessera.psd1: build module/Tessera.PowerShell.csproj first.");
    }

    /// <summary>Runs a script text in an engine of its own and keeps each stream.</summary>
    /// <param name="script">The script's text.</param>
    /// <param name="input">Answers to prompts, one a line; null: a prompt is an error.</param>
    /// <returns>The exit code and what each stream showed.</returns>
    public static ScriptRun Capture(string script, string? input = null) =>
        Capture(input, engine => engine.RunText(script));

    /// <summary>Runs a script file in an engine of its own and keeps each stream.</summary>
    /// <param name="path">The script's path.</param>
    /// <param name="arguments">Its arguments: values and <c>-Name</c> as on a command line.</param>
    /// <param name="input">Answers to prompts, one a line; null: a prompt is an error.</param>
    /// <returns>The exit code and what each stream showed.</returns>
    public static ScriptRun CaptureFile(string path, IReadOnlyList<string>? arguments = null, string? input = null) =>
        Capture(input, engine => engine.RunFile(path, arguments));

    /// <summary>Runs a script file.</summary>
    /// <param name="path">The script's path, absolute or from the current folder.</param>
    /// <param name="arguments">Its arguments: values and <c>-Name</c> as on a command line.</param>
    /// <returns>The argument of its <c>exit</c>; else 1 after a terminating error, 0 without.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public int RunFile(string path, IReadOnlyList<string>? arguments = null)
    {
        string fullPath = Path.GetFullPath(path);
        if (!File.Exists(fullPath))
        {
            throw new FileNotFoundException($"There is no script '{fullPath}'.", fullPath);
        }

        var command = new Command(fullPath, isScript: false, useLocalScope: false);
        foreach (string argument in arguments ?? [])
        {
            command.Parameters.Add(ParseArgument(argument));
        }

        return Run(command);
    }

    /// <summary>Runs a script text.</summary>
    /// <param name="script">The text.</param>
    /// <returns>The argument of its <c>exit</c>; else 1 after a terminating error, 0 without.</returns>
    public int RunText(string script) => Run(new Command(script, isScript: true, useLocalScope: false));

    /// <summary>Runs a script text and returns its objects, unformatted.</summary>
    /// <param name="script">The text.</param>
    /// <returns>What it wrote to the success stream.</returns>
    /// <exception cref="RuntimeException">A terminating error, as the engine threw it.</exception>
    public Collection<PSObject> Invoke(string script)
    {
        using PowerShell shell = PowerShell.Create(_runspace);
        return shell.AddScript(script).Invoke();
    }

    /// <summary>The records in <c>$Error</c>, oldest first.</summary>
    /// <returns>A copy of the list.</returns>
    public IReadOnlyList<ErrorRecord> GetErrorRecords() =>
        [.. ((ArrayList)_runspace.SessionStateProxy.GetVariable("Error")).ToArray().Reverse().Select(AsErrorRecord)];

    /// <summary>Finds a command as a script would: by name or alias, importing its module if need be.</summary>
    /// <param name="name">The name, without wildcards.</param>
    /// <returns>What the name stands for, aliases followed; null when nothing has it.</returns>
    public CommandInfo? FindCommand(string name)
    {
        using PowerShell shell = PowerShell.Create(_runspace);
        CommandInfo? command = shell.AddCommand("Get-Command")
            .AddParameter("Name", WildcardPattern.Escape(name))
            .AddParameter("ErrorAction", ActionPreference.Ignore)
            .Invoke<CommandInfo>()
            .FirstOrDefault();
        return command is AliasInfo alias ? alias.ResolvedCommand : command;
    }

    /// <summary>Closes the engine. A second call does nothing.</summary>
    public void Dispose() => _runspace.Dispose();

    private static ScriptRun Capture(string? input, Func<HostedEngine, int> run)
    {
        using StringWriter output = new(), error = new(), warning = new(), verbose = new(), debug = new();
        using var engine = new HostedEngine(new EngineConsole
        {
            Output = output,
            Error = error,
            Warning = warning,
            Verbose = verbose,
            Debug = debug,
            Input = input is null ? TextReader.Null : new StringReader(input),
        });
        int exitCode = run(engine);
        return new ScriptRun
        {
            ExitCode = exitCode,
            Output = output.ToString(),
            Error = error.ToString(),
            Warning = warning.ToString(),
            Verbose = verbose.ToString(),
            Debug = debug.ToString(),
            ErrorRecords = engine.GetErrorRecords(),
        };
    }

    private static ErrorRecord AsErrorRecord(object? error) => error switch
    {
        ErrorRecord record => record,
        IContainsErrorRecord container => container.ErrorRecord,
        _ => new ErrorRecord(error as Exception, "Unknown", ErrorCategory.NotSpecified, null),
    };

    /// <summary>Reads one argument as <c>pwsh -File</c> does: <c>-Name</c>, <c>-Name:value</c> or a value.</summary>
    private static CommandParameter ParseArgument(string argument)
    {
        bool isName = argument.Length > 1 && argument[0] == '-' && (char.IsLetter(argument[1]) || argument[1] == '_');
        int colon = argument.IndexOf(':', StringComparison.Ordinal);
        if (!isName)
        {
            return new CommandParameter(null, argument);
        }

        return colon < 0
            ? new CommandParameter(argument)
            : new CommandParameter(argument[1..colon], ParseSwitch(argument[(colon + 1)..]));
    }

    /// <summary>A switch can only be turned off on a command line by the word that a script would use.</summary>
    private static object ParseSwitch(string value) => value.ToUpperInvariant() switch
    {
        "$TRUE" => true,
        "$FALSE" => false,
        _ => value,
    };

    private int Run(Command command)
    {
        _host.ResetExitCode();
        _runspace.SessionStateProxy.SetVariable(LastExitCode, null);
        bool failed = false;
        // Errors keep their place among the output; Out-Default sends each to its own stream.
        command.MergeMyResults(PipelineResultTypes.Error, PipelineResultTypes.Output);
        try
        {
            using PowerShell shell = PowerShell.Create(_runspace);
            shell.Commands.AddCommand(command).AddCommand("Out-Default");
            shell.Invoke();
        }
        catch (RuntimeException exception)
        {
            failed = true;
            ShowError(exception.ErrorRecord);
        }

        // A text's `exit` reaches the host, a file's only this variable. Programs that a script runs set it too.
        return _host.ExitCode
            ?? (failed ? 1 : _runspace.SessionStateProxy.GetVariable(LastExitCode) as int? ?? 0);
    }

    /// <summary>Formats an error that ended the script. It is no longer part of a stream, so the host is told.</summary>
    private void ShowError(ErrorRecord error)
    {
        _host.ShowsError = true;
        using PowerShell shell = PowerShell.Create(_runspace);
        shell.AddCommand("Out-Default").Invoke(new[] { error });
        _host.ShowsError = false;
    }
}
