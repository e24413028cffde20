#Requires -Version 7.6

<#
.SYNOPSIS
    Revokes a token of a store, for a test that holds the store open in another process.
.PARAMETER Path
    The store.
.PARAMETER Id
    The token's public id.
#>
param(
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Id
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

Import-Module Tessera -ErrorAction Ignore
if (-not (Get-Module Tessera)) {
    Import-Module ([IO.Path]::Combine($PSScriptRoot, '..', '..', 'module', 'bin', 'Tessera', 'Tessera.psd1'))
}

Connect-Tessera $Path
Revoke-TesseraToken $Id -Reason 'Revoked by another process' -Confirm:$false
Disconnect-Tessera
