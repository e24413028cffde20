using System.Collections.ObjectModel;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Management.Automation.Internal;
using System.Security;
using System.Text;

namespace Tessera.ScriptHost;

/// <summary>Writes the engine's streams to an <see cref="EngineConsole"/> and answers prompts from its input.</summary>
internal sealed class EngineUserInterface(EngineConsole console) : PSHostUserInterface
{
    /// <summary>Whether what is put out now is the text of an error.</summary>
    public bool ShowsError { get; set; }

    public override PSHostRawUserInterface RawUI { get; } = new EngineRawUserInterface(console.WidthColumns);

    public override bool SupportsVirtualTerminal => console.HasColors;

    public override void Write(string value) => Output.Write(Render(value));

    public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) => Write(value);

    public override void WriteLine(string value) => Output.WriteLine(Render(value));

    public override void WriteErrorLine(string value) => console.Error.WriteLine(Render(value));

    public override void WriteWarningLine(string message) =>
        console.Warning.WriteLine(Render($"WARNING: {message}", PSStyle.Instance.Formatting.Warning));

    public override void WriteVerboseLine(string message) =>
        console.Verbose.WriteLine(Render($"VERBOSE: {message}", PSStyle.Instance.Formatting.Verbose));

    public override void WriteDebugLine(string message) =>
        console.Debug.WriteLine(Render($"DEBUG: {message}", PSStyle.Instance.Formatting.Debug));

    /// <summary>Shows nothing: progress is for a screen that can be drawn over.</summary>
    public override void WriteProgress(long sourceId, ProgressRecord record)
    {
    }

    public override string ReadLine() =>
        console.Input.ReadLine() ?? throw new HostException(
            "The script asks for input, and standard input has no more lines. Pass the value as a parameter (for a confirmation: -Confirm:$false).");

    public override SecureString ReadLineAsSecureString()
    {
        var secret = new SecureString();
        if (ReferenceEquals(console.Input, Console.In) && !Console.IsInputRedirected)
        {
            ReadUnseen(secret);
        }
        else
        {
            foreach (char character in ReadLine())
            {
                secret.AppendChar(character);
            }
        }

        secret.MakeReadOnly();
        return secret;
    }

    /// <summary>Asks for each value in turn; this is how the engine asks for missing mandatory parameters.</summary>
    public override Dictionary<string, PSObject> Prompt(
        string caption, string message, Collection<FieldDescription> descriptions)
    {
        WriteHeading(caption, message);
        var answers = new Dictionary<string, PSObject>(StringComparer.OrdinalIgnoreCase);
        foreach (FieldDescription description in descriptions)
        {
            Write($"{description.Name}: ");
            bool isSecret = description.ParameterTypeFullName == typeof(SecureString).FullName;
            answers[description.Name] = PSObject.AsPSObject(isSecret ? ReadLineAsSecureString() : ReadLine());
        }

        return answers;
    }

    /// <summary>Asks until a choice's key or label is entered; an empty line takes the default.</summary>
    public override int PromptForChoice(
        string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice)
    {
        WriteHeading(caption, message);
        (string Key, string Label)[] names = [.. choices.Select(choice => SplitLabel(choice.Label))];
        string menu = string.Join("  ", names.Select(name => $"[{name.Key}] {name.Label}"));
        string ending = defaultChoice >= 0 ? $" (default is \"{names[defaultChoice].Key}\"): " : ": ";

        while (true)
        {
            Write($"{menu}  [?] Help{ending}");
            string answer = ReadLine().Trim();
            if (answer.Length == 0 && defaultChoice >= 0)
            {
                return defaultChoice;
            }

            int chosen = Array.FindIndex(names, name =>
                answer.Equals(name.Key, StringComparison.OrdinalIgnoreCase) ||
                answer.Equals(name.Label, StringComparison.OrdinalIgnoreCase));
            if (chosen >= 0)
            {
                return chosen;
            }

            if (answer == "?")
            {
                for (int index = 0; index < names.Length; index++)
                {
                    WriteLine($"{names[index].Key} - {choices[index].HelpMessage}");
                }
            }
        }
    }

    public override PSCredential PromptForCredential(
        string caption, string message, string userName, string targetName) =>
        throw NoCredentialPrompt();

    public override PSCredential PromptForCredential(
        string caption, string message, string userName, string targetName,
        PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options) =>
        throw NoCredentialPrompt();

    private TextWriter Output => ShowsError ? console.Error : console.Output;

    private static HostException NoCredentialPrompt() =>
        new("This host has no prompt for credentials. Pass the credential as a parameter.");

    /// <summary>Splits a label such as <c>Yes to &amp;All</c> into its key and its text.</summary>
    private static (string Key, string Label) SplitLabel(string label)
    {
        int mark = label.IndexOf('&', StringComparison.Ordinal);
        return mark >= 0 && mark + 1 < label.Length
            ? (char.ToUpper(label[mark + 1], CultureInfo.CurrentCulture).ToString(), label.Remove(mark, 1))
            : (label, label);
    }

    /// <summary>Views come with colours in them, and only the host knows whether they may be shown.</summary>
    private string Render(string text, string style = "") => console.HasColors
        ? style.Length > 0 ? $"{style}{text}{PSStyle.Instance.Reset}" : text
        : new StringDecorated(text).ToString(OutputRendering.PlainText);

    /// <summary>Reads a line from the terminal without showing it.</summary>
    private void ReadUnseen(SecureString secret)
    {
        while (Console.ReadKey(intercept: true) is { Key: not ConsoleKey.Enter } key)
        {
            if (key.Key == ConsoleKey.Backspace)
            {
                if (secret.Length > 0)
                {
                    secret.RemoveAt(secret.Length - 1);
                }
            }
            else if (!char.IsControl(key.KeyChar))
            {
                secret.AppendChar(key.KeyChar);
            }
        }

        WriteLine();
    }

    private void WriteHeading(string caption, string message)
    {
        var heading = new StringBuilder();
        foreach (string line in new[] { caption, message })
        {
            if (!string.IsNullOrEmpty(line))
            {
                heading.AppendLine(line);
            }
        }

        Write($"{Environment.NewLine}{heading}");
    }
}
