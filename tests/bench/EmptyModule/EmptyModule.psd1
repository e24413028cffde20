# The least that a module of compiled cmdlets can be.
@{
    RootModule           = 'EmptyModule.dll'
    ModuleVersion        = '0.0.1'
    GUID                 = '4a0b8d51-6f0c-4b3b-9d6e-3f1f0f2f6a57'
    PowerShellVersion    = '7.6'
    CompatiblePSEditions = @('Core')
    CmdletsToExport      = @('Invoke-Nothing')
    FunctionsToExport    = @()
    VariablesToExport    = @()
    AliasesToExport      = @()
}
