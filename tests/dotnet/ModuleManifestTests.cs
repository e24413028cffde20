using System.Management.Automation;
using System.Reflection;
using Tessera.ScriptHost;

namespace Tessera.Tests;

/// <summary>The module's surface: what is exported, and that every cmdlet keeps PowerShell's conventions.</summary>
public sealed class ModuleManifestTests : IDisposable
{
    private static readonly string[] Commands =
    [
        "Backup-TesseraStore", "Connect-Tessera", "ConvertTo-TesseraJsonWebToken", "Disable-TesseraToken",
        "Disconnect-Tessera", "Enable-TesseraToken", "Export-TesseraSigningKey", "Export-TesseraToken",
        "Find-TesseraToken", "Get-TesseraAuditEvent",
        "Get-TesseraIdentity", "Get-TesseraOrganization", "Get-TesseraProfile", "Get-TesseraRole",
        "Get-TesseraSigningKey", "Get-TesseraStore", "Get-TesseraToken", "Grant-TesseraToken", "Import-TesseraToken",
        "New-TesseraIdentity",
        "New-TesseraJsonWebToken", "New-TesseraOrganization", "New-TesseraProfile", "New-TesseraRole",
        "New-TesseraSigningKey", "Optimize-TesseraStore", "Remove-TesseraIdentity", "Remove-TesseraOrganization",
        "Remove-TesseraProfile", "Remove-TesseraRole", "Remove-TesseraSigningKey", "Remove-TesseraToken",
        "Restore-TesseraStore", "Revoke-TesseraSigningKey", "Revoke-TesseraToken", "Set-TesseraIdentity",
        "Set-TesseraOrganization", "Set-TesseraProfile", "Set-TesseraRole", "Set-TesseraToken", "Test-TesseraAuditLog",
        "Test-TesseraJsonWebToken", "Test-TesseraStore", "Test-TesseraToken", "Update-TesseraToken",
    ];

    private readonly ModuleSession _session = new(isConnected: false);

    public static TheoryData<string> AllCommands => [.. Commands];

    public void Dispose() => _session.Dispose();

    [Fact]
    public void Module_has_the_commands_of_its_manifest_and_nothing_else()
    {
        string manifest = Path.Combine(HostedEngine.FindModulePath(), "Tessera", "Tessera.psd1");
        object?[] declared = _session.Run(
            $"[System.Management.Automation.Language.Parser]::ParseFile('{manifest}', [ref] $null, [ref] $null).Find({{ $args[0] -is [System.Management.Automation.Language.HashtableAst] }}, $false).SafeGetValue().CmdletsToExport");
        object?[] exported = _session.Run("(Get-Command -Module Tessera).Name");
        object?[] implemented = [.. CmdletTypes().Select(NameOf)];

        Assert.Equal(Commands, exported.Order());
        Assert.Equal(Commands, declared.Order());
        Assert.Equal(Commands, implemented.Order());
    }

    [Fact]
    public void Module_is_found_without_being_loaded()
    {
        Assert.Equal("Tessera", _session.Run("Remove-Module Tessera; (Get-Command Grant-TesseraToken).ModuleName").Single());
    }

    [Theory]
    [MemberData(nameof(AllCommands))]
    public void Verb_is_approved(string command)
    {
        string verb = command.Split('-')[0];

        Assert.Contains(verb, ApprovedVerbs());
    }

    [Theory]
    [MemberData(nameof(AllCommands))]
    public void Output_type_is_declared(string command)
    {
        Assert.NotEmpty(CmdletType(command).GetCustomAttributes<OutputTypeAttribute>());
    }

    [Theory]
    [MemberData(nameof(AllCommands))]
    public void Command_that_changes_something_can_be_rehearsed(string command)
    {
        string verb = command.Split('-')[0];
        CmdletAttribute cmdlet = CmdletType(command).GetCustomAttribute<CmdletAttribute>()!;

        Assert.Equal(verb is not ("Get" or "Test" or "ConvertTo"), cmdlet.SupportsShouldProcess);
        Assert.Equal(verb is "Revoke" or "Remove" or "Restore" or "Find", cmdlet.ConfirmImpact == ConfirmImpact.High);
    }

    [Theory]
    [MemberData(nameof(AllCommands))]
    public void Command_takes_the_store_to_work_on_unless_it_needs_none(string command)
    {
        bool needsNone = command is "Connect-Tessera" or "ConvertTo-TesseraJsonWebToken" or "Restore-TesseraStore";

        Assert.NotEqual(needsNone, CmdletType(command).GetProperty("Store") is not null);
    }

    [Theory]
    [MemberData(nameof(AllCommands))]
    public void Secret_is_taken_by_a_type_that_hides_it(string command)
    {
        foreach (PropertyInfo parameter in CmdletType(command).GetProperties().Where(property => property.Name is "Token" or "Password" or "SigningKey" or "Passphrase"))
        {
            Assert.Equal("SecretText", parameter.PropertyType.Name);
            object bound = parameter.GetCustomAttribute<ArgumentTransformationAttribute>()!.Transform(null!, "secret");
            Assert.Equal("***", bound.ToString());
            Assert.DoesNotContain(bound.GetType().GetProperties(), property => property.CanRead);
        }
    }

    [Theory]
    [MemberData(nameof(AllCommands))]
    public void Variable_that_holds_nothing_never_widens_what_a_command_does(string command)
    {
        // Free text only describes.
        IEnumerable<PropertyInfo> optional = CmdletType(command).GetProperties().Where(property =>
            property.GetCustomAttributes<ParameterAttribute>().Any(parameter => !parameter.Mandatory)
            && property.Name is not ("Remark" or "Reason")
            && (!property.PropertyType.IsValueType || Nullable.GetUnderlyingType(property.PropertyType) is not null)
            && property.PropertyType.Name != "SecretText");
        foreach (PropertyInfo parameter in optional)
        {
            Assert.True(
                parameter.IsDefined(typeof(ValidateNotNullAttribute)) || parameter.IsDefined(typeof(ValidateNotNullOrEmptyAttribute)),
                $"{command} -{parameter.Name} takes $null for not given.");
        }
    }

    private static Type[] CmdletTypes() =>
        [.. ModuleAssembly().GetExportedTypes().Where(type => type.GetCustomAttribute<CmdletAttribute>() is not null)];

    private static Type CmdletType(string command) => CmdletTypes().Single(type => NameOf(type) == command);

    private static string NameOf(Type type)
    {
        CmdletAttribute cmdlet = type.GetCustomAttribute<CmdletAttribute>()!;
        return $"{cmdlet.VerbName}-{cmdlet.NounName}";
    }

    private static Assembly ModuleAssembly() =>
        AppDomain.CurrentDomain.GetAssemblies().Last(assembly => assembly.GetName().Name == "Tessera.PowerShell");

    // Get-Verb is not part of the engine; its list is: each class of verbs holds one constant a verb.
    private static IEnumerable<string> ApprovedVerbs() =>
        typeof(VerbsCommon).Assembly.GetExportedTypes()
            .Where(type => type.Namespace == typeof(VerbsCommon).Namespace && type.Name.StartsWith("Verbs", StringComparison.Ordinal))
            .SelectMany(type => type.GetFields(BindingFlags.Public | BindingFlags.Static))
            .Select(field => field.Name);
}
