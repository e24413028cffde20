using System.Management.Automation;
using System.Reflection;

namespace Tessera.HelpWriter;

/// <summary>One parameter of a cmdlet, in one of its parameter sets or merged over all of them.</summary>
internal sealed record ParameterHelp
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.Instance;

    /// <summary>Reads a parameter.</summary>
    /// <param name="parameter">What the engine says of it.</param>
    /// <param name="cmdletType">The cmdlet's class.</param>
    /// <param name="documentation">The module's documentation.</param>
    public ParameterHelp(CommandParameterInfo parameter, Type cmdletType, XmlDocumentation documentation)
    {
        Name = parameter.Name;
        Type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        IsMandatory = parameter.IsMandatory;
        Position = parameter.Position >= 0 ? parameter.Position : null;
        FromPipeline = parameter.ValueFromPipeline;
        FromPipelineByPropertyName = parameter.ValueFromPipelineByPropertyName;
        TakesRemaining = parameter.ValueFromRemainingArguments;
        Aliases = parameter.Aliases;
        TakesWildcards = parameter.Attributes.OfType<SupportsWildcardsAttribute>().Any();

        MemberInfo? member = cmdletType.GetProperty(Name, Declared) ?? (MemberInfo?)cmdletType.GetField(Name, Declared);
        IsOfEngine = member is null;
        Description = member is null ? EngineText(Name) : documentation.Paragraphs(member, "summary");
        IReadOnlyList<string> told = member is null ? [] : documentation.Paragraphs(member, "value");
        DefaultValue = told.Count > 0 ? told[0] : IsSwitch ? "False" : "None";
    }

    public string Name { get; }

    public Type Type { get; }

    public bool IsSwitch => Type == typeof(SwitchParameter);

    public bool IsMandatory { get; private init; }

    /// <summary>The place among unnamed arguments, from 0; null when it must be named.</summary>
    public int? Position { get; private init; }

    public bool FromPipeline { get; private init; }

    public bool FromPipelineByPropertyName { get; private init; }

    public bool TakesRemaining { get; }

    public bool TakesWildcards { get; }

    /// <summary>Whether the engine adds it: <c>-WhatIf</c> and <c>-Confirm</c>.</summary>
    public bool IsOfEngine { get; }

    public IReadOnlyList<string> Aliases { get; }

    public IReadOnlyList<string> Description { get; }

    public string DefaultValue { get; }

    /// <summary>The type as a syntax line shows it.</summary>
    public string TypeName => NameOf(Type);

    /// <summary>The values to choose from; empty when the type is no enumeration.</summary>
    public IReadOnlyList<string> Choices => Type.IsEnum ? Enum.GetNames(Type) : [];

    /// <summary>What holds of this parameter over all the sets that it is in.</summary>
    /// <param name="uses">The parameter in each of its sets.</param>
    /// <returns>Mandatory if it is everywhere; piped in if it is anywhere; its first position.</returns>
    public ParameterHelp Merge(IEnumerable<ParameterHelp> uses) => this with
    {
        IsMandatory = uses.All(use => use.IsMandatory),
        Position = uses.Min(use => use.Position),
        FromPipeline = uses.Any(use => use.FromPipeline),
        FromPipelineByPropertyName = uses.Any(use => use.FromPipelineByPropertyName),
    };

    private static string NameOf(Type type)
    {
        if (type.IsArray)
        {
            return $"{NameOf(type.GetElementType()!)}[]";
        }

        return type.IsGenericType
            ? $"{type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]}<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>"
            : type.Name;
    }

    private static string[] EngineText(string name) => name switch
    {
        "WhatIf" => ["Says what the command would change, and changes nothing."],
        "Confirm" => ["Asks before each change."],
        "First" => ["Gives only this many objects."],
        "Skip" => ["Leaves out this many objects, and gives those after them."],
        "IncludeTotalCount" => ["Gives the number of all objects before the objects, where it is known."],
        _ => [],
    };
}
