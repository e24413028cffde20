using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Closes the stores of a runspace that removes the module. The engine finds and calls it.</summary>
public sealed class ModuleCleanup : IModuleAssemblyCleanup
{
    /// <summary>Closes the runspace's stores.</summary>
    /// <param name="psModuleInfo">The module that is removed.</param>
    public void OnRemove(PSModuleInfo psModuleInfo) => Session.CloseCurrent();
}
