using System.Management.Automation;
using Tessera.ScriptHost;

namespace Tessera.Tests;

/// <summary>The script host does what <c>pwsh</c> would: the other PowerShell tests lean on it.</summary>
public sealed class HostedEngineTests
{
    [Fact]
    public void Output_is_formatted_as_the_engine_does_and_without_escape_sequences()
    {
        ScriptRun run = HostedEngine.Capture("[pscustomobject]@{ Name = 'Adam'; Role = 'Reader' }");

        Assert.Equal(
            ["", "Name Role", "---- ----", "Adam Reader", "", ""],
            run.Output.ReplaceLineEndings("\n").Split('\n').Select(line => line.TrimEnd()));
        Assert.DoesNotContain('\e', run.Output);
    }

    [Fact]
    public void Each_stream_goes_its_own_way()
    {
        ScriptRun run = HostedEngine.Capture(
            """
            function Write-All {
                [CmdletBinding()] param()
                $PSCmdlet.WriteObject('object')
                $PSCmdlet.WriteWarning('warned')
                $PSCmdlet.WriteVerbose('told')
                $PSCmdlet.WriteDebug('traced')
                $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new(
                    [InvalidOperationException]::new('refused'), 'Refused', 'InvalidOperation', $null))
            }
            $DebugPreference = 'Continue'
            Write-All -Verbose
            """);

        Assert.Equal("object", run.Output.Trim());
        Assert.Equal("WARNING: warned", run.Warning.Trim());
        Assert.Equal("VERBOSE: told", run.Verbose.Trim());
        Assert.Equal("DEBUG: traced", run.Debug.Trim());
        Assert.Contains("refused", run.Error, StringComparison.Ordinal);
        Assert.Equal("Refused,Write-All", Assert.Single(run.ErrorRecords).FullyQualifiedErrorId);
        Assert.Equal(0, run.ExitCode);
    }

    [Theory]
    [InlineData("'done'", 0)]
    [InlineData("exit 3", 3)]
    [InlineData("function Stop-Here { exit 4 }; Stop-Here", 4)]
    [InlineData("exit 0; throw 'never reached'", 0)]
    [InlineData("throw 'broken'", 1)]
    [InlineData("$ErrorActionPreference = 'Stop'; Get-NoSuchCommand", 1)]
    [InlineData("if (", 1)]
    public void Exit_code_is_that_of_exit_or_tells_of_a_terminating_error(string script, int expected)
    {
        using var file = new ScriptFile(script);

        Assert.Equal(expected, HostedEngine.Capture(script).ExitCode);
        Assert.Equal(expected, HostedEngine.CaptureFile(file.Path).ExitCode);
    }

    [Fact]
    public void Terminating_error_is_shown_and_recorded()
    {
        ScriptRun run = HostedEngine.Capture("'before'; throw 'broken'; 'after'");

        Assert.Equal("before", run.Output.Trim());
        Assert.Contains("broken", run.Error, StringComparison.Ordinal);
        Assert.Equal("broken", Assert.Single(run.ErrorRecords).Exception.Message);
    }

    [Fact]
    public void Script_file_knows_its_folder_and_takes_arguments_as_on_a_command_line()
    {
        using var file = new ScriptFile(
            "param([string] $Name, [switch] $Loud, [switch] $Quiet) \"$Name|$Loud|$Quiet|$args|$PSScriptRoot\"");

        ScriptRun run = HostedEngine.CaptureFile(file.Path, ["-Name", "Adam", "-Loud", "-Quiet:$false", "rest"]);

        Assert.Equal($"Adam|True|False|rest|{Path.GetDirectoryName(file.Path)}", run.Output.Trim());
    }

    [Theory]
    [InlineData("y\n", "chosen 0")]
    [InlineData("No\n", "chosen 1")]
    [InlineData("\n", "chosen 1")]
    [InlineData("?\nmaybe\nY\n", "chosen 0")]
    public void Confirmation_is_answered_from_the_input(string answers, string expected)
    {
        ScriptRun run = HostedEngine.Capture(
            """
            $choices = [System.Management.Automation.Host.ChoiceDescription[]] @('&Yes', '&No')
            "chosen $($Host.UI.PromptForChoice('Revoke', 'Go on?', $choices, 1))"
            """,
            answers);

        Assert.EndsWith(expected, run.Output.TrimEnd(), StringComparison.Ordinal);
        Assert.Contains("[Y] Yes  [N] No  [?] Help (default is \"N\"): ", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Prompt_without_input_is_an_error_that_says_so()
    {
        ScriptRun run = HostedEngine.Capture("$Host.UI.ReadLine()");

        Assert.Contains("standard input has no more lines", Assert.Single(run.ErrorRecords).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Only_the_built_module_is_found()
    {
        ScriptRun run = HostedEngine.Capture("(Get-Module -ListAvailable).Path");

        Assert.Equal(Path.Combine(HostedEngine.FindModulePath(), "Tessera", "Tessera.psd1"), run.Output.Trim());
    }

    [Fact]
    public void Missing_script_is_named()
    {
        FileNotFoundException failure = Assert.Throws<FileNotFoundException>(() => HostedEngine.CaptureFile("no-such.ps1"));

        Assert.Contains("no-such.ps1", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Commands_from_elsewhere_are_found_in_a_script()
    {
        using var file = new ScriptFile(
            """
            function Show-Count { (Get-TesseraToken).Count }
            Import-Module Tessera
            Get-TesseraToken | Where-Object { $_.Name } | % { & { Show-Count } }
            & $command
            Get-TesseraToken | ForEach-Object { Select-Object -First 1 }
            ls
            """);
        using HostedEngine engine = NewEngine();

        Assert.Equal(["4: & $command", "5: Select-Object -First 1", "6: ls"], ScriptCommands.FindForeign(file.Path, engine));
    }

    [Fact]
    public void Commands_of_a_file_that_is_no_script_are_not_guessed()
    {
        using var file = new ScriptFile("if (");
        using HostedEngine engine = NewEngine();

        Assert.Throws<ParseException>(() => ScriptCommands.FindForeign(file.Path, engine));
    }

    private static HostedEngine NewEngine() => new(new EngineConsole
    {
        Output = TextWriter.Null,
        Error = TextWriter.Null,
        Warning = TextWriter.Null,
        Verbose = TextWriter.Null,
        Debug = TextWriter.Null,
    });

    /// <summary>A script in a folder of its own, for as long as a test needs it.</summary>
    private sealed class ScriptFile : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tessera-script-");

        public ScriptFile(string text)
        {
            Path = System.IO.Path.Combine(_folder.FullName, "script.ps1");
            File.WriteAllText(Path, text);
        }

        public string Path { get; }

        public void Dispose() => _folder.Delete(recursive: true);
    }
}
