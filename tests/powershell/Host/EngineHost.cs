using System.Globalization;
using System.Management.Automation.Host;

namespace Tessera.ScriptHost;

/// <summary>What the engine knows about the program it runs in.</summary>
internal sealed class EngineHost(EngineConsole console) : PSHost
{
    private readonly EngineUserInterface _userInterface = new(console);

    /// <summary>The argument of the script's <c>exit</c>; null while there was none.</summary>
    public int? ExitCode { get; private set; }

    /// <summary>Whether what is put out now is the text of an error.</summary>
    public bool ShowsError
    {
        get => _userInterface.ShowsError;
        set => _userInterface.ShowsError = value;
    }

    public override string Name => "Tessera.ScriptHost";

    public override Version Version { get; } = typeof(EngineHost).Assembly.GetName().Version!;

    public override Guid InstanceId { get; } = Guid.NewGuid();

    public override CultureInfo CurrentCulture { get; } = CultureInfo.CurrentCulture;

    public override CultureInfo CurrentUICulture { get; } = CultureInfo.CurrentUICulture;

    public override PSHostUserInterface UI => _userInterface;

    public override void SetShouldExit(int exitCode) => ExitCode = exitCode;

    /// <summary>Forgets an earlier script's <c>exit</c>.</summary>
    public void ResetExitCode() => ExitCode = null;

    public override void EnterNestedPrompt() =>
        throw new HostException("This host has no nested prompt.");

    public override void ExitNestedPrompt()
    {
    }

    public override void NotifyBeginApplication()
    {
    }

    public override void NotifyEndApplication()
    {
    }
}
