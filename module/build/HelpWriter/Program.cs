// Writes the module's help file from its cmdlets' XML documentation:
//
//     <program> <module assembly> <its XML documentation file> <help file to write>
//
// Run by the module's build. What the documentation must hold, and what becomes of it:
//
//   on the cmdlet's class
//     <summary>     the synopsis: one sentence
//     <remarks>     the description; a paragraph for each <para>
//     <example>     at least one: <code> with the command, and around it a sentence or more on what it does
//     <seealso>     cref: a related cmdlet's class; href: an address. Each becomes a related link
//   on each parameter, where it is declared (a base class counts)
//     <summary>     the description
//     <value>       the default, if there is one to tell: a literal or a few words
//
// In the text, <see cref> of a cmdlet's class becomes the cmdlet's name, and of a parameter its name with a dash.
// Everything else (parameter sets, types, positions, aliases, pipeline input, what goes in and out) is read from the
// assembly. A cmdlet or parameter without its text is an error, and the build fails.
// Parameters with DontShow, and the engine's own common ones, are left out.

using System.Management.Automation;
using System.Reflection;
using System.Xml.Linq;
using Tessera.HelpWriter;

if (args is not [string assemblyPath, string documentationPath, string helpPath])
{
    Console.Error.WriteLine("Usage: <module assembly> <XML documentation file> <help file to write>");
    return 2;
}

Type[] cmdletTypes = [.. Assembly.LoadFrom(Path.GetFullPath(assemblyPath)).GetExportedTypes()
    .Where(type => !type.IsAbstract && type.GetCustomAttribute<CmdletAttribute>() is not null)
    .OrderBy(CmdletHelp.NameOf, StringComparer.Ordinal)];
var documentation = new XmlDocumentation(XDocument.Load(documentationPath), cmdletTypes);
CmdletHelp[] cmdlets = [.. cmdletTypes.Select(type => new CmdletHelp(type, documentation))];

string[] problems = [.. cmdlets.SelectMany(cmdlet => cmdlet.FindProblems())];
foreach (string problem in problems)
{
    // The form that MSBuild reads as an error.
    Console.Error.WriteLine($"{documentationPath}: error TESSERA003: {problem}");
}

if (problems.Length > 0)
{
    return 1;
}

Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(helpPath))!);
MamlDocument.Create(cmdlets).Save(helpPath);
return 0;
