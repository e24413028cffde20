using System.Management.Automation;
using System.Reflection;

namespace Tessera.HelpWriter;

/// <summary>One cmdlet: what its assembly says of it, and what its documentation says.</summary>
/// <param name="type">The cmdlet's class.</param>
/// <param name="documentation">The module's documentation.</param>
internal sealed class CmdletHelp(Type type, XmlDocumentation documentation)
{
    /// <summary>What help files say where nothing goes in or comes out.</summary>
    private const string Nothing = "None";

    private readonly CmdletAttribute _attribute = type.GetCustomAttribute<CmdletAttribute>()!;
    private readonly CmdletInfo _info = new(NameOf(type), type);

    public string Name => _info.Name;

    public string Verb => _attribute.VerbName;

    public string Noun => _attribute.NounName;

    public IReadOnlyList<string> Synopsis { get; } = documentation.Paragraphs(type, "summary");

    public IReadOnlyList<string> Description { get; } = documentation.Paragraphs(type, "remarks");

    public IReadOnlyList<Example> Examples { get; } = [.. documentation.Examples(type)];

    public IReadOnlyList<Link> Links { get; } = [.. documentation.Links(type)];

    /// <summary>The parameter sets in the order in which the syntax shows them: the default first.</summary>
    public IEnumerable<IReadOnlyList<ParameterHelp>> ParameterSets =>
        from parameterSet in _info.ParameterSets
        orderby parameterSet.IsDefault descending, parameterSet.Name
        select (IReadOnlyList<ParameterHelp>)[.. ParametersOf(parameterSet)];

    /// <summary>All parameters, each once, by name; one that is in several sets with what holds in all of them.</summary>
    public IEnumerable<ParameterHelp> Parameters =>
        from parameter in ParameterSets.SelectMany(parameters => parameters)
        group parameter by parameter.Name into uses
        orderby uses.Key
        select uses.First().Merge(uses);

    /// <summary>Types of objects that can be piped in, and to which parameters; <c>None</c> without any.</summary>
    public IEnumerable<(string Type, string Text)> Inputs =>
        (from parameter in Parameters
         where parameter.FromPipeline || parameter.FromPipelineByPropertyName
         group parameter by parameter.Type into uses
         let names = string.Join(", ", uses.Select(parameter => $"-{parameter.Name}"))
         select (uses.Key.ToString(), uses.Any(parameter => parameter.FromPipeline)
             ? $"Piped in: {names}."
             : $"From the property of the same name of an object that is piped in: {names}."))
        .DefaultIfEmpty((Nothing, "Nothing can be piped in."));

    /// <summary>Types that <see cref="OutputTypeAttribute"/> names, each once; <c>None</c> without any.</summary>
    public IEnumerable<string> Outputs =>
        type.GetCustomAttributes<OutputTypeAttribute>()
            .SelectMany(attribute => attribute.Type)
            .Select(output => output.Name)
            .Distinct()
            .DefaultIfEmpty(Nothing);

    /// <summary>The name that a class's <see cref="CmdletAttribute"/> gives.</summary>
    /// <param name="type">A cmdlet's class.</param>
    /// <returns>The verb and the noun, with a dash between.</returns>
    public static string NameOf(Type type) =>
        type.GetCustomAttribute<CmdletAttribute>() is { } attribute
            ? $"{attribute.VerbName}-{attribute.NounName}"
            : throw new ArgumentException($"{type} is no cmdlet.", nameof(type));

    /// <summary>Says what the documentation lacks.</summary>
    /// <returns>A line for each gap; none when it is complete.</returns>
    public IEnumerable<string> FindProblems()
    {
        if (Synopsis.Count == 0)
        {
            yield return $"{Name} ({type.Name}) has no <summary>.";
        }

        if (Description.Count == 0)
        {
            yield return $"{Name} ({type.Name}) has no <remarks>.";
        }

        if (Examples.Count == 0)
        {
            yield return $"{Name} ({type.Name}) has no <example> with <code> and a sentence.";
        }

        foreach (ParameterHelp parameter in Parameters.Where(parameter => parameter.Description.Count == 0))
        {
            yield return $"{Name} -{parameter.Name} has no <summary> where the parameter is declared.";
        }
    }

    private IEnumerable<ParameterHelp> ParametersOf(CommandParameterSetInfo parameterSet) =>
        from parameter in parameterSet.Parameters
        where !Cmdlet.CommonParameters.Contains(parameter.Name) && !IsHidden(parameter, parameterSet)
        let help = new ParameterHelp(parameter, type, documentation)
        orderby help.Position ?? int.MaxValue, !help.IsMandatory, help.IsOfEngine
        select help;

    private static bool IsHidden(CommandParameterInfo parameter, CommandParameterSetInfo parameterSet) =>
        parameter.Attributes.OfType<ParameterAttribute>().Any(attribute => attribute.DontShow
            && (attribute.ParameterSetName == ParameterAttribute.AllParameterSets
                || attribute.ParameterSetName == parameterSet.Name));
}
