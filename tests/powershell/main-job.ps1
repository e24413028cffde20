#Requires -Version 7.6

<#
.SYNOPSIS
    Tessera's main job from end to end: grant a token, check it, rotate it, revoke it, check again.
.DESCRIPTION
    Works on a store in a temporary folder of its own and leaves nothing behind. Fails with exit code 1 at the first
    step that does not do what it should. Each object goes to Out-Host by itself: in one pipeline with others of another
    type the engine would show it without its view. Uses Tessera's commands and those of the engine's core, nothing else, so
    that it runs in pwsh and in any other host of the engine.
#>

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# Installed, or as it was built in this repository.
Import-Module Tessera -ErrorAction Ignore
if (-not (Get-Module Tessera)) {
    Import-Module ([IO.Path]::Combine($PSScriptRoot, '..', '..', 'module', 'bin', 'Tessera', 'Tessera.psd1'))
}

function Assert([bool] $Condition, [string] $What) {
    if (-not $Condition) {
        throw "Expected, and not so: $What"
    }
}

# The whole suite keeps every store, and looks through them at its end.
$kept = $Env:TESSERA_TEST_KEEP_STORES
$folder = if ($kept) { [IO.Path]::Combine($kept, "script-$([guid]::NewGuid().ToString('N'))") } else { [IO.Directory]::CreateTempSubdirectory('tessera-').FullName }
if ($kept) {
    $null = [IO.Directory]::CreateDirectory($folder)
}
try {
    '== A store: one file, and its key in another =='
    Connect-Tessera ([IO.Path]::Combine($folder, 'tokens.db')) -Issuer 'https://tokens.example'
    Get-TesseraStore | Out-Host

    '== An identity, with a role =='
    New-TesseraIdentity Adam -Role Operator | Out-Host

    '== A token for it, that may only read: its value is given out once =='
    $grant = Grant-TesseraToken -Identity Adam -Role Reader -ExpiresIn 30.00:00:00 -Name nightly -Tag build
    $grant | Out-Host
    Assert ($grant.Token -is [securestring]) 'the value is a SecureString'

    '== What the store knows of it: never the value =='
    Get-TesseraToken -Identity Adam | Out-Host

    '== Somebody presents it =='
    $mayRead = Test-TesseraToken $grant.Token -Role Reader
    $mayOperate = Test-TesseraToken $grant.Token -Role Operator
    "May it read?    $mayRead"
    "May it operate? $mayOperate"
    Assert $mayRead 'the token has the role that it was granted'
    Assert (-not $mayOperate) 'the token lacks a role that only its identity has'
    Test-TesseraToken $grant.Token -Role Reader -Detailed | Out-Host

    '== A JSON Web Token, which others can read and verify too =='
    New-TesseraSigningKey -Algorithm ES256 | Out-Host
    $webGrant = Grant-TesseraToken -Identity Adam -Format Jwt -Audience 'https://api.example' -ExpiresIn 0.01:00:00
    $webToken = $webGrant | ConvertTo-TesseraJsonWebToken
    'Its header:'
    $webToken.Header | Out-Host
    'Its claims:'
    $webToken.Payload | Out-Host
    Assert ($webToken.Id -eq $webGrant.Id) 'the claim jti is the public id'
    Assert (Test-TesseraToken $webGrant.Token -Audience 'https://api.example') 'the JSON Web Token is good for its audience'
    Assert (-not (Test-TesseraToken $webGrant.Token -Audience 'https://other.example')) 'the JSON Web Token is for no other audience'

    '== The first token is rotated: its successor takes over when it is first used =='
    $old = $grant
    $vault = @{}
    $grant = Update-TesseraToken $old -Vault { param($value, $token) $vault[$token.Name] = $value }
    $grant | Out-Host
    $waiting = Test-TesseraToken $old.Token
    $isGood = Test-TesseraToken $vault['nightly'] -Role Reader
    $rotated = Test-TesseraToken $old.Token -Detailed
    "The old value, until then: $waiting"
    "The new value:             $isGood"
    "The old value:             $($rotated.Outcome)"
    Assert ($null -eq $grant.Token) 'the vault has the new value, and nobody else'
    Assert $waiting 'the old value is good until the new one is used'
    Assert $isGood 'the new value has the role that the old one had'
    Assert ($rotated.Outcome -eq 'Revoked') 'the old value is refused from the first use of the new one on'

    '== Both are revoked =='
    $grant, $webGrant | Revoke-TesseraToken -Reason 'The main job is done' -Confirm:$false
    Get-TesseraToken -State Revoked | Out-Host

    '== Somebody presents them again =='
    $after = Test-TesseraToken $vault['nightly'] -Detailed
    $webAfter = Test-TesseraToken $webGrant.Token -Detailed
    "The opaque token:   $($after.Outcome)"
    "The JSON Web Token: $($webAfter.Outcome)"
    Assert ($after.Outcome -eq 'Revoked') 'the opaque token is refused after its revocation'
    Assert ($webAfter.Outcome -eq 'Revoked') 'the JSON Web Token is refused after its revocation'

    '== Done =='
}
finally {
    Disconnect-Tessera
    if (-not $kept) {
        [IO.Directory]::Delete($folder, $true)
    }
}
