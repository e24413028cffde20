#Requires -Version 7.6

<#
.SYNOPSIS
    The rules of "REST API Authentication" (Universal Dashboard, JSON Web Tokens), with Tessera's commands.
#>

. "$PSScriptRoot/common.ps1"

Invoke-Scenario {
    $null = New-TesseraIdentity Adam -Role Reader -Password $Password

    'A token for a user name, with a default expiration of one year'
    $grant = Grant-TesseraToken Adam -Profile UniversalDashboard
    $token = Get-TesseraToken $grant.Id
    Assert ($token.ExpiresAt - $token.CreatedAt -eq [timespan]::FromDays(365)) 'it lives for a year'
    $ten = Grant-TesseraToken Adam -Profile UniversalDashboard -ExpiresAt ([DateTimeOffset]::UtcNow.AddDays(10))
    Assert-Outcome Valid $ten
    Assert-Outcome Valid $grant

    'Its claims, in their order, without kid, jti and iat'
    $web = $grant | ConvertTo-TesseraJsonWebToken
    $name = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name'
    $expected = $name, 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/hash', 'sub', 'nbf', 'exp', 'aud',
        'http://schemas.microsoft.com/ws/2008/06/identity/claims/role'
    Assert ((@($web.Payload.Keys) -join ' ') -ceq ($expected -join ' ')) 'the claims of the product, then the roles; no issuer unless one is given'
    Assert ($web.Payload[$name] -ceq 'Adam' -and $web.Subject -ceq 'UniversalDashboard') 'they name the user'
    Assert (($web.Audiences -join ' ') -ceq 'UniversalDashboard') 'and the audience'
    Assert ($web.SignatureAlgorithm -ceq 'HS256' -and $web.Header.Count -eq 2) 'signed with HS256'

    'A key of one''s own: what it signed verifies with it and with no other'
    $own = @{ Kind = 'UniversalDashboard'; SigningKey = 'SuperSecretKey'; WarningAction = 'Ignore' }
    $claims = [ordered]@{ $name = 'Adam'; sub = 'UniversalDashboard'; aud = 'UniversalDashboard' }
    $minted = New-TesseraJsonWebToken -Claims ($claims + [ordered]@{ Account = 'Billing' }) @own
    Assert (Test-TesseraJsonWebToken $minted @own) 'its own key'
    $other = @{ Kind = 'UniversalDashboard'; SigningKey = 'default_signing_key'; WarningAction = 'Ignore' }
    Assert (-not (Test-TesseraJsonWebToken $minted @other)) 'another key'

    'Any set of information as payload, after the other claims'
    $web = ConvertTo-TesseraJsonWebToken $minted
    Assert ($web.Payload['Account'] -ceq 'Billing') 'the payload is there'
    Assert (@($web.Payload.Keys)[-1] -ceq 'Account') 'at the end'

    'The same issuer and audience on both sides'
    $claims.iss = 'IMS'
    $claims.aud = 'Api'
    $issued = New-TesseraJsonWebToken -Claims $claims @own
    Assert (Test-TesseraJsonWebToken $issued -Issuer IMS -Audience Api @own) 'the same'
    Assert (-not (Test-TesseraJsonWebToken $issued -Issuer Other -Audience Api @own)) 'another issuer'
    Assert (-not (Test-TesseraJsonWebToken $issued -Issuer IMS -Audience Other @own)) 'another audience'

    'Revoked where there is a store'
    Revoke-TesseraToken $grant.Id -Confirm:$false
    Assert-Outcome Revoked $grant
    Assert-Outcome Valid $ten
}
