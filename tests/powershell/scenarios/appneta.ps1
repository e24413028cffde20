#Requires -Version 7.6

<#
.SYNOPSIS
    The rules of "API Access Tokens" (AppNeta APM), with Tessera's commands.
#>

. "$PSScriptRoot/common.ps1"

Invoke-Scenario {
    # Without a password: signed in by another system, and yet the owner of tokens.
    $null = New-TesseraIdentity single-sign-on -Role Reader
    $null = New-TesseraIdentity Adam -Role Operator -Password $Password
    $null = New-TesseraIdentity Eve -Role Reader -Password $Password
    $null = New-TesseraIdentity Olga -Role Reader -Password $Password
    $null = New-TesseraOrganization North -Member Adam -Administrator Olga
    $null = New-TesseraOrganization South -Member Adam

    'A name, and an expiration date or Never'
    $grant = Invoke-As Adam { Grant-TesseraToken Adam -Profile AppNeta -Name script -NoExpiry }
    Assert ($null -eq (Get-TesseraToken $grant.Id).ExpiresAt) 'it never expires'
    $null = Invoke-As Adam { Grant-TesseraToken Adam -Profile AppNeta -Name dated -ExpiresAt ([DateTimeOffset]::UtcNow.AddDays(3)) }
    Assert-Refused { Grant-TesseraToken Adam -Profile AppNeta } InvalidArgument 'a token without a name is refused'

    'It carries no information about the user, and its value is shown once'
    $text = (Invoke-As Adam { Grant-TesseraToken Adam -Profile AppNeta -Name text -AsPlainText }).Token
    Assert ($text -cmatch '^tsr_[0-9A-Za-z]{50}$') 'the value is opaque'
    Assert-Refused { Grant-TesseraToken Adam -Profile AppNeta -Name claims -Format Jwt } NotPermitted 'a JWT would tell who the user is'
    Assert (-not (Get-TesseraToken $grant.Id).PSObject.Properties['Token']) 'it does not appear again'

    'Users of single sign-on need no local account'
    Assert-Outcome Valid (Grant-TesseraToken single-sign-on -Profile AppNeta -Name external)

    'Permissions are less than or equal to those of the user, when it is created and when it is used'
    Invoke-As Adam {
        Assert-Refused { Grant-TesseraToken Adam -Profile AppNeta -Name wide -Role Administrator } NotPermitted 'more than the user has is refused'
    }
    $narrow = Invoke-As Adam { Grant-TesseraToken Adam -Profile AppNeta -Name narrow -Role Reader }
    Assert-Outcome RoleDenied $narrow @{ Role = 'Operator' }
    Assert-Outcome Valid $grant @{ Role = 'Operator' }
    $null = Set-TesseraIdentity Adam -Role Reader -Confirm:$false
    Assert-Outcome RoleDenied $grant @{ Role = 'Operator' }
    $null = Set-TesseraIdentity Adam -Role Operator -Confirm:$false

    'Not for users with custom roles'
    $null = New-TesseraRole Auditor -Include Reader
    $null = New-TesseraIdentity Carl -Role Auditor -Password $Password
    Invoke-As Carl {
        Assert-Refused { Grant-TesseraToken Carl -Profile AppNeta -Name mine } NotPermitted 'a custom role generates no token'
    }

    'A token cannot be modified: only its remark can'
    $null = Set-TesseraToken $grant.Id -Remark 'for the weekly report'
    Assert-Refused { Set-TesseraToken $grant.Id -Tag other } NotPermitted 'its tags are fixed'

    'The observer endpoint is not for tokens'
    Assert-Outcome Valid $grant @{ Uri = 'https://node.example/api/v3/path'; Method = 'GET' }
    Assert-Outcome OperationDenied $grant @{ Uri = 'https://node.example/api/v3/observer'; Method = 'GET' }
    Assert-Outcome OperationDenied $grant @{ Uri = 'https://node.example/api/v3/x/..//%6fbserver/7'; Method = 'POST' }

    'Dynamic access follows the user; a selection is static'
    $static = Invoke-As Adam { Grant-TesseraToken Adam -Profile AppNeta -Name static -Organization North }
    Assert-Outcome Valid $static @{ Organization = 'North' }
    Assert-Outcome OrganizationDenied $static @{ Organization = 'South' }
    $null = New-TesseraOrganization West -Member Adam
    Assert-Outcome Valid $grant @{ Organization = 'West' }
    Assert-Outcome OrganizationDenied $static @{ Organization = 'West' }
    $null = Set-TesseraOrganization South -RemoveMember Adam
    Assert-Outcome OrganizationDenied $grant @{ Organization = 'South' }

    'Users see and revoke what they created, organization administrators what their organizations reach'
    Invoke-As Eve {
        Assert (@(Get-TesseraToken).Count -eq 0) 'another user sees nothing'
        Assert-Refused { Revoke-TesseraToken $static.Id -Confirm:$false } NotFound 'and cannot tell it from one that is not there'
    }
    Invoke-As Olga {
        Assert ($static.Id -in (Get-TesseraToken).Id) 'the administrator of North sees what reaches North'
        Revoke-TesseraToken $static.Id -Reason 'Not ours any more' -Confirm:$false
        Assert-Refused { Disable-TesseraToken $grant.Id -Confirm:$false } NotPermitted 'and may do nothing else with it'
    }
    $revoked = Get-TesseraToken $static.Id
    Assert ($revoked.State -eq 'Revoked' -and $revoked.RevokedBy -eq 'Olga' -and $revoked.RevokedAt -and $revoked.RevokedReason) 'it stays on the list, with who, when and why'
    Assert-Outcome Revoked $static
    Invoke-As Adam { Revoke-TesseraToken $narrow.Id -Confirm:$false }
    Assert-Outcome Revoked $narrow

    'The user that created a token is deleted'
    $null = New-TesseraIdentity Boss -Role Administrator -Password $Password
    $given = Invoke-As Boss { Grant-TesseraToken Eve -Profile AppNeta -Name given }
    Assert-Outcome Valid $given
    Remove-TesseraIdentity Boss -Confirm:$false
    Assert-Outcome Revoked $given
    Assert ((Get-TesseraToken $given.Id).RevokedReason -eq 'CreatorDeleted') 'the list says why'
    Remove-TesseraIdentity Adam -Confirm:$false
    Assert-Outcome Revoked $grant
}
