#Requires -Version 7.6

<#
.SYNOPSIS
    Every kind of bad input, and what a script gets for it: an outcome or a typed error, and a host that lives.
.DESCRIPTION
    Writes a line for each case and fails with exit code 1 if one of them went otherwise.
.PARAMETER FullFolder
    A folder on a file system without room for a store. Without it, that case is left out.
.PARAMETER ReadOnlyFolder
    A folder on a file system that may only be read. Without it, that case is left out.
#>
param(
    [string] $FullFolder,
    [string] $ReadOnlyFolder
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

Import-Module Tessera -ErrorAction Ignore
if (-not (Get-Module Tessera)) {
    Import-Module ([IO.Path]::Combine($PSScriptRoot, '..', '..', 'module', 'bin', 'Tessera', 'Tessera.psd1'))
}

$script:failed = 0

function Expect([string] $Expected, [string] $Case, [string] $Actual) {
    if ($Actual -eq $Expected) {
        "as stated      $Expected  <-  $Case"
    }
    else {
        $script:failed++
        "NOT AS STATED  $Actual instead of $Expected  <-  $Case"
    }
}

# The id of the error that a block ends with, without the cmdlet's name.
function ErrorOf([scriptblock] $Action) {
    try {
        $null = 1 | ForEach-Object $Action
        'no error'
    }
    catch {
        $_.FullyQualifiedErrorId -replace ',.*'
    }
}

function OutcomeOf($Token) {
    (Test-TesseraToken $Token -Detailed).Outcome
}

# JSON Web Tokens made by hand, since Tessera makes no bad ones.
$secret = 'a shared secret of more than 32 bytes'

function Encode([byte[]] $Bytes) {
    [Convert]::ToBase64String($Bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_')
}

function Sign([string] $Header, [string] $Payload) {
    $text = (Encode ([Text.Encoding]::UTF8.GetBytes($Header))) + '.' + (Encode ([Text.Encoding]::UTF8.GetBytes($Payload)))
    $digest = [Security.Cryptography.HMACSHA256]::HashData([Text.Encoding]::UTF8.GetBytes($secret), [Text.Encoding]::ASCII.GetBytes($text))
    "$text.$(Encode $digest)"
}

function OutcomeOfJwt([string] $Token) {
    (Test-TesseraJsonWebToken $Token -SigningKey $secret -Kind JsonWebToken -Algorithm HS256 -At '2030-01-01T00:00:00Z' -Detailed).Outcome
}

# The members that a good payload has besides those of the case.
function OutcomeOfClaims([string] $Claims) {
    OutcomeOfJwt (Sign '{"alg":"HS256","typ":"JWT"}' "{`"iss`":`"i`",`"aud`":`"b`",`"iat`":1893455000,`"jti`":`"c`",$Claims}")
}

# The whole suite keeps every store, and looks through them at its end.
$kept = $Env:TESSERA_TEST_KEEP_STORES
$folder = if ($kept) { [IO.Path]::Combine($kept, "script-$([guid]::NewGuid().ToString('N'))") } else { [IO.Directory]::CreateTempSubdirectory('tessera-').FullName }
if ($kept) {
    $null = [IO.Directory]::CreateDirectory($folder)
}
$path = [IO.Path]::Combine($folder, 'tokens.db')
try {
    Connect-Tessera $path
    $null = New-TesseraIdentity Adam -Role Operator
    $value = (Grant-TesseraToken Adam -AsPlainText).Token
    $lastCharacter = if ($value[-1] -ceq 'A') { 'B' } else { 'A' }

    '== The value of a token =='
    Expect Valid 'the token itself' (OutcomeOf $value)
    Expect Malformed 'empty' (OutcomeOf '')
    Expect Malformed '8 KiB + 1' (OutcomeOf ('x' * 8193))
    Expect Malformed '100 MB' (OutcomeOf ('x' * 100MB))
    Expect Malformed 'embedded NUL' (OutcomeOf $value.Insert(20, "`0"))
    Expect Malformed 'NUL at the end' (OutcomeOf "$value`0")
    Expect Malformed 'lone surrogate' (OutcomeOf "$value$([char] 0xD800)")
    Expect Malformed 'another prefix' (OutcomeOf "abc$($value.Substring(3))")
    Expect Malformed 'wrong check' (OutcomeOf "$($value.Substring(0, $value.Length - 1))$lastCharacter")
    Expect Malformed 'truncated' (OutcomeOf $value.Substring(0, $value.Length - 1))
    Expect Malformed 'white space before it' (OutcomeOf " $value")
    Expect Malformed 'a public id' (OutcomeOf $value.Substring(4, 12))
    Expect Malformed 'three dots' (OutcomeOf 'a.b.c.d')
    Expect Tessera.InvalidArgument '$null' (ErrorOf { Test-TesseraToken $null })
    Expect Tessera.InvalidArgument 'a number' (ErrorOf { Test-TesseraToken 42 })
    Expect Tessera.InvalidArgument 'a list' (ErrorOf { Test-TesseraToken @($value, $value) })
    Expect Tessera.InvalidArgument 'a table' (ErrorOf { Test-TesseraToken @{ Token = $value } })
    Expect ParameterArgumentValidationError 'an empty role' (ErrorOf { Test-TesseraToken $value -Role '' })
    Expect ParameterArgumentValidationError 'no audience, where one is named' (ErrorOf { Test-TesseraToken $value -Audience $null })
    Expect Tessera.InvalidArgument 'the value where an id belongs' (ErrorOf { Revoke-TesseraToken $value -Confirm:$false })

    '== A JSON Web Token =='
    $header = '{"alg":"HS256","typ":"JWT"}'
    $payload = '{"iss":"i","sub":"a","aud":"b","iat":1893455000,"jti":"c","exp":1893459600}'
    $good = Sign $header $payload
    $deep = '[' * 10000 + ']' * 10000
    Expect Valid 'good' (OutcomeOfJwt $good)
    Expect Valid 'good, its claims in another order' (OutcomeOfClaims '"exp":1893459600,"sub":"a"')
    Expect Malformed 'empty' (OutcomeOfJwt '')
    Expect Malformed 'three dots' (OutcomeOfJwt "$good.x")
    Expect Malformed 'one dot' (OutcomeOfJwt 'a.b')
    Expect Malformed 'padding' (OutcomeOfJwt "$good=")
    Expect Malformed 'a line break at the end' (OutcomeOfJwt "$good`n")
    Expect Malformed '8 KiB + 1' (OutcomeOfJwt "$good$('x' * (8193 - $good.Length))")
    Expect Unknown 'another signature' (OutcomeOfJwt "$(Sign $header '{}')".Replace("$(Sign $header '{}')".Split('.')[1], $good.Split('.')[1]))
    Expect Malformed 'JSON 10,000 deep' (OutcomeOfClaims "`"sub`":`"a`",`"exp`":1893459600,`"x`":$deep")
    Expect Valid 'JSON 16 deep' (OutcomeOfClaims "`"sub`":`"a`",`"exp`":1893459600,`"x`":$('[' * 15)$(']' * 15)")
    Expect Malformed 'JSON 17 deep' (OutcomeOfClaims "`"sub`":`"a`",`"exp`":1893459600,`"x`":$('[' * 16)$(']' * 16)")
    foreach ($algorithm in 'none', 'NONE', 'nOnE', 'hs256', 'Hs256', 'HS512', '') {
        Expect Malformed "alg '$algorithm'" (OutcomeOfJwt (Sign "{`"alg`":`"$algorithm`",`"typ`":`"JWT`"}" $payload))
    }
    Expect Unknown 'the alg of another key' (OutcomeOfJwt (Sign '{"alg":"ES256","typ":"JWT"}' $payload))
    Expect Unknown 'no signature' (OutcomeOfJwt "$($good.Substring(0, $good.LastIndexOf('.'))).")
    Expect Malformed 'duplicate header members' (OutcomeOfJwt (Sign '{"alg":"HS256","alg":"HS256","typ":"JWT"}' $payload))
    Expect Malformed 'duplicate claims' (OutcomeOfClaims '"exp":1893459600,"sub":"a","sub":"b"')
    Expect Malformed 'a duplicate claim, escaped' (OutcomeOfClaims '"sub":"a","exp":1893459600,"\u0065xp":1893459600')
    Expect Malformed 'exp as a string' (OutcomeOfClaims '"sub":"a","exp":"1893459600"')
    Expect Malformed 'exp negative' (OutcomeOfClaims '"sub":"a","exp":-1')
    Expect Malformed 'exp fractional' (OutcomeOfClaims '"sub":"a","exp":1893459600.5')
    Expect Malformed 'exp 2^63' (OutcomeOfClaims '"sub":"a","exp":9223372036854775808')
    Expect Malformed 'no exp' (OutcomeOfClaims '"sub":"a"')
    Expect Expired 'exp in the past' (OutcomeOfClaims '"sub":"a","exp":1893455600')
    Expect Malformed 'no token at all, to inspect' ((ErrorOf { ConvertTo-TesseraJsonWebToken 'a.b.c' }) -replace 'Tessera.MalformedToken', 'Malformed')
    Expect Malformed 'JSON 10,000 deep, to inspect' ((ErrorOf { ConvertTo-TesseraJsonWebToken (Sign '{"alg":"HS256"}' "{`"x`":$deep}") }) -replace 'Tessera.MalformedToken', 'Malformed')
    Expect Tessera.KeyRefused 'a PEM text as a shared secret' (ErrorOf { Test-TesseraJsonWebToken $good -SigningKey "-----BEGIN PUBLIC KEY-----`nMAo=`n-----END PUBLIC KEY-----" -KeyKind Secret -Kind JsonWebToken })
    Expect Tessera.KeyRefused 'a short secret' (ErrorOf { Test-TesseraJsonWebToken $good -SigningKey short -Kind JsonWebToken })
    Expect Tessera.InvalidArgument 'an empty secret' (ErrorOf { Test-TesseraJsonWebToken $good -SigningKey '' -Kind JsonWebToken })
    Expect Tessera.InvalidArgument 'claims with half a surrogate pair' (ErrorOf { New-TesseraJsonWebToken @{ sub = "$([char] 0xD800)" } })
    Expect Tessera.InvalidArgument 'a claim without a form in JSON' (ErrorOf { New-TesseraJsonWebToken @{ sub = { } } })
    $endless = @{ exp = 1893459600 }
    $endless.self = $endless
    Expect Tessera.InvalidArgument 'claims that hold themselves' (ErrorOf { New-TesseraJsonWebToken $endless })

    '== When a token ends =='
    Expect Tessera.InvalidArgument 'in the past' (ErrorOf { Grant-TesseraToken Adam -ExpiresAt '2020-01-01' })
    Expect Tessera.InvalidArgument 'after no time' (ErrorOf { Grant-TesseraToken Adam -ExpiresIn 0 })
    Expect Tessera.InvalidArgument 'after negative time' (ErrorOf { Grant-TesseraToken Adam -ExpiresIn -1.00:00:00 })
    foreach ($end in '2038-01-19T03:14:08Z', '9999-12-31T00:00:00Z', '9999-12-31T23:59:59Z') {
        $grant = Grant-TesseraToken Adam -ExpiresAt $end
        Expect "Valid until $end" $end "$(OutcomeOf $grant) until $($grant.ExpiresAt.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'"))"
    }

    '== Names and texts =='
    Expect Tessera.InvalidArgument 'an empty name' (ErrorOf { New-TesseraIdentity ' ' })
    Expect Tessera.InvalidArgument 'a name of 257 characters' (ErrorOf { New-TesseraIdentity ('x' * 257) })
    Expect Tessera.InvalidArgument 'a name of 100 MB' (ErrorOf { New-TesseraIdentity ('x' * 100MB) })
    Expect Tessera.InvalidArgument 'a name with a line break' (ErrorOf { New-TesseraIdentity "a`nb" })
    Expect Tessera.InvalidArgument 'a name with half a surrogate pair' (ErrorOf { New-TesseraIdentity "a$([char] 0xDC00)" })
    Expect Tessera.AlreadyExists 'a name in another case' (ErrorOf { New-TesseraIdentity ADAM })
    Expect Tessera.NotFound 'an unknown identity' (ErrorOf { Grant-TesseraToken Nobody })
    Expect Tessera.NotFound 'an unknown role' (ErrorOf { New-TesseraIdentity Eve -Role Nobody })
    Expect Tessera.NotPermitted 'a role that the identity lacks' (ErrorOf { Grant-TesseraToken Adam -Role Administrator })
    Expect Tessera.InvalidArgument 'a remark of 1,025 characters' (ErrorOf { Grant-TesseraToken Adam -Remark ('x' * 1025) })
    Expect Tessera.InvalidArgument '17 tags' (ErrorOf { Grant-TesseraToken Adam -Tag (1..17) })
    Expect Tessera.InvalidArgument 'an empty password' (ErrorOf { New-TesseraIdentity Eve -Password '' })
    Expect Tessera.InvalidArgument 'a password of 1,025 bytes' (ErrorOf { New-TesseraIdentity Eve -Password ('x' * 1025) })

    '== The path of a store =='
    Expect Tessera.StorePath 'a folder' (ErrorOf { Connect-Tessera $folder })
    Expect Tessera.StorePath 'in a folder that is not there' (ErrorOf { Connect-Tessera ([IO.Path]::Combine($folder, 'none', 'tokens.db')) })
    Expect Tessera.StorePath 'on a drive that is not there' (ErrorOf { Connect-Tessera 'nowhere:/tokens.db' })
    Expect Tessera.NotAFilePath 'outside the file system' (ErrorOf { Connect-Tessera 'Env:/tokens.db' })
    Expect Tessera.InvalidArgument 'with a NUL' (ErrorOf { Connect-Tessera "$folder/a`0b" })
    $text = [IO.Path]::Combine($folder, 'text.db')
    [IO.File]::WriteAllText($text, 'Not a database, and long enough to be taken for one: ' + 'x' * 4096)
    Expect Tessera.StoreForeign 'a text file' (ErrorOf { Connect-Tessera $text })
    if ($FullFolder) {
        Expect Tessera.StoreFull 'on a full disk' (ErrorOf { Connect-Tessera ([IO.Path]::Combine($FullFolder, 'tokens.db')) })
    }
    if ($ReadOnlyFolder) {
        Expect Tessera.StoreReadOnly 'on a disk that may only be read' (ErrorOf { Connect-Tessera ([IO.Path]::Combine($ReadOnlyFolder, 'tokens.db')) })
    }
    Expect Valid 'the session kept its store through all of this' (OutcomeOf $value)

    '== The file of a store =='
    $second = Connect-Tessera $path -PassThru
    Expect Valid 'opened twice in one process' (Test-TesseraToken $value -Store $second -Detailed).Outcome
    Disconnect-Tessera -Store $second

    $key = [IO.File]::ReadAllBytes("$path.key")
    Connect-Tessera ([IO.Path]::Combine($folder, 'other.db'))
    Disconnect-Tessera
    [IO.File]::Copy([IO.Path]::Combine($folder, 'other.db.key'), "$path.key", $true)
    Expect Tessera.StoreWrongKey "another store's key" (ErrorOf { Connect-Tessera $path })
    [IO.File]::WriteAllText("$path.key", 'no key')
    Expect Tessera.StoreKeyFile 'a key file that is none' (ErrorOf { Connect-Tessera $path })
    [IO.File]::Delete("$path.key")
    Expect Tessera.StoreKeyMissing 'no key file' (ErrorOf { Connect-Tessera $path })
    [IO.File]::WriteAllBytes("$path.key", $key)
    if (-not [OperatingSystem]::IsWindows()) {
        [IO.File]::SetUnixFileMode("$path.key", 'UserRead, OtherRead')
        Expect Tessera.StoreKeyFile 'a key file that others may read' (ErrorOf { Connect-Tessera $path })
        [IO.File]::SetUnixFileMode("$path.key", 'UserRead, UserWrite')
    }

    # SQLite's file format: the schema's version is a number of four bytes at offset 60.
    $newer = [IO.File]::ReadAllBytes($path)
    $newer[60] = 0x7F
    [IO.File]::WriteAllBytes([IO.Path]::Combine($folder, 'newer.db'), $newer)
    [IO.File]::Copy("$path.key", [IO.Path]::Combine($folder, 'newer.db.key'))
    Expect Tessera.StoreNewer 'a newer schema' (ErrorOf { Connect-Tessera ([IO.Path]::Combine($folder, 'newer.db')) })

    Connect-Tessera $path
    Expect Valid 'nothing was lost' (OutcomeOf $value)
    Expect True 'and the store is sound' (Test-TesseraStore)
}
finally {
    Disconnect-Tessera
    if (-not $kept) {
        [IO.Directory]::Delete($folder, $true)
    }
}

if ($script:failed -gt 0) {
    throw "$script:failed cases did not go as stated."
}
