using System.Management.Automation;

namespace Tessera.Tests;

/// <summary>Errors have stable ids, fitting categories, and the object that they are about.</summary>
public sealed class ModuleErrorTests : IDisposable
{
    private readonly ModuleSession _session = new();

    public ModuleErrorTests() => _session.Run("$null = New-TesseraIdentity Adam -Role Operator; $grant = Grant-TesseraToken Adam");

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("Get-TesseraToken AAAAAAAAAAAA", "NotFound", ErrorCategory.ObjectNotFound, "AAAAAAAAAAAA")]
    [InlineData("Revoke-TesseraToken AAAAAAAAAAAA -Confirm:$false", "NotFound", ErrorCategory.ObjectNotFound, "AAAAAAAAAAAA")]
    [InlineData("Remove-TesseraToken AAAAAAAAAAAA -Confirm:$false", "NotFound", ErrorCategory.ObjectNotFound, "AAAAAAAAAAAA")]
    [InlineData("Disable-TesseraToken AAAAAAAAAAAA", "NotFound", ErrorCategory.ObjectNotFound, "AAAAAAAAAAAA")]
    [InlineData("Enable-TesseraToken AAAAAAAAAAAA", "NotFound", ErrorCategory.ObjectNotFound, "AAAAAAAAAAAA")]
    [InlineData("Update-TesseraToken AAAAAAAAAAAA", "NotFound", ErrorCategory.ObjectNotFound, "AAAAAAAAAAAA")]
    [InlineData("Revoke-TesseraToken -Identity Nobody -Confirm:$false", "NotFound", ErrorCategory.ObjectNotFound, "Nobody")]
    [InlineData("Set-TesseraToken AAAAAAAAAAAA -Remark x", "NotFound", ErrorCategory.ObjectNotFound, "AAAAAAAAAAAA")]
    [InlineData("Get-TesseraIdentity Nobody", "NotFound", ErrorCategory.ObjectNotFound, "Nobody")]
    [InlineData("Set-TesseraIdentity Nobody -Role Reader", "NotFound", ErrorCategory.ObjectNotFound, "Nobody")]
    [InlineData("Remove-TesseraIdentity Nobody -Confirm:$false", "NotFound", ErrorCategory.ObjectNotFound, "Nobody")]
    [InlineData("Get-TesseraRole Nobody", "NotFound", ErrorCategory.ObjectNotFound, "Nobody")]
    [InlineData("Get-TesseraSigningKey none", "NotFound", ErrorCategory.ObjectNotFound, "none")]
    [InlineData("Revoke-TesseraSigningKey none -Confirm:$false", "NotFound", ErrorCategory.ObjectNotFound, "none")]
    [InlineData("Remove-TesseraSigningKey none -Confirm:$false", "NotFound", ErrorCategory.ObjectNotFound, "none")]
    [InlineData("Export-TesseraSigningKey none", "NotFound", ErrorCategory.ObjectNotFound, "none")]
    [InlineData("Grant-TesseraToken Nobody", "NotFound", ErrorCategory.ObjectNotFound, "Nobody")]
    [InlineData("New-TesseraIdentity ADAM", "AlreadyExists", ErrorCategory.ResourceExists, "ADAM")]
    [InlineData("Grant-TesseraToken Adam -Role Administrator", "NotPermitted", ErrorCategory.PermissionDenied, "Adam")]
    [InlineData("Grant-TesseraToken Adam -ExpiresIn 0", "InvalidArgument", ErrorCategory.InvalidArgument, "Adam")]
    [InlineData("Get-TesseraToken 'not an id'", "InvalidArgument", ErrorCategory.InvalidArgument, null)]
    [InlineData("Set-TesseraToken $grant", "InvalidArgument", ErrorCategory.InvalidArgument, null)]
    [InlineData("Set-TesseraIdentity Adam", "InvalidArgument", ErrorCategory.InvalidArgument, null)]
    [InlineData("Set-TesseraIdentity Adam -Password ''", "InvalidArgument", ErrorCategory.InvalidArgument, null)]
    [InlineData("ConvertTo-TesseraJsonWebToken none", "MalformedToken", ErrorCategory.InvalidData, null)]
    [InlineData("Test-TesseraJsonWebToken none -SigningKey short", "KeyRefused", ErrorCategory.SecurityError, null)]
    [InlineData("Connect-Tessera nowhere:/tokens.db", "StorePath", ErrorCategory.OpenError, "nowhere:/tokens.db")]
    [InlineData("Connect-Tessera Env:/PATH", "NotAFilePath", ErrorCategory.InvalidArgument, "Env:/PATH")]
    [InlineData("$other = Connect-Tessera \"$([IO.Path]::GetTempPath())/$([guid]::NewGuid())/x\" -PassThru", "StorePath", ErrorCategory.OpenError, "*")]
    [InlineData("$store = [Tessera.TokenStore]::Open((Get-TesseraStore).Path); $store.Dispose(); Get-TesseraToken -Store $store", "StoreClosed", ErrorCategory.InvalidOperation, null)]
    [InlineData("$store = [Tessera.TokenStore]::Open((Get-TesseraStore).Path); $store.Dispose(); $ConfirmPreference = 'None'; Revoke-TesseraToken -All -Store $store", "StoreClosed", ErrorCategory.InvalidOperation, null)]
    public void Error_has_its_id_category_and_target(string script, string id, ErrorCategory category, string? target)
    {
        ErrorRecord error = _session.Error(script);

        Assert.Equal($"Tessera.{id}", error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.Equal(category, error.CategoryInfo.Category);
        if (target != "*")
        {
            Assert.Equal(target, error.TargetObject?.ToString());
        }
    }

    [Theory]
    [InlineData("Test-TesseraToken $grant -Role $null")]
    [InlineData("Test-TesseraToken $grant -Audience $null")]
    [InlineData("Test-TesseraJsonWebToken x -Audience $null")]
    [InlineData("Grant-TesseraToken Adam -Role $null")]
    [InlineData("Grant-TesseraToken Adam -Role @()")]
    [InlineData("Get-TesseraToken $null")]
    [InlineData("Get-TesseraToken @()")]
    [InlineData("$null | Get-TesseraToken")]
    [InlineData("Get-TesseraToken -Identity $null")]
    [InlineData("Get-TesseraToken -State $null")]
    [InlineData("Revoke-TesseraToken -Identity $null -Confirm:$false")]
    [InlineData("Revoke-TesseraToken -Tag '' -Confirm:$false")]
    [InlineData("Update-TesseraToken $grant -Vault $null")]
    [InlineData("Update-TesseraToken $grant -Grace $null")]
    [InlineData("Update-TesseraToken $grant -IdempotencyKey ''")]
    [InlineData("Get-TesseraIdentity $null")]
    [InlineData("Set-TesseraIdentity Adam -Role $null")]
    [InlineData("Get-TesseraToken -Store $null")]
    public void Nothing_is_no_argument(string script)
    {
        ErrorRecord error = _session.Error($"@({script})");

        Assert.StartsWith("Parameter", error.FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Get-TesseraToken AAAAAAAAAAAA", "Get-TesseraToken lists them.")]
    [InlineData("New-TesseraIdentity Eve -Role Nobody", "Get-TesseraRole lists them.")]
    [InlineData("Get-TesseraRole Nobody", "Get-TesseraRole lists them.")]
    [InlineData("Get-TesseraIdentity Nobody", "Get-TesseraIdentity lists them.")]
    [InlineData("Grant-TesseraToken Nobody", "Get-TesseraIdentity lists them.")]
    [InlineData("Revoke-TesseraToken -Organization Nobody -Confirm:$false", "Get-TesseraOrganization lists them.")]
    [InlineData("Set-TesseraRole Nobody -Include Reader -WhatIf", "Get-TesseraRole lists them.")]
    [InlineData("Get-TesseraSigningKey none", "Get-TesseraSigningKey lists them, and New-TesseraSigningKey makes one.")]
    [InlineData("New-TesseraJsonWebToken @{ sub = 'a'; aud = 'b'; client_id = 'a' }", "Get-TesseraSigningKey lists them, and New-TesseraSigningKey makes one.")]
    public void Error_names_the_command_that_helps_on(string script, string advice)
    {
        ErrorRecord error = _session.Error(script);

        Assert.EndsWith($". {advice}", error.ToString(), StringComparison.Ordinal);
        Assert.Equal(advice, error.ErrorDetails.RecommendedAction);
        Assert.DoesNotContain("Tessera", error.Exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Connect-Tessera ([IO.Path]::Combine($folder, $value, 'tokens.db'))", "Tessera.StoreException")]
    [InlineData("Get-TesseraRole $value -ErrorAction Stop", "Tessera.NotFoundException")]
    public void Error_without_the_secret_is_still_caught_by_its_type(string script, string type)
    {
        _session.Run($"$folder = '{_session.Folder}'; $value = (Grant-TesseraToken Adam -AsPlainText).Token");

        Assert.Contains("***", (string)_session.Engine.Invoke($"try {{ {script} }} catch [{type}] {{ \"$_\" }}").Single().BaseObject, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    [InlineData("backup_9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    [InlineData("AVeryLongFolderNameThatSomebodyChoseForReasonsOfTheirOwn")]
    public void Ordinary_path_is_shown_as_it_is(string folder)
    {
        string path = Path.Combine(_session.Folder, folder, "tokens.db");

        Assert.Contains(path, _session.Error($"Connect-Tessera '{path}'").ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_kind_of_failure_has_a_category()
    {
        Type errors = AppDomain.CurrentDomain.GetAssemblies()
            .Last(assembly => assembly.GetName().Name == "Tessera.PowerShell").GetType("Tessera.PowerShell.Errors")!;

        foreach (ErrorCode code in Enum.GetValues<ErrorCode>().Where(code => code is not (ErrorCode.None or ErrorCode.Internal)))
        {
            var record = (ErrorRecord)errors.GetMethod("From")!.Invoke(null, [new TesseraException(code, "message"), "target", null])!;

            Assert.Equal($"Tessera.{code}", record.FullyQualifiedErrorId);
            Assert.NotEqual(ErrorCategory.NotSpecified, record.CategoryInfo.Category);
        }
    }

    [Fact]
    public void Failure_to_open_a_store_ends_the_command_and_names_the_store()
    {
        string text = Path.Combine(_session.Folder, "text.db");
        File.WriteAllText(text, new string('x', 5000));

        ErrorRecord error = _session.Error($"Connect-Tessera '{text}'; 'not reached'");

        Assert.Equal("Tessera.StoreForeign", error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.Contains(text, error.ToString(), StringComparison.Ordinal);
        Assert.Equal(text, error.TargetObject);
        Assert.Equal(_session.Path, _session.Single<StoreStatus>("Get-TesseraStore").Path);
    }
}
