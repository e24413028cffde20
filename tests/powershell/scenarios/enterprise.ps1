#Requires -Version 7.6

<#
.SYNOPSIS
    The rules of "Security and Tokens" (a grid of REST API tokens in a user's profile), with Tessera's commands.
#>

. "$PSScriptRoot/common.ps1"

Invoke-Scenario {
    $null = New-TesseraRole 'REST API'
    $null = New-TesseraIdentity Adam -Role Reader, 'REST API' -Password $Password
    $null = New-TesseraIdentity Root -Role Administrator -Password $Password

    'Only their own tokens, administrators included, and only with the role REST API'
    Assert-Refused { Grant-TesseraToken Adam -Profile Enterprise -Name mine } NotPermitted 'the owner of the store grants none to others'
    Invoke-As Root {
        Assert-Refused { Grant-TesseraToken Adam -Profile Enterprise -Name mine } NotPermitted 'nor does an administrator'
        Assert-Refused { Grant-TesseraToken Root -Profile Enterprise -Name mine } NotPermitted 'nor to himself without the role'
    }

    'Name: required. Expiration: two weeks by default, one day at least'
    $grant = Invoke-As Adam { Grant-TesseraToken Adam -Profile Enterprise -Name nightly }
    $token = Get-TesseraToken $grant.Id
    Assert ($token.ExpiresAt - $token.CreatedAt -eq [timespan]::FromDays(14)) 'it ends in two weeks, at the time of day of its creation'
    Invoke-As Adam {
        Assert-Refused { Grant-TesseraToken Adam -Profile Enterprise } InvalidArgument 'a name is required'
        Assert-Refused { Grant-TesseraToken Adam -Profile Enterprise -Name short -ExpiresIn 0.23:59:00 } NotPermitted 'less than a day is refused'
        Assert-Refused { Grant-TesseraToken Adam -Profile Enterprise -Name forever -NoExpiry } NotPermitted 'an expiration is required'
    }

    'Dates from 2038 on simply work'
    foreach ($date in '2038-01-19T03:14:08Z', '2106-02-07T06:28:16Z', '9999-12-31T23:59:59Z') {
        $far = Invoke-As Adam { Grant-TesseraToken Adam -Profile Enterprise -Name far -ExpiresAt $date }
        Assert-Outcome Valid $far
        Assert ((Get-TesseraToken $far.Id).ExpiresAt -eq [DateTimeOffset]::Parse($date, [cultureinfo]::InvariantCulture)) "it ends at $date"
    }

    'Subject: an absolute URI; the whole site, or a resource and what is under it'
    $site = Invoke-As Adam { Grant-TesseraToken Adam -Profile Enterprise -Name site -Uri 'https://www.tokenexample.com/' }
    Assert-Outcome Valid $site @{ Uri = 'https://www.tokenexample.com/anything/at?all' }
    Assert-Outcome PathDenied $site @{ Uri = 'https://other.tokenexample.com/' }
    $resource = Invoke-As Adam { Grant-TesseraToken Adam -Profile Enterprise -Name resource -Uri 'https://www.tokenexample.com/locations' }
    foreach ($uri in 'locations', 'locations/7', 'a/../locations') {
        Assert-Outcome Valid $resource @{ Uri = "https://www.tokenexample.com/$uri" }
    }
    foreach ($uri in 'locations2', 'locations/../admin', 'locations%2f..%2fadmin', 'LOCATIONS') {
        Assert-Outcome PathDenied $resource @{ Uri = "https://www.tokenexample.com/$uri" }
    }
    Assert-Outcome PathDenied $resource
    Invoke-As Adam {
        Assert-Refused { Grant-TesseraToken Adam -Profile Enterprise -Name relative -Uri '/locations' } InvalidArgument 'a relative URI is refused'
    }

    'Referrer: domains that end with the value; it is not shown again'
    $referred = Invoke-As Adam { Grant-TesseraToken Adam -Profile Enterprise -Name referred -Referrer example.com }
    foreach ($page in 'https://example.com/', 'https://app.example.com/page') {
        Assert-Outcome Valid $referred @{ Referrer = $page }
    }
    foreach ($page in 'https://badexample.com/', 'https://example.com.evil.org/') {
        Assert-Outcome ReferrerDenied $referred @{ Referrer = $page }
    }
    Assert-Outcome ReferrerDenied $referred
    Assert-Outcome Valid $grant @{ Referrer = 'https://anything.example/' }
    $shown = Get-TesseraToken $referred.Id
    Assert ("$($shown.PSObject.Properties.Value) $($shown.Conditions.PSObject.Properties.Value)" -notlike '*example.com*') 'no read shows it'

    'Remark: shown in the grid, and the one field to edit'
    $null = Set-TesseraToken $grant.Id -Remark 'the nightly job'
    Assert ((Get-TesseraToken $grant.Id).Remark -eq 'the nightly job') 'the remark is changed'
    Assert-Refused { Set-TesseraToken $grant.Id -Tag red } NotPermitted 'nothing else is'

    'The value: one opportunity to see it'
    Assert ($grant.Token -is [securestring]) 'it is given out when it is made'
    Assert (-not (Get-TesseraToken $grant.Id).PSObject.Properties['Token']) 'and not again'

    'Deleting takes it off the grid and disables it; the audit log keeps it'
    Invoke-As Adam { Remove-TesseraToken $grant.Id -Confirm:$false }
    Assert-Refused { Get-TesseraToken $grant.Id } NotFound 'it is off the grid'
    Assert-Outcome Unknown $grant
    Assert ($grant.Id -in (Get-TesseraAuditEvent -Event token.remove).Subject) 'the audit log has it'
    Assert (Test-TesseraAuditLog) 'and is whole'
}
