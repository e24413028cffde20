using System.Globalization;
using System.Xml.Linq;

namespace Tessera.HelpWriter;

/// <summary>Writes cmdlets' help in MAML, the form that the engine's <c>Get-Help</c> reads.</summary>
internal static class MamlDocument
{
    private static readonly XNamespace Root = "http://msh";
    private static readonly XNamespace Maml = "http://schemas.microsoft.com/maml/2004/10";
    private static readonly XNamespace Command = "http://schemas.microsoft.com/maml/dev/command/2004/10";
    private static readonly XNamespace Dev = "http://schemas.microsoft.com/maml/dev/2004/10";

    /// <summary>Makes the help file.</summary>
    /// <param name="cmdlets">The cmdlets, in the file's order.</param>
    /// <returns>The whole file.</returns>
    public static XDocument Create(IEnumerable<CmdletHelp> cmdlets) =>
        new(new XElement(Root + "helpItems", new XAttribute("schema", "maml"), cmdlets.Select(CommandElement)));

    private static XElement CommandElement(CmdletHelp cmdlet) =>
        new(Command + "command",
            new XAttribute(XNamespace.Xmlns + "maml", Maml),
            new XAttribute(XNamespace.Xmlns + "command", Command),
            new XAttribute(XNamespace.Xmlns + "dev", Dev),
            new XElement(Command + "details",
                new XElement(Command + "name", cmdlet.Name),
                new XElement(Command + "verb", cmdlet.Verb),
                new XElement(Command + "noun", cmdlet.Noun),
                Description(cmdlet.Synopsis)),
            Description(cmdlet.Description),
            new XElement(Command + "syntax",
                cmdlet.ParameterSets.Select(parameters => new XElement(Command + "syntaxItem",
                    new XElement(Maml + "name", cmdlet.Name),
                    parameters.Select(SyntaxParameter)))),
            new XElement(Command + "parameters", cmdlet.Parameters.Select(Parameter)),
            new XElement(Command + "inputTypes",
                cmdlet.Inputs.Select(input => new XElement(Command + "inputType",
                    TypeElement(input.Type), Description([input.Text])))),
            new XElement(Command + "returnValues",
                cmdlet.Outputs.Select(output => new XElement(Command + "returnValue",
                    TypeElement(output), new XElement(Maml + "description")))),
            new XElement(Command + "examples", cmdlet.Examples.Select(ExampleElement)),
            new XElement(Command + "relatedLinks",
                cmdlet.Links.Select(link => new XElement(Maml + "navigationLink",
                    new XElement(Maml + "linkText", link.Text),
                    new XElement(Maml + "uri", link.Address)))));

    /// <summary>A parameter as a syntax line needs it: a switch has no value, an enumeration its choices.</summary>
    private static XElement SyntaxParameter(ParameterHelp parameter)
    {
        XElement element = ParameterElement(parameter);
        if (parameter.Choices.Count > 0)
        {
            element.Add(new XElement(Command + "parameterValueGroup",
                parameter.Choices.Select(choice => ParameterValue(choice, isRequired: false))));
        }
        else if (!parameter.IsSwitch)
        {
            element.Add(ParameterValue(parameter.TypeName, isRequired: true));
        }

        return element;
    }

    private static XElement Parameter(ParameterHelp parameter)
    {
        XElement element = ParameterElement(parameter);
        element.Add(
            ParameterValue(parameter.TypeName, isRequired: !parameter.IsSwitch),
            TypeElement(parameter.TypeName),
            new XElement(Dev + "defaultValue", parameter.DefaultValue));
        return element;
    }

    private static XElement ParameterElement(ParameterHelp parameter) =>
        new(Command + "parameter",
            new XAttribute("required", parameter.IsMandatory),
            new XAttribute("variableLength", parameter.TakesRemaining || parameter.Type.IsArray),
            new XAttribute("globbing", parameter.TakesWildcards),
            new XAttribute("pipelineInput", PipelineInput(parameter)),
            new XAttribute("position", parameter.Position?.ToString(CultureInfo.InvariantCulture) ?? "named"),
            new XAttribute("aliases", parameter.Aliases.Count > 0 ? string.Join(", ", parameter.Aliases) : "none"),
            new XElement(Maml + "name", parameter.Name),
            Description(parameter.Description));

    private static XElement ParameterValue(string text, bool isRequired) =>
        new(Command + "parameterValue",
            new XAttribute("required", isRequired),
            new XAttribute("variableLength", false),
            text);

    private static string PipelineInput(ParameterHelp parameter) =>
        (parameter.FromPipeline, parameter.FromPipelineByPropertyName) switch
        {
            (true, true) => "True (ByValue, ByPropertyName)",
            (true, false) => "True (ByValue)",
            (false, true) => "True (ByPropertyName)",
            _ => "False",
        };

    private static XElement TypeElement(string name) =>
        new(Dev + "type", new XElement(Maml + "name", name), new XElement(Maml + "uri"));

    private static XElement ExampleElement(Example example, int index) =>
        new(Command + "example",
            new XElement(Maml + "title", $"-------------------------- Example {index + 1} --------------------------"),
            new XElement(Dev + "code", example.Code),
            new XElement(Dev + "remarks", example.Text.Select(Paragraph)));

    private static XElement Description(IEnumerable<string> paragraphs) =>
        new(Maml + "description", paragraphs.Select(Paragraph));

    private static XElement Paragraph(string text) => new(Maml + "para", text);
}
