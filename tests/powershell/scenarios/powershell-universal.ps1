#Requires -Version 7.6

<#
.SYNOPSIS
    The rules of "App tokens for accessing PowerShell Universal APIs", with Tessera's commands.
#>

. "$PSScriptRoot/common.ps1"

Invoke-Scenario {
    $null = New-TesseraRole policy
    $null = New-TesseraIdentity Admin -Role Administrator -Password $Password
    $null = New-TesseraIdentity Operator -Role Operator, policy -Password $Password
    $null = New-TesseraIdentity Nobody -Password $Password

    'Identity, role and expiration; without them the roles of the identity, for one year'
    $grant = Invoke-As Admin { Grant-TesseraToken Operator -Profile PowerShellUniversal }
    $token = Get-TesseraToken $grant.Id
    Assert ($token.ExpiresAt - $token.CreatedAt -eq [timespan]::FromDays(365)) 'it lives for a year'
    Assert-Outcome Valid $grant @{ Role = 'Operator' }
    Assert-Outcome Valid $grant @{ Role = 'Reader' }
    Assert-Outcome RoleDenied $grant @{ Role = 'Administrator' }
    $long = Invoke-As Admin { Grant-TesseraToken Operator -Profile PowerShellUniversal -ExpiresIn 1000.00:00:00 }
    Assert-Outcome Valid $long
    Assert-Refused { Grant-TesseraToken Operator -Profile PowerShellUniversal -NoExpiry } NotPermitted 'every app token expires'

    'Custom API endpoints may use custom roles as well'
    $custom = Invoke-As Admin { Grant-TesseraToken Operator -Profile PowerShellUniversal -Role policy }
    Assert-Outcome Valid $custom @{ Role = 'policy' }
    Assert-Outcome RoleDenied $custom @{ Role = 'Reader' }

    'Administrators grant to any user; the user needs a role'
    Assert-Refused { Grant-TesseraToken Nobody -Profile PowerShellUniversal } InvalidArgument 'an identity without a role gets none'
    Assert-Refused { Grant-TesseraToken Missing -Profile PowerShellUniversal } NotFound 'nor does one that does not exist'
    Invoke-As Operator {
        Assert-Refused { Grant-TesseraToken Admin -Profile PowerShellUniversal } NotPermitted 'others grant to themselves only'
        $null = Grant-TesseraToken Operator -Profile PowerShellUniversal
        Assert-Refused { New-TesseraIdentity Friend -Role Administrator } NotPermitted 'security is for administrators'
    }

    'The role is that of the token''s row, as the administrator gave it'
    $given = Invoke-As Admin { Grant-TesseraToken Operator -Profile PowerShellUniversal -Role Administrator }
    Assert-Outcome Valid $given @{ Role = 'Administrator' }

    'The value: a JWT with HS256 and the claims of the product, in their order'
    $web = $grant | ConvertTo-TesseraJsonWebToken
    Assert ($web.SignatureAlgorithm -eq 'HS256' -and $web.Header.Count -eq 2) 'its header has alg and typ, nothing else'
    $claims = @($web.Payload.Keys)
    $expected = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name', 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/hash', 'sub',
        'http://schemas.microsoft.com/ws/2008/06/identity/claims/role', 'nbf', 'exp', 'iss', 'aud'
    Assert (($claims -join ' ') -ceq ($expected -join ' ')) 'its claims are in the order of the product'
    Assert ($web.Issuer -ceq 'IronmanSoftware' -and $web.Subject -ceq 'PowerShellUniversal') 'issuer and subject are those of the product'

    'Enhanced security: values are accessible once; hashes are stored'
    Assert (-not (Get-TesseraToken $grant.Id).PSObject.Properties['Token']) 'the value is not in later reads'

    'Migration between systems that have the same signing key'
    $key = 'a signing key that two systems have'
    $list = [IO.Path]::Combine([IO.Path]::GetDirectoryName($StorePath), 'app-tokens.csv')
    $other = Connect-Tessera "$StorePath.other" -PassThru
    try {
        $null = New-TesseraSigningKey -Profile PowerShellUniversal -SigningKey $key -Confirm:$false
        $null = New-TesseraIdentity Admin -Role Administrator
        $app = (Grant-TesseraToken Admin -Profile PowerShellUniversal -Role Reader -AsPlainText).Token
        [IO.File]::WriteAllLines($list, [string[]] ('identity,roles,expiresAt,value', "Admin,Administrator,2100-01-01T00:00:00Z,$app"))
    }
    finally {
        Disconnect-Tessera -Store $other
        Connect-Tessera $StorePath
    }
    try {
        $null = Import-TesseraToken $list -Profile PowerShellUniversal -Confirm:$false -ErrorAction SilentlyContinue -ErrorVariable refused
        Assert ($refused.Count -gt 0) 'a token that another key signed is refused'
        Assert-Outcome Unknown $app
        $store = Connect-Tessera "$StorePath.third" -PassThru
        $null = New-TesseraSigningKey -Profile PowerShellUniversal -SigningKey $key -Confirm:$false
        $null = New-TesseraIdentity Admin -Role Administrator
        $null = Import-TesseraToken $list -Profile PowerShellUniversal -Confirm:$false
        Assert-Outcome Valid $app @{ Role = 'Administrator' }
        $migrated = Get-TesseraToken
        Assert ($migrated.ExpiresAt -lt [DateTimeOffset]::UtcNow.AddDays(366)) 'it ends at the earlier of both times'
        Disconnect-Tessera -Store $store
    }
    finally {
        Connect-Tessera $StorePath
        [IO.File]::Delete($list)
    }

    'Revocation by an administrator, or by the token''s own identity'
    Invoke-As Operator { Revoke-TesseraToken $grant.Id -Confirm:$false }
    Assert-Outcome Revoked $grant
    Invoke-As Admin { Revoke-TesseraToken $custom.Id -Confirm:$false }
    Assert-Outcome Revoked $custom
    Assert-Outcome Valid $long
    Invoke-As $long {
        Assert ($long.Id -in (Get-TesseraToken).Id) 'an app token signs in as its identity'
        Assert-Refused { Remove-TesseraIdentity Admin -Confirm:$false } NotPermitted 'and may do what its role may'
    }
    Remove-TesseraIdentity Operator -Confirm:$false
    Assert-Outcome Revoked $long
}
