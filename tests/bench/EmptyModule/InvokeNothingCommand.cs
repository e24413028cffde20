using System.Management.Automation;

namespace Tessera.Benchmarks;

/// <summary>Does nothing.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "Nothing")]
public sealed class InvokeNothingCommand : Cmdlet;
