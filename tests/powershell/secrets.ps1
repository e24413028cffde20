#Requires -Version 7.6

<#
.SYNOPSIS
    Uses every command that takes or gives a secret, well and badly, with every stream shown.
.DESCRIPTION
    Leaves the secrets in $Secrets and the objects that scripts get in $Objects, for a test to search all that was
    shown and kept for them. Shows no secret by itself: it neither asks for plain text to be shown nor inspects a token
    as a whole.
#>

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Continue'
$VerbosePreference = 'Continue'
$DebugPreference = 'Continue'
$InformationPreference = 'Continue'
$WarningPreference = 'Continue'

Import-Module Tessera -ErrorAction Ignore -Verbose:$false
if (-not (Get-Module Tessera)) {
    Import-Module ([IO.Path]::Combine($PSScriptRoot, '..', '..', 'module', 'bin', 'Tessera', 'Tessera.psd1')) -Verbose:$false
}

$global:Secrets = [Collections.Generic.List[string]]::new()
$global:Objects = [Collections.Generic.List[object]]::new()

function Secret([string] $Text) {
    $global:Secrets.Add($Text)
    $Text
}

# The whole suite keeps every store, and looks through them at its end.
$kept = $Env:TESSERA_TEST_KEEP_STORES
$folder = if ($kept) { [IO.Path]::Combine($kept, "script-$([guid]::NewGuid().ToString('N'))") } else { [IO.Directory]::CreateTempSubdirectory('tessera-').FullName }
if ($kept) {
    $null = [IO.Directory]::CreateDirectory($folder)
}
try {
    Connect-Tessera ([IO.Path]::Combine($folder, 'tokens.db')) -Issuer 'https://tokens.example'
    $password = Secret 'correct horse battery staple'
    New-TesseraIdentity Adam -Role Operator -Password $password | Out-Host
    Set-TesseraIdentity Adam -Password (Secret 'Tr0ub4dor&3') -Role Reader -PassThru | Out-Host
    $opaque = Grant-TesseraToken Adam -Name nightly
    $web = Grant-TesseraToken Adam -Format Jwt -Audience 'https://api.example'
    $minted = New-TesseraJsonWebToken @{ sub = 'Adam'; aud = 'https://api.example'; client_id = 'Adam' }
    $key = Secret 'SuperSecretKey'
    $dashboard = [ordered] @{
        'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name' = 'Adam'
        'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/hash' = "$([guid]::NewGuid())"
        sub = 'UniversalDashboard'
        aud = 'UniversalDashboard'
    }
    $weak = New-TesseraJsonWebToken $dashboard -Kind UniversalDashboard -SigningKey $key
    foreach ($value in $opaque.Token, $web.Token, $minted, $weak) {
        $null = Secret ([Net.NetworkCredential]::new('', $value).Password)
    }
    $text = $Secrets[3]
    $webText = $Secrets[4]
    $new = Update-TesseraToken $opaque -Mode Grace -Grace 1:00:00
    $null = Secret ([Net.NetworkCredential]::new('', $new.Token).Password)
    $newText = $Secrets[7]

    '== Shown =='
    $opaque | Out-Host
    $opaque, $web | Out-Host
    $new | Out-Host
    "$new $($new.Token)"
    Update-TesseraToken $web -Vault { $script:vault = $_ } | Out-Host
    Disable-TesseraToken $new -Reason 'For now'
    Enable-TesseraToken $new
    $minted | Out-Host
    "$opaque $($opaque.Token) $web $minted"
    Get-TesseraToken | Out-Host
    Test-TesseraToken $text -Detailed | Out-Host
    Test-TesseraToken $opaque -Role Reader
    Test-TesseraToken $webText -Audience 'https://api.example' -Detailed | Out-Host
    Test-TesseraJsonWebToken $webText -Audience 'https://api.example'
    Test-TesseraJsonWebToken $weak -Kind UniversalDashboard -SigningKey $key
    $web | ConvertTo-TesseraJsonWebToken | ForEach-Object { "$_"; $_.Header | Out-Host }
    Set-TesseraToken $opaque -Remark 'Where it is used' -PassThru | Out-Host
    Export-TesseraSigningKey
    $file = [IO.Path]::Combine($folder, 'tokens.jsonl')
    Export-TesseraToken $file -Passphrase $password | Out-Host
    Import-TesseraToken $file -Passphrase $password | Out-Host
    New-TesseraSigningKey -Profile UniversalDashboard -SigningKey $key | Out-Host
    Get-TesseraStore | Out-Host
    $Objects.AddRange([object[]] @($opaque, $web, $new, (Get-TesseraToken), (Test-TesseraToken $opaque -Detailed), (Get-TesseraIdentity), (Get-TesseraSigningKey), (Get-TesseraStore)))

    '== Signed in =='
    $adams = [pscredential]::new('Adam', [Net.NetworkCredential]::new('', $Secrets[1]).SecurePassword)
    $other = Connect-Tessera ([IO.Path]::Combine($folder, 'tokens.db')) -Credential $adams -PassThru
    "$($other.SignedInIdentity)"
    Grant-TesseraToken Adam -IdempotencyKey nightly -Store $other | Out-Host
    Disconnect-Tessera -Store $other
    $other = Connect-Tessera ([IO.Path]::Combine($folder, 'tokens.db')) -Token $new -PassThru -Verbose
    $Objects.Add($other)
    Connect-Tessera ([IO.Path]::Combine($folder, 'tokens.db'))
    Disconnect-Tessera -Store $other
    foreach ($misuse in @(
            { Connect-Tessera ([IO.Path]::Combine($folder, 'tokens.db')) -Credential ([pscredential]::new($text, $adams.Password)) }
            { Connect-Tessera ([IO.Path]::Combine($folder, 'tokens.db')) -Credential $password }
            { Connect-Tessera ([IO.Path]::Combine($folder, 'tokens.db')) -Token @($text, $webText) }
            { Connect-Tessera ([IO.Path]::Combine($folder, 'tokens.db')) -Token "$newText " }
        )) {
        try { 1 | ForEach-Object $misuse } catch { $_ | Out-Host }
    }

    '== Refused: each of these puts a secret where it does not belong =='
    Test-TesseraToken @($text, $webText)
    Test-TesseraToken @{ Token = $text }
    @{ Token = $text }, [pscustomobject] @{ Value = $text } | Test-TesseraToken
    Test-TesseraToken ([Text.StringBuilder]::new($text))
    Test-TesseraToken "$text " -Role $text
    Test-TesseraJsonWebToken $webText -SigningKey @($key)
    Test-TesseraJsonWebToken $webText -SigningKey $key
    ConvertTo-TesseraJsonWebToken "$webText="
    ConvertTo-TesseraJsonWebToken $text
    Get-TesseraToken $text, $webText
    Get-TesseraToken $text.Substring(0, 30)
    Revoke-TesseraToken $text -Confirm:$false
    Remove-TesseraToken $webText -Confirm:$false
    Set-TesseraToken $text -Remark x
    Update-TesseraToken $text
    Update-TesseraToken $new -IdempotencyKey $newText
    Update-TesseraToken $new -AsPlainText -Vault { $null = Secret $_; throw 'no room' }
    Disable-TesseraToken $newText
    Enable-TesseraToken $webText
    Revoke-TesseraToken -Identity $newText -Confirm:$false
    Revoke-TesseraToken -Profile $webText -Confirm:$false
    Revoke-TesseraToken -Organization $text -Confirm:$false
    Revoke-TesseraToken -KeyId $text -Confirm:$false
    Revoke-TesseraToken -Token @($text, $webText) -Confirm:$false
    Restore-TesseraStore ([IO.Path]::Combine($folder, $text)) ([IO.Path]::Combine($folder, $newText)) -Confirm:$false
    Get-TesseraIdentity $text, $webText
    Grant-TesseraToken $text
    Grant-TesseraToken Adam -Role $webText
    Grant-TesseraToken Adam -Format Jwt -KeyId $text
    New-TesseraIdentity Eve -Role $text
    Remove-TesseraIdentity $text -Confirm:$false
    Get-TesseraRole $text
    New-TesseraRole $text
    New-TesseraRole Mine -Include $webText
    Remove-TesseraRole $text -Confirm:$false
    Get-TesseraProfile $text
    New-TesseraProfile $text
    New-TesseraProfile Mine -BasedOn $webText
    New-TesseraProfile Mine -Prefix $text
    New-TesseraProfile Mine -DeniedOperation $text
    New-TesseraProfile Mine -DeniedEndpoint "/$text"
    Get-TesseraOrganization $text
    New-TesseraOrganization $text
    New-TesseraOrganization North -Member $webText
    Remove-TesseraOrganization $webText -Confirm:$false
    Grant-TesseraToken Adam -Profile $text
    Grant-TesseraToken Adam -Organization $webText
    Grant-TesseraToken Adam -IdempotencyKey $text
    Grant-TesseraToken Adam -Uri "https://api.example/?token=$text"
    Grant-TesseraToken Adam -Referrer $text
    Grant-TesseraToken Adam -AllowedAddress $text
    Grant-TesseraToken Adam -Operation $text
    Get-TesseraSigningKey $text
    Revoke-TesseraSigningKey $webText -Confirm:$false
    Export-TesseraSigningKey $text
    Export-TesseraToken ([IO.Path]::Combine($folder, $text)) -Passphrase @($password)
    Export-TesseraToken ([IO.Path]::Combine($folder, 'none', $text)) -Passphrase $password
    Import-TesseraToken $text -Passphrase $password
    Import-TesseraToken $file -Passphrase "$password."
    Import-TesseraToken $file -Passphrase $password -Profile $webText
    # Not to be left beside the store.
    [IO.File]::WriteAllText("$file.list", "{`"identity`":`"$text`",`"value`":`"$webText`"}`n{`"identity`":`"Adam`",`"value`":`"$text `"}`n")
    Import-TesseraToken "$file.list"
    [IO.File]::Delete("$file.list")
    New-TesseraSigningKey -Profile $text -SigningKey $key
    New-TesseraSigningKey -Profile Default -SigningKey $key
    New-TesseraIdentity Eve -Password @($password, $password)
    Set-TesseraIdentity Nobody -Password $password
    New-TesseraJsonWebToken @{ sub = 'Adam'; x = [Text.StringBuilder]::new($text) }
    '== What a command would do, and did: shown for an explicit switch only =='
    Grant-TesseraToken $text -Verbose
    Grant-TesseraToken $webText -WhatIf
    New-TesseraIdentity $webText -WhatIf
    New-TesseraIdentity $text -Verbose
    Connect-Tessera ([IO.Path]::Combine($folder, $text)) -WhatIf
    Backup-TesseraStore ([IO.Path]::Combine($folder, $webText)) -WhatIf
    Restore-TesseraStore ([IO.Path]::Combine($folder, $text)) ([IO.Path]::Combine($folder, $newText)) -WhatIf
    Revoke-TesseraToken -Tag $newText -WhatIf
    Revoke-TesseraToken -Tag $newText -Verbose -Confirm:$false
    Revoke-TesseraToken -Token $newText -WhatIf
    Backup-TesseraStore ([IO.Path]::Combine($folder, 'none', $text)) -Verbose
    Export-TesseraSigningKey -Path ([IO.Path]::Combine($folder, $text)) -WhatIf
    Export-TesseraSigningKey -Path ([IO.Path]::Combine($folder, 'none', $text)) -Verbose

    '== What the engine would repeat, if it had to convert it =='
    foreach ($misuse in @(
            { New-TesseraJsonWebToken $webText }
            { $webText | New-TesseraJsonWebToken }
            { New-TesseraJsonWebToken @{ sub = 'Adam' } -ExpiresIn $text }
            { New-TesseraJsonWebToken @{ sub = 'Adam' } -Kind $password }
            { Grant-TesseraToken Adam -ExpiresAt $text }
            { Grant-TesseraToken Adam -NotBefore $webText }
            { Grant-TesseraToken Adam -Format $text }
            { Update-TesseraToken AAAAAAAAAAAA -Mode $text }
            { Update-TesseraToken AAAAAAAAAAAA -Vault $webText }
            { Get-TesseraToken -State $password }
            { $text | Get-TesseraToken -State Active }
            { Get-TesseraToken -Store $text }
            { New-TesseraSigningKey $password }
            { Test-TesseraJsonWebToken $webText -At $text }
        )) {
        try { 1 | ForEach-Object $misuse } catch { $_ | Out-Host }
    }

    try { Connect-Tessera ([IO.Path]::Combine($folder, 'none', $text)) } catch { $_ | Out-Host }
    try { Connect-Tessera ([IO.Path]::Combine($folder, 'none', $webText)) } catch { $_ | Out-Host }

    '== Revoked =='
    Revoke-TesseraToken -Token $newText -Confirm:$false -Verbose
    $opaque, $web | Revoke-TesseraToken -Confirm:$false
    Remove-TesseraToken $opaque -WhatIf
    Remove-TesseraIdentity Adam -Confirm:$false
    Get-TesseraToken | Out-Host
}
finally {
    Disconnect-Tessera
    if (-not $kept) {
        [IO.Directory]::Delete($folder, $true)
    }
}
