using System.Management.Automation;
using System.Management.Automation.Language;

namespace Tessera.ScriptHost;

/// <summary>
/// Reads which commands a script uses from its syntax tree, without running it: a script that keeps to the engine's
/// core and to Tessera runs anywhere the engine does.
/// </summary>
public static class ScriptCommands
{
    private static readonly string[] AllowedModules = ["Tessera", "Microsoft.PowerShell.Core"];

    /// <summary>Lists the uses of commands from elsewhere.</summary>
    /// <param name="path">The script file.</param>
    /// <param name="engine">The engine that is asked which module a command belongs to.</param>
    /// <returns>One line a use, <c>line: text</c>; empty when all commands are of Tessera, of the core, or functions
    /// that the script, or one beside it that it dot-sources, defines. A command whose name is only known at run time counts as from elsewhere.</returns>
    /// <exception cref="ParseException">The file is not a PowerShell script.</exception>
    public static IReadOnlyList<string> FindForeign(string path, HostedEngine engine)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ScriptBlockAst script = Parse(path);
        CommandAst[] commands = [.. Find<CommandAst>(script)];
        string[] dotSourced = [.. commands.Select(DotSourced).OfType<string>()];
        IEnumerable<ScriptBlockAst> scripts = dotSourced
            .Select(name => Parse(Path.Combine(Path.GetDirectoryName(path)!, name)))
            .Prepend(script);
        var own = new HashSet<string>(
            scripts.SelectMany(Find<FunctionDefinitionAst>).Select(function => function.Name),
            StringComparer.OrdinalIgnoreCase);
        return [.. commands
            .Where(command => DotSourced(command) is null && !IsAllowed(command, own, engine))
            .Select(command => $"{command.Extent.StartLineNumber}: {command.Extent.Text}")];
    }

    private static ScriptBlockAst Parse(string path)
    {
        ScriptBlockAst script = Parser.ParseFile(Path.GetFullPath(path), out _, out ParseError[] errors);
        return errors.Length > 0 ? throw new ParseException(errors) : script;
    }

    private static IEnumerable<T> Find<T>(ScriptBlockAst script)
        where T : Ast => script.FindAll(node => node is T, searchNestedScriptBlocks: true).Cast<T>();

    /// <summary>The name of the script beside this one that a command like <c>. "$PSScriptRoot/common.ps1"</c> runs.</summary>
    private static string? DotSourced(CommandAst command)
    {
        const string Beside = "$PSScriptRoot/";
        return command.InvocationOperator == TokenKind.Dot
            && command.CommandElements[0] is ExpandableStringExpressionAst { Value: { } path }
            && path.StartsWith(Beside, StringComparison.Ordinal)
            ? path[Beside.Length..]
            : null;
    }

    private static bool IsAllowed(CommandAst command, HashSet<string> own, HostedEngine engine)
    {
        // `& { ... }` runs a block of this very script; what is in it is looked at by itself.
        if (command.CommandElements[0] is ScriptBlockExpressionAst || IsOwnBlock(command))
        {
            return true;
        }

        return command.GetCommandName() is { } name
            && (own.Contains(name) || AllowedModules.Contains(engine.FindCommand(name)?.ModuleName));
    }

    /// <summary>Whether the command is <c>&amp; $block</c>, of a parameter that takes script blocks: whoever calls the function
    /// has written the block, and is looked at as well.</summary>
    private static bool IsOwnBlock(CommandAst command)
    {
        Ast node = command;
        while (node is not (FunctionDefinitionAst or null))
        {
            node = node.Parent;
        }

        return command.CommandElements[0] is VariableExpressionAst variable
            && node is FunctionDefinitionAst { Parameters: { } parameters }
            && parameters.Any(parameter => parameter.StaticType == typeof(ScriptBlock)
                && parameter.Name.VariablePath.UserPath == variable.VariablePath.UserPath);
    }
}
