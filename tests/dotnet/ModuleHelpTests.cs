using System.Collections;
using System.Management.Automation;

namespace Tessera.Tests;

/// <summary>Help says what each cmdlet does and takes, with examples that run as they are written.</summary>
public sealed class ModuleHelpTests : IDisposable
{
    private readonly ModuleSession _session = new();

    public void Dispose() => _session.Dispose();

    [Theory]
    [MemberData(nameof(ModuleManifestTests.AllCommands), MemberType = typeof(ModuleManifestTests))]
    public void Help_has_a_synopsis_a_description_every_parameter_and_an_example(string command)
    {
        dynamic help = Help(command);
        string[] parameters = [.. _session.Run(
            $"(Get-Command {command}).Parameters.Keys | Where-Object {{ $_ -notin [System.Management.Automation.Cmdlet]::CommonParameters }}")
            .Cast<string>()];

        Assert.EndsWith(".", ((string)help.Synopsis).Trim(), StringComparison.Ordinal);
        Assert.NotEmpty(Text(help.description));
        Assert.NotEmpty(Examples(command));
        foreach (string parameter in parameters)
        {
            string described = Text(_session.Run($"(Get-Help {command} -Parameter {parameter}).description").Single());
            Assert.True(described.Length > 0, $"{command} -{parameter} has no description.");
        }
    }

    [Theory]
    [MemberData(nameof(ModuleManifestTests.AllCommands), MemberType = typeof(ModuleManifestTests))]
    public void Examples_run(string command)
    {
        foreach (string example in Examples(command))
        {
            using var fresh = new ModuleSession();
            fresh.Run($"$null = $ExecutionContext.SessionState.Path.SetLocation('{fresh.Folder}')");

            IReadOnlyList<ErrorRecord> errors = fresh.Errors(example);

            Assert.True(errors.Count == 0, $"{command}: {string.Join('\n', errors)}\nin: {example}");
            fresh.Run("Disconnect-Tessera");
        }
    }

    private PSObject Help(string command) => Assert.Single(_session.Engine.Invoke($"Get-Help {command} -Full"));

    private string[] Examples(string command) =>
        [.. _session.Run($"(Get-Help {command} -Examples).examples.example | ForEach-Object {{ $_.code }}").Cast<string>()];

    private static string Text(object? paragraphs) => paragraphs switch
    {
        null => string.Empty,
        PSObject { BaseObject: not PSCustomObject } wrapped => Text(wrapped.BaseObject),
        string text => text,
        IEnumerable list => string.Concat(list.Cast<object>().Select(Text)),
        PSObject paragraph => Text(paragraph.Properties["Text"]?.Value),
        _ => string.Empty,
    };
}
