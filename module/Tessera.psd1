# The build copies this file to module/bin/Tessera and stamps ModuleVersion with the version in Cargo.toml.
@{
    RootModule           = 'Tessera.PowerShell.dll'
    ModuleVersion        = '0.0.0'
    GUID                 = 'e3ac712d-d30a-4047-9de0-ad72c43bd9a1'
    Author               = 'The Tessera contributors'
    CompanyName          = 'The Tessera contributors'
    Copyright            = 'The Tessera contributors. Licensed under MIT or Apache-2.0, as you choose.'
    Description          = 'Issues, stores, checks, rotates and revokes API tokens in your own process, on an embedded database.'

    PowerShellVersion    = '7.6'
    CompatiblePSEditions = @('Core')

    FormatsToProcess     = @('Tessera.Format.ps1xml')

    # Named one by one, so that the engine can find them without loading the module.
    CmdletsToExport      = @(
        'Connect-Tessera'
        'Disconnect-Tessera'
        'Get-TesseraStore'
        'Test-TesseraStore'
        'Backup-TesseraStore'
        'Restore-TesseraStore'
        'Optimize-TesseraStore'
        'Grant-TesseraToken'
        'Get-TesseraToken'
        'Test-TesseraToken'
        'Update-TesseraToken'
        'Disable-TesseraToken'
        'Enable-TesseraToken'
        'Find-TesseraToken'
        'Revoke-TesseraToken'
        'Remove-TesseraToken'
        'Set-TesseraToken'
        'Export-TesseraToken'
        'Import-TesseraToken'
        'New-TesseraIdentity'
        'Get-TesseraIdentity'
        'Set-TesseraIdentity'
        'Remove-TesseraIdentity'
        'New-TesseraRole'
        'Get-TesseraRole'
        'Set-TesseraRole'
        'Remove-TesseraRole'
        'New-TesseraOrganization'
        'Get-TesseraOrganization'
        'Set-TesseraOrganization'
        'Remove-TesseraOrganization'
        'New-TesseraProfile'
        'Get-TesseraProfile'
        'Set-TesseraProfile'
        'Remove-TesseraProfile'
        'New-TesseraSigningKey'
        'Get-TesseraSigningKey'
        'Revoke-TesseraSigningKey'
        'Remove-TesseraSigningKey'
        'Export-TesseraSigningKey'
        'Get-TesseraAuditEvent'
        'Test-TesseraAuditLog'
        'New-TesseraJsonWebToken'
        'ConvertTo-TesseraJsonWebToken'
        'Test-TesseraJsonWebToken'
    )
    FunctionsToExport    = @()
    VariablesToExport    = @()
    AliasesToExport      = @()

    PrivateData          = @{
        PSData = @{
            Tags = @('Token', 'ApiToken', 'Jwt', 'Authentication', 'Revocation', 'Sqlite', 'PSEdition_Core', 'Windows', 'Linux', 'MacOS')
        }
    }
}
