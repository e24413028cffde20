#Requires -Version 7.6

<#
.SYNOPSIS
    The rules of "Managing and Rotating API Tokens with PowerShell" (Rubrik), with Tessera's commands.
#>

. "$PSScriptRoot/common.ps1"

Invoke-Scenario {
    $null = New-TesseraIdentity lambda -Role Operator -Password $Password
    $null = New-TesseraIdentity somebody -Role Reader -Password $Password

    'Expiration in minutes, 1 to 525600, and a tag of at most 20 characters'
    $grant = Invoke-As lambda { Grant-TesseraToken lambda -Profile Rubrik -ExpiresIn ([timespan]::FromMinutes(600)) -Tag 'aws-us-west-1-lambda' }
    $token = Get-TesseraToken $grant.Id
    Assert ($token.ExpiresAt - $token.CreatedAt -eq [timespan]::FromMinutes(600)) 'it lives for the 600 minutes that were asked for'
    Assert ($token.Tags -join ' ' -eq 'aws-us-west-1-lambda') 'it has its tag'
    $plain = Grant-TesseraToken lambda -Profile Rubrik
    Assert ((Get-TesseraToken $plain.Id).Tags -join ' ' -eq 'API Token') 'without a tag it is called API Token'
    $plain = Get-TesseraToken $plain.Id
    Assert ($plain.ExpiresAt - $plain.CreatedAt -eq [timespan]::FromHours(1)) 'without a duration it lives for an hour'
    $null = Grant-TesseraToken lambda -Profile Rubrik -ExpiresIn ([timespan]::FromMinutes(525600))
    foreach ($minutes in 0.5, 525601) {
        Assert-Refused { Grant-TesseraToken lambda -Profile Rubrik -ExpiresIn ([timespan]::FromMinutes($minutes)) } NotPermitted "$minutes minutes are refused"
    }
    Assert-Refused { Grant-TesseraToken lambda -Profile Rubrik -NoExpiry } NotPermitted 'a token without an end is refused'
    Assert-Refused { Grant-TesseraToken lambda -Profile Rubrik -Tag 'aws-us-west-1-lambda-2' } InvalidArgument 'a tag of 22 characters is refused'

    'The value is there when it is generated, and not in the list'
    Assert ($grant.Token -is [securestring]) 'the value is given out'
    Assert (-not $token.PSObject.Properties['Token']) 'the list has no value'

    'Permissions, role and scope are those of the user'
    Assert-Outcome Valid $grant @{ Role = 'Operator' }
    Assert-Outcome RoleDenied $grant @{ Role = 'Administrator' }
    $null = Set-TesseraIdentity lambda -Role Reader -Confirm:$false
    Assert-Outcome RoleDenied $grant @{ Role = 'Operator' }
    $null = Set-TesseraIdentity lambda -Role Administrator -Confirm:$false
    Assert-Outcome RoleDenied $grant @{ Role = 'Administrator' }

    'What no API token may do, whatever its role'
    $strong = Grant-TesseraToken lambda -Profile Rubrik
    foreach ($operation in 'session.create', 'token.grant', 'identity.create', 'identity.update', 'mfa.update', 'mfa.remove', 'preference.update', 'ldap.create', 'ldap.update', 'ldap.remove') {
        Assert-Outcome OperationDenied $strong @{ Operation = $operation }
    }
    Assert-Outcome Valid $strong @{ Operation = 'sla.read' }
    Assert-Refused { Invoke-As $strong { } } NotPermitted 'a token opens no session, so it grants no token and makes no account'

    'A list of all known tokens of the user'
    Invoke-As somebody {
        Assert (@(Get-TesseraToken).Count -eq 0) 'others see none of them'
        Assert-Refused { Get-TesseraToken $grant.Id } NotFound 'not by id either'
    }
    Assert (@(Invoke-As lambda { Get-TesseraToken }).Count -eq 4) 'the user sees all'

    'Removal before expiry, of several at once, with a question first; the others are not affected'
    Remove-TesseraToken $grant.Id -WhatIf
    Assert-Outcome Valid $grant
    Invoke-As lambda { Remove-TesseraToken $grant.Id, $plain.Id -Confirm:$false }
    Assert-Outcome Unknown $grant
    Assert-Outcome Valid $strong
    Assert (@(Get-TesseraAuditEvent -Event token.remove).Count -eq 2) 'the audit log remembers them'
    Assert ((Get-TesseraIdentity lambda).Name -eq 'lambda') 'the account is as it was'

    'Rotation: a new token before the old one ends, kept in a vault'
    $vault = @{}
    $null = Invoke-As lambda { Update-TesseraToken $strong.Id -Vault { $vault['lambda'] = $_ } }
    Assert-Outcome Valid $strong
    Assert-Outcome Valid $vault['lambda']
    Assert-Outcome Revoked $strong
}
