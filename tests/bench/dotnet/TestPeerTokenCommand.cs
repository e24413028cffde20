using System.Management.Automation;
using Tessera.PowerShell;

namespace Tessera.Benchmarks;

/// <summary>Takes what Test-TesseraToken takes, and writes a boolean without checking anything: what the engine of
/// PowerShell costs by itself.</summary>
[Cmdlet(VerbsDiagnostic.Test, "PeerToken")]
[OutputType(typeof(bool))]
public sealed class TestPeerTokenCommand : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SecretText(nameof(Token))]
    public SecretText Token { get; set; } = null!;

    protected override void ProcessRecord() => WriteObject(Token is not null);
}
