using System.Management.Automation;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Tessera.HelpWriter;

/// <summary>An example: the command, and what it does.</summary>
/// <param name="Code">The command's lines.</param>
/// <param name="Text">The paragraphs around it.</param>
internal sealed record Example(string Code, IReadOnlyList<string> Text);

/// <summary>A related link.</summary>
/// <param name="Text">A cmdlet's name or a title.</param>
/// <param name="Address">Where it leads; empty for a cmdlet.</param>
internal sealed record Link(string Text, string Address);

/// <summary>The compiler's XML documentation file of the module, read as plain text.</summary>
internal sealed partial class XmlDocumentation
{
    private readonly Dictionary<string, XElement> _members;
    private readonly Dictionary<string, string> _cmdletNames;

    /// <summary>Reads the file.</summary>
    /// <param name="document">The compiler's file.</param>
    /// <param name="cmdletTypes">Classes that the text calls by their cmdlet's name.</param>
    public XmlDocumentation(XDocument document, IEnumerable<Type> cmdletTypes)
    {
        _members = document.Descendants("member").ToDictionary(member => member.Attribute("name")!.Value);
        _cmdletNames = cmdletTypes.ToDictionary(IdOf, CmdletHelp.NameOf);
    }

    /// <summary>The paragraphs of one of a member's elements.</summary>
    /// <param name="member">A class, or a parameter's property or field.</param>
    /// <param name="element">The element's name: <c>summary</c>, <c>remarks</c>, <c>value</c>.</param>
    /// <returns>The paragraphs; none when the element is missing or empty.</returns>
    public IReadOnlyList<string> Paragraphs(MemberInfo member, string element) =>
        Find(IdOf(member))?.Element(element) is { } found ? Paragraphs(found) : [];

    /// <summary>A class's examples that have both a command and a text.</summary>
    /// <param name="type">A cmdlet's class.</param>
    /// <returns>The examples, in their order.</returns>
    public IEnumerable<Example> Examples(Type type) =>
        (Find(IdOf(type))?.Elements("example") ?? [])
            .Select(example => new Example(
                string.Join("\n\n", example.Descendants("code").Select(code => Unindent(code.Value))),
                Paragraphs(example)))
            .Where(example => example.Code.Length > 0 && example.Text.Count > 0);

    /// <summary>A class's related links.</summary>
    /// <param name="type">A cmdlet's class.</param>
    /// <returns>The links, in their order.</returns>
    public IEnumerable<Link> Links(Type type) =>
        (Find(IdOf(type))?.Elements("seealso") ?? []).Select(link => link.Attribute("href") is { } address
            ? new Link(link.Value.Length > 0 ? Squeeze(link.Value) : address.Value, address.Value)
            : new Link(NameOfReference(link.Attribute("cref")!.Value), string.Empty));

    /// <summary>A member's identity in the compiler's file.</summary>
    private static string IdOf(MemberInfo member)
    {
        if (member is Type type)
        {
            return $"T:{FullNameOf(type)}";
        }

        char kind = member is PropertyInfo ? 'P' : 'F';
        return $"{kind}:{FullNameOf(member.DeclaringType!)}.{member.Name}";
    }

    private static string FullNameOf(Type type) =>
        (type.IsGenericType ? type.GetGenericTypeDefinition() : type).FullName!.Replace('+', '.');

    private static string Squeeze(string text) => WhiteSpace().Replace(text, " ").Trim();

    /// <summary>Takes away the margin that all lines share, and empty lines around them.</summary>
    private static string Unindent(string code)
    {
        string[] lines = code.ReplaceLineEndings("\n").Trim('\n').TrimEnd().Split('\n');
        int margin = lines.Where(line => line.Trim().Length > 0)
            .Select(line => line.Length - line.TrimStart().Length)
            .DefaultIfEmpty(0)
            .Min();
        return string.Join('\n', lines.Select(line => line.Length >= margin ? line[margin..] : string.Empty)).Trim('\n');
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();

    /// <summary>Finds a member's documentation, following <c>inheritdoc</c> with a <c>cref</c>.</summary>
    private XElement? Find(string id)
    {
        XElement? member = _members.GetValueOrDefault(id);
        string? inherited = member?.Element("inheritdoc")?.Attribute("cref")?.Value;
        return inherited is not null && inherited != id ? Find(inherited) : member;
    }

    /// <summary>Splits an element's text at its <c>para</c> and <c>item</c> elements; code is not part of it.</summary>
    private List<string> Paragraphs(XElement element)
    {
        List<string> paragraphs = [string.Empty];
        foreach (XNode node in element.Nodes())
        {
            switch (node)
            {
                case XElement { Name.LocalName: "code" }:
                    paragraphs.Add(string.Empty);
                    break;
                case XElement { Name.LocalName: "para" or "list" or "item" or "description" } block:
                    paragraphs.AddRange(Paragraphs(block));
                    paragraphs.Add(string.Empty);
                    break;
                case XElement inline:
                    paragraphs[^1] += InlineText(inline);
                    break;
                case XText text:
                    paragraphs[^1] += text.Value;
                    break;
            }
        }

        return [.. paragraphs.Select(Squeeze).Where(paragraph => paragraph.Length > 0)];
    }

    private string InlineText(XElement inline)
    {
        string? reference = inline.Attribute("cref")?.Value;
        return reference is not null && inline.IsEmpty
            ? NameOfReference(reference)
            : inline.Attribute("langword")?.Value ?? inline.Attribute("name")?.Value ?? inline.Value;
    }

    private string NameOfReference(string reference)
    {
        if (_cmdletNames.TryGetValue(reference, out string? cmdletName))
        {
            return cmdletName;
        }

        string name = reference[(reference.LastIndexOf('.') + 1)..];
        bool isParameter = reference.StartsWith("P:", StringComparison.Ordinal)
            && _cmdletNames.ContainsKey($"T:{reference[2..reference.LastIndexOf('.')]}");
        return isParameter ? $"-{name}" : name;
    }
}
