#Requires -Version 7.6

<#
.SYNOPSIS
    Rotates the tokens of a store that end soon, and puts the new values into a vault.
.DESCRIPTION
    To be run by a scheduler, once a day for example. Each token with a name that ends within the given time gets a
    successor. Its value goes to Set-Secret, under the token's name, before it counts, so that a vault that fails leaves
    everything as it was. The token that is rotated stays good until the new value is first used: services that still have
    the old one go on.

    A token has one successor at a time, so runs that come too early, or two at once, do no harm. What a run left behind
    that was broken off between the vault and the rotation makes way for the next run after a quarter of an hour; until
    then the vault has a value that no check accepts.

    Set-Secret is the command of the module Microsoft.PowerShell.SecretManagement, or anything with its parameters -Name
    and -Secret. The exit code is 1 when any token could not be rotated.
.PARAMETER Path
    The store. Without it: the default store.
.PARAMETER Within
    How soon a token must end to be rotated now. 7 days without it.
.EXAMPLE
    pwsh rotate-on-a-schedule.ps1 /srv/tokens/tokens.db -Within 14.00:00:00
#>
param(
    [string] $Path,
    [timespan] $Within = '7.00:00:00'
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# Installed, or as it was built in this repository.
Import-Module Tessera -ErrorAction Ignore
if (-not (Get-Module Tessera)) {
    Import-Module ([IO.Path]::Combine($PSScriptRoot, '..', '..', 'module', 'bin', 'Tessera', 'Tessera.psd1'))
}

$store = if ($Path) { Connect-Tessera $Path -PassThru } else { Connect-Tessera -PassThru }
$failures = 0
try {
    $due = @(Get-TesseraToken -Store $store -State Active -ExpiresBefore ([DateTimeOffset]::UtcNow + $Within))
    foreach ($token in $due) {
        if (-not $token.Name) {
            "skipped $($token.Id) of $($token.Identity): it has no name to keep it under"
            continue
        }

        try {
            if ($token.Successor -and (Get-TesseraToken $token.Successor -Store $store).State -ne 'Revoked') {
                "waiting $($token.Id) '$($token.Name)': $($token.Successor) was not used yet"
                continue
            }

            $new = Update-TesseraToken $token -Store $store -Vault {
                param($value, $successor)
                Set-Secret -Name $successor.Name -Secret $value
            }
            "rotated $($token.Id) '$($token.Name)': $($new.Id) takes over, until $($new.ExpiresAt.UtcDateTime.ToString('u'))"
        }
        catch {
            $failures++
            "failed  $($token.Id) '$($token.Name)': $_"
        }
    }
}
finally {
    Disconnect-Tessera -Store $store
}

exit [int] ($failures -gt 0)
