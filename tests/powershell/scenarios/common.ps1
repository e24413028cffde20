# What the scenarios share. Each dot-sources this file and hands its steps to Invoke-Scenario.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# Installed, or as it was built in this repository.
Import-Module Tessera -ErrorAction Ignore
if (-not (Get-Module Tessera)) {
    Import-Module ([IO.Path]::Combine($PSScriptRoot, '..', '..', '..', 'module', 'bin', 'Tessera', 'Tessera.psd1'))
}

$Password = 'correct horse battery'

# Stops the scenario unless the condition holds.
function Assert([bool] $Condition, [string] $What) {
    if (-not $Condition) {
        throw "Expected, and not so: $What"
    }
}

# Stops the scenario unless the action is refused with an error of this code.
function Assert-Refused([scriptblock] $Action, [string] $Code, [string] $What) {
    $found = 'no error'
    try {
        $null = & $Action
    }
    catch {
        $found = $_.FullyQualifiedErrorId
    }
    Assert ($found -like "Tessera.$Code,*") "$What ($Code, and not $found)"
}

# Stops the scenario unless a check of the token, with these parameters, comes to the outcome.
function Assert-Outcome([string] $Outcome, $Token, [hashtable] $Request = @{}) {
    $found = (Test-TesseraToken $Token -Detailed @Request).Outcome
    Assert ($found -eq $Outcome) "a check says $Outcome, and not $found"
}

# Acts as the identity, or as the token, while the action runs; then as the owner of the store again.
function Invoke-As($Who, [scriptblock] $Action) {
    $secret = if ($Who -is [string]) {
        @{ Credential = [pscredential]::new($Who, [Net.NetworkCredential]::new('', $Password).SecurePassword) }
    }
    else {
        @{ Token = $Who }
    }
    Connect-Tessera $StorePath @secret
    try {
        & $Action
    }
    finally {
        Connect-Tessera $StorePath
    }
}

# Runs the steps on a store of their own, which is gone afterwards. A rule that does not hold ends the script with an error.
function Invoke-Scenario([scriptblock] $Steps) {
    # The whole suite keeps every store, and looks through them at its end.
    $kept = $Env:TESSERA_TEST_KEEP_STORES
    $folder = if ($kept) { [IO.Path]::Combine($kept, "scenario-$([guid]::NewGuid().ToString('N'))") } else { [IO.Directory]::CreateTempSubdirectory('tessera-').FullName }
    $null = [IO.Directory]::CreateDirectory($folder)
    $StorePath = [IO.Path]::Combine($folder, 'tokens.db')
    try {
        Connect-Tessera $StorePath -Issuer 'https://tokens.example'
        & $Steps
        'All rules hold.'
    }
    finally {
        Disconnect-Tessera
        if (-not $kept) {
            [IO.Directory]::Delete($folder, $true)
        }
    }
}
