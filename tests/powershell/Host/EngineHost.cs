using System.Globalization;
using System.Management.Automation.Host;

namespace Tessera.ScriptHost;

/// <summary>What the engine knows about the program it runs in.</summary>
internal sealed class EngineHost(EngineConsole console) : PSHost
{
    /// <summary>The argument of the script's <c>exit</c>; null while there was none.</summary>
    public int? ExitCode { get; private set; }

    public override string Name => "Tessera.ScriptHost";

    public override Version Version { get; } = typeof(EngineHost).Assembly.GetName().Version!;

    public override Guid InstanceId { get; } = Guid.NewGuid();

    public override CultureInfo CurrentCulture { get; } = CultureInfo.CurrentCulture;

    public override CultureInfo CurrentUICulture { get; } = CultureInfo.CurrentUICulture;

    public override PSHostUserInterface UI { get; } = new EngineUserInterface(console);

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
