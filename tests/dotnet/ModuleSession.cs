using System.Management.Automation;
using System.Xml.Linq;
using Tessera.ScriptHost;

namespace Tessera.Tests;

/// <summary>An engine with the module imported, connected to a store in a folder of its own, and its streams kept.</summary>
internal sealed class ModuleSession : IDisposable
{
    private readonly StringWriter _output = new();

    /// <param name="isConnected">Whether to connect to the store; otherwise the session has none.</param>
    internal ModuleSession(bool isConnected = true)
    {
        Folder = TestFolder.Create();
        Path = System.IO.Path.Combine(Folder, "tokens.db");
        Engine = new HostedEngine(new EngineConsole
        {
            Output = _output,
            Error = _output,
            Warning = _output,
            Verbose = _output,
            Debug = _output,
        });
        Run("Import-Module Tessera; Set-StrictMode -Version Latest");
        if (isConnected)
        {
            Run($"Connect-Tessera '{Path}'");
        }
    }

    /// <summary>The folder that the store is alone in.</summary>
    internal string Folder { get; }

    /// <summary>The path of the store.</summary>
    internal string Path { get; }

    internal HostedEngine Engine { get; }

    /// <summary>Runs a script that must write no error.</summary>
    /// <returns>What it wrote, without the engine's wrapping.</returns>
    internal object?[] Run(string script)
    {
        Engine.Invoke("$Error.Clear()");
        object?[] results = [.. Engine.Invoke(script).Select(result => result?.BaseObject is PSCustomObject ? result : result?.BaseObject)];
        Assert.Empty(Engine.GetErrorRecords().Select(error => error.ToString()));
        return results;
    }

    /// <summary>Runs a script that must write no error and one object.</summary>
    internal T Single<T>(string script) => Assert.IsType<T>(Assert.Single(Run(script)), exactMatch: false);

    /// <summary>Runs a script that may write errors, terminating ones too.</summary>
    /// <returns>The errors, oldest first.</returns>
    internal IReadOnlyList<ErrorRecord> Errors(string script)
    {
        Engine.Invoke("$Error.Clear()");
        try
        {
            Engine.Invoke(script);
        }
        catch (RuntimeException exception) when (Engine.GetErrorRecords().Count == 0)
        {
            return [exception.ErrorRecord];
        }
        catch (RuntimeException)
        {
            // Recorded, as every error is.
        }

        return Engine.GetErrorRecords();
    }

    /// <summary>Runs a script that must write one error.</summary>
    internal ErrorRecord Error(string script) => Assert.Single(Errors(script));

    /// <summary>Runs a script.</summary>
    /// <returns>All that a user would see, formatted.</returns>
    internal string Show(string script)
    {
        _output.GetStringBuilder().Clear();
        Engine.RunText(script);
        return _output.ToString().ReplaceLineEndings("\n");
    }

    /// <summary>Runs a script file.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="exitCode">Its exit code.</param>
    /// <returns>All that a user would see.</returns>
    internal string ShowFile(string path, IReadOnlyList<string> arguments, out int exitCode)
    {
        _output.GetStringBuilder().Clear();
        exitCode = Engine.RunFile(path, arguments);
        return _output.ToString().ReplaceLineEndings("\n");
    }

    /// <summary>Says what a list view shows of the one object that a script gives. The engine's core has no Format-List.</summary>
    /// <param name="view">The view's name in the module's format file.</param>
    /// <param name="script">The script.</param>
    /// <returns>Each label and its text, in their order.</returns>
    internal IReadOnlyDictionary<string, string> ListOf(string view, string script)
    {
        XElement found = XElement.Load(System.IO.Path.Combine(HostedEngine.FindModulePath(), "Tessera", "Tessera.Format.ps1xml"))
            .Descendants("View").Single(candidate => candidate.Element("Name")!.Value == view);
        Run($"$shown = {script}");
        return found.Descendants("ListItem").ToDictionary(
            item => (item.Element("Label") ?? item.Element("PropertyName"))!.Value,
            item => Single<string>($"\"$($shown | ForEach-Object {{ {item.Element("ScriptBlock")?.Value ?? $"$_.{item.Element("PropertyName")!.Value}"} }})\""));
    }

    /// <summary>Says what completion offers at the end of a line.</summary>
    internal IReadOnlyList<CompletionResult> Complete(string line)
    {
        // Within the runspace, as a console does it.
        return [.. Engine.Invoke($"[System.Management.Automation.CommandCompletion]::CompleteInput('{line.Replace("'", "''", StringComparison.Ordinal)}', {line.Length}, $null).CompletionMatches")
            .Select(match => (CompletionResult)match.BaseObject)];
    }

    public void Dispose()
    {
        Engine.Dispose();
        TestFolder.Remove(Folder);
    }
}
