using System.Management.Automation;
using System.Security;

namespace Tessera.Tests;

/// <summary>What a script does with tokens, identities and keys: arguments, pipelines and filters.</summary>
public sealed class ModuleTokenTests : IDisposable
{
    private readonly ModuleSession _session = new();

    public ModuleTokenTests() => _session.Run("$null = New-TesseraIdentity Adam -Role Operator");

    public void Dispose() => _session.Dispose();

    [Fact]
    public void Value_is_given_out_as_a_secure_string_unless_plain_text_is_asked_for()
    {
        Assert.IsType<SecureString>(_session.Run("(Grant-TesseraToken Adam).Token").Single());
        Assert.Matches("^tsr_[0-9A-Za-z]{50}$", _session.Single<string>("(Grant-TesseraToken Adam -AsPlainText).Token"));
        _session.Run("New-TesseraSigningKey");
        Assert.IsType<SecureString>(_session.Run("New-TesseraJsonWebToken @{ sub = 'a'; aud = 'b'; client_id = 'a' }").Single());
        Assert.StartsWith("eyJ", _session.Single<string>("New-TesseraJsonWebToken @{ sub = 'a'; aud = 'b'; client_id = 'a' } -AsPlainText"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Test-TesseraToken $grant.Token")]
    [InlineData("Test-TesseraToken $plain.Token")]
    [InlineData("Test-TesseraToken -Token ([psobject] $plain.Token)")]
    [InlineData("Test-TesseraToken $grant")]
    [InlineData("$grant | Test-TesseraToken")]
    [InlineData("$grant.Token | Test-TesseraToken")]
    [InlineData("[pscustomobject] @{ Token = $plain.Token } | Test-TesseraToken")]
    [InlineData("Test-TesseraToken $web -Audience https://api.example")]
    public void Secret_is_taken_in_every_form(string script)
    {
        _session.Run(
            """
            $grant = Grant-TesseraToken Adam
            $plain = Grant-TesseraToken Adam -AsPlainText
            $web = Grant-TesseraToken Adam -Format Jwt -Audience https://api.example
            """);

        Assert.True(_session.Single<bool>(script));
    }

    [Theory]
    [InlineData("Get-TesseraToken $grants[0].Id, $grants[1].Id")]
    [InlineData("$grants[0, 1] | Get-TesseraToken")]
    [InlineData("$grants[0, 1].Id | Get-TesseraToken")]
    [InlineData("$grants[0, 1] | ForEach-Object { [pscustomobject] @{ Id = $_.Id } } | Get-TesseraToken")]
    [InlineData("$grants[0, 1] | Test-TesseraToken -Detailed | Get-TesseraToken")]
    [InlineData("Get-TesseraToken -Id $grants[0, 1]")]
    [InlineData("Get-TesseraToken -Name one* ")]
    [InlineData("Get-TesseraToken -Name ?ne? -Identity ADAM")]
    [InlineData("Get-TesseraToken -Tag first")]
    [InlineData("Get-TesseraToken -ExpiresBefore ([DateTimeOffset]::UtcNow.AddDays(2))")]
    [InlineData("Get-TesseraToken -First 2")]
    [InlineData("Get-TesseraIdentity Adam | Get-TesseraToken -First 2")]
    public void Tokens_are_found_by_id_by_object_and_by_condition(string script)
    {
        _session.Run(
            """
            $null = New-TesseraIdentity Eve -Role Reader
            $grants = @(
                Grant-TesseraToken Adam -Name one1 -Tag first -ExpiresIn 1.00:00:00
                Grant-TesseraToken Adam -Name one2 -Tag first, other -ExpiresIn 1.00:00:00
                Grant-TesseraToken Adam -Name two -NoExpiry
                Grant-TesseraToken Eve -Name three -NotBefore ([DateTimeOffset]::UtcNow.AddDays(1))
            )
            """);

        Assert.Equal(["one1", "one2"], _session.Run(script).Cast<Token>().Select(token => token.Name));
    }

    [Fact]
    public void List_is_paged_and_its_total_is_told_where_it_is_known()
    {
        _session.Run("1..25 | ForEach-Object { $null = Grant-TesseraToken Adam -Name \"token-$_\" }");

        object?[] page = _session.Run("Get-TesseraToken -Skip 10 -First 3 -IncludeTotalCount");
        Assert.Equal(25UL, page[0]);
        Assert.Equal(["token-11", "token-12", "token-13"], page.Skip(1).Cast<Token>().Select(token => token.Name));
        Assert.Equal(25, _session.Run("Get-TesseraToken").Length);
        Assert.Empty(_session.Run("Get-TesseraToken -First 0"));
    }

    [Theory]
    [InlineData("$ids | Revoke-TesseraToken -Confirm:$false")]
    [InlineData("Revoke-TesseraToken $ids -Confirm:$false")]
    public void Rest_goes_on_after_one_that_fails(string script)
    {
        _session.Run(
            """
            $grants = 1..3 | ForEach-Object { Grant-TesseraToken Adam }
            $ids = $grants[0].Id, 'AAAAAAAAAAAA', $grants[1].Id, 'no id', $grants[2].Id
            """);

        IReadOnlyList<ErrorRecord> errors = _session.Errors(script);

        Assert.Equal(["Tessera.NotFound", "Tessera.InvalidArgument"], errors.Select(error => error.FullyQualifiedErrorId.Split(',')[0]));
        Assert.Equal(3, _session.Run("Get-TesseraToken -State Revoked").Length);
    }

    [Fact]
    public void Revoked_token_keeps_its_record_and_a_removed_one_does_not()
    {
        _session.Run("$first = Grant-TesseraToken Adam; $second = Grant-TesseraToken Adam");

        _session.Run("$first | Revoke-TesseraToken -Reason lost -Confirm:$false; $first | Revoke-TesseraToken -Reason again -Confirm:$false");
        _session.Run("$second | Remove-TesseraToken -Confirm:$false");

        Assert.Equal("lost", _session.Single<Token>("Get-TesseraToken").RevokedReason);
        Assert.Equal(Outcome.Revoked, _session.Single<Verdict>("$first | Test-TesseraToken -Detailed").Outcome);
        Assert.Equal(Outcome.Unknown, _session.Single<Verdict>("$second | Test-TesseraToken -Detailed").Outcome);
    }

    [Fact]
    public void Remark_and_tags_are_set_and_cleared()
    {
        _session.Run("$grant = Grant-TesseraToken Adam -Remark old -Tag old");

        Token set = _session.Single<Token>("$grant | Set-TesseraToken -Remark new -Tag b, a -PassThru");
        Assert.Equal(("new", "a, b"), (set.Remark, string.Join(", ", set.Tags)));

        Assert.Empty(_session.Run("$grant | Set-TesseraToken -Remark ''"));
        Token cleared = _session.Single<Token>("$grant | Set-TesseraToken -Tag @() -PassThru");
        Assert.True(string.IsNullOrEmpty(cleared.Remark));
        Assert.Empty(cleared.Tags);
    }

    [Fact]
    public void Identity_is_made_read_changed_and_removed_with_its_tokens()
    {
        Assert.Equal(["Eve", "Evelyn"], _session.Run("'Eve', 'Evelyn' | New-TesseraIdentity -Role Reader").Cast<Identity>().Select(identity => identity.Name));
        Assert.Equal(["Eve", "Evelyn"], _session.Run("Get-TesseraIdentity eve*").Cast<Identity>().Select(identity => identity.Name));
        Assert.Equal(["Adam", "Eve"], _session.Run("Get-TesseraIdentity adam, EVE").Cast<Identity>().Select(identity => identity.Name));
        Assert.Empty(_session.Run("Get-TesseraIdentity x*"));

        Identity changed = _session.Single<Identity>("Get-TesseraIdentity Eve | Set-TesseraIdentity -Role Operator -Password 'correct horse' -PassThru");
        Assert.Equal(["Operator"], changed.Roles);
        Assert.True(changed.HasPassword);
        Assert.False(_session.Single<Identity>("Set-TesseraIdentity Eve -NoPassword -PassThru").HasPassword);
        Assert.Empty(_session.Single<Identity>("Set-TesseraIdentity Eve -Role @() -PassThru").Roles);

        _session.Run("$grant = Grant-TesseraToken Adam; Get-TesseraIdentity Adam | Remove-TesseraIdentity -Confirm:$false");
        Assert.Equal(Outcome.Revoked, _session.Single<Verdict>("$grant | Test-TesseraToken -Detailed").Outcome);
    }

    [Fact]
    public void Role_of_an_identity_bounds_its_tokens_at_once()
    {
        _session.Run("$grant = Grant-TesseraToken Adam; $null = Set-TesseraIdentity Adam -Role Reader");

        Assert.Equal(Outcome.RoleDenied, _session.Single<Verdict>("$grant | Test-TesseraToken -Role Operator -Detailed").Outcome);
        Assert.True(_session.Single<bool>("$grant | Test-TesseraToken -Role (Get-TesseraRole Reader)"));
    }

    [Fact]
    public void Roles_are_listed_by_name_with_wildcards()
    {
        Assert.Equal(3, _session.Run("Get-TesseraRole").Length);
        Assert.Equal("Reader", _session.Single<Role>("Get-TesseraRole read*").Name);
        Assert.Equal("Administrator", _session.Single<Role>("'administrator' | Get-TesseraRole").Name);
        Assert.Empty(_session.Run("Get-TesseraRole [a-z]*"));
    }

    [Fact]
    public void Signing_key_is_made_exported_revoked_and_removed()
    {
        _session.Run(
            """
            $first = New-TesseraSigningKey
            $second = New-TesseraSigningKey EdDSA
            $third = New-TesseraSigningKey ES384
            $grant = Grant-TesseraToken Adam -Format Jwt -KeyId $first -ExpiresIn 1:00:00
            """);

        Assert.Equal(3, _session.Run("Get-TesseraSigningKey").Length);
        Assert.Equal(SigningAlgorithm.EdDSA, _session.Single<SigningKey>("$second | Get-TesseraSigningKey").Algorithm);
        Assert.Contains("\"keys\"", _session.Single<string>("Export-TesseraSigningKey"), StringComparison.Ordinal);
        Assert.StartsWith("-----BEGIN PUBLIC KEY-----", _session.Single<string>("$second | Export-TesseraSigningKey -As Pem"), StringComparison.Ordinal);
        Assert.True(_session.Single<bool>("$grant | Test-TesseraToken"));

        _session.Run("$first | Revoke-TesseraSigningKey -Reason old -Confirm:$false; $second.KeyId | Remove-TesseraSigningKey -Confirm:$false");
        Assert.Equal("old", _session.Single<SigningKey>("Get-TesseraSigningKey $first").RevokedReason);
        Assert.Equal(Outcome.Revoked, _session.Single<Verdict>("$grant | Test-TesseraToken -Detailed").Outcome);
        Assert.Equal(2, _session.Run("Get-TesseraSigningKey").Length);
    }

    [Fact]
    public void Public_keys_are_written_to_a_file_and_never_over_another()
    {
        string file = Path.Combine(_session.Folder, "keys.json");
        _session.Run("$null = New-TesseraSigningKey");

        FileInfo written = _session.Single<FileInfo>($"Export-TesseraSigningKey -Path '{file}'");
        Assert.Equal(file, written.FullName);
        Assert.StartsWith("{\"keys\"", File.ReadAllText(file), StringComparison.Ordinal);

        Assert.Equal("Tessera.AlreadyExists", _session.Error($"Export-TesseraSigningKey -Path '{file}'").FullyQualifiedErrorId.Split(',')[0]);
        _session.Run($"Export-TesseraSigningKey -As Pem -Path '{file}' -Force");
        Assert.StartsWith("-----BEGIN", File.ReadAllText(file), StringComparison.Ordinal);
    }

    [Fact]
    public void Json_web_token_of_own_claims_is_read_back_with_them()
    {
        JsonWebToken token = _session.Single<JsonWebToken>(
            """
            New-TesseraJsonWebToken -Kind JsonWebToken -SigningKey ('x' * 32) -Claims ([ordered] @{
                iss = 'here'
                sub = 'Adam'
                aud = 'a', 'b'
                iat = [DateTimeOffset] '2034-06-01T00:00:00Z'
                exp = ([DateTimeOffset] '2035-01-01T00:00:00Z').UtcDateTime
                since = [DateTimeOffset] '2026-01-02T03:04:05+01:00'
                count = 42
                share = 0.5
                isGood = $true
                nothing = $null
                nested = @{ list = 1, 'two', @{ three = [long]::MaxValue } }
                row = [pscustomobject] @{ a = 1 }
                kind = [System.DayOfWeek]::Friday
            }) | ConvertTo-TesseraJsonWebToken
            """);

        Assert.Equal(["a", "b"], token.Audiences);
        Assert.Equal(new DateTime(2035, 1, 1, 0, 0, 0, DateTimeKind.Utc), token.ValidTo);
        Assert.Contains(
            """
            "since":"2026-01-02T03:04:05+01:00","count":42,"share":0.5,"isGood":true,"nothing":null,"nested":{"list":[1,"two",{"three":9223372036854775807}]},"row":{"a":1},"kind":"Friday"
            """,
            System.Text.Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(token.RawPayload)),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ES256", "Pem")]
    [InlineData("EdDSA", "Pem")]
    [InlineData("ES256", "Jwk")]
    public void Json_web_token_is_verified_with_a_public_key_in_text(string algorithm, string form)
    {
        _session.Run($"$key = New-TesseraSigningKey {algorithm}; $token = New-TesseraJsonWebToken @{{ sub = 'a'; aud = 'b'; client_id = 'a' }}; $other = New-TesseraSigningKey {algorithm}");
        string Verify(string key)
        {
            string text = form == "Pem"
                ? $"(Export-TesseraSigningKey {key} -As Pem)"
                : $"((Export-TesseraSigningKey {key}) -replace '^.*?\\[' -replace '\\].*$')";
            return $"Test-TesseraJsonWebToken $token -Issuer (ConvertTo-TesseraJsonWebToken $token).Issuer -SigningKey {text}";
        }

        Assert.True(_session.Single<bool>(Verify("$key")));
        Assert.False(_session.Single<bool>(Verify("$other")));
    }

    [Fact]
    public void Short_key_is_warned_about_at_each_use()
    {
        string shown = _session.Show(
            """
            $claims = [ordered] @{
                'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name' = 'Adam'
                'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/hash' = 'de19e3e8-2be5-4ad6-a14c-b0988979773c'
                sub = 'UniversalDashboard'
                aud = 'UniversalDashboard'
            }
            $token = New-TesseraJsonWebToken $claims -Kind UniversalDashboard -SigningKey SuperSecretKey
            Test-TesseraJsonWebToken $token -Kind UniversalDashboard -SigningKey SuperSecretKey
            """);

        Assert.Equal(2, shown.Split("WARNING:").Length - 1);
        Assert.Contains("True", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void Objects_that_are_no_such_thing_are_not_taken_by_their_text()
    {
        _session.Run("$grant = Grant-TesseraToken Adam -Name Adam; $token = Get-TesseraToken");

        Assert.Contains("ParameterArgumentTransformationError", _session.Error("$token | Remove-TesseraIdentity -Confirm:$false").FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains("ParameterArgumentTransformationError", _session.Error("Get-TesseraRole Reader | New-TesseraIdentity").FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains("ParameterArgumentTransformationError", _session.Error("$token | Remove-TesseraSigningKey -Confirm:$false").FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.NotEmpty(_session.Errors("Get-TesseraIdentity | Remove-TesseraToken -Confirm:$false"));
        Assert.Single(_session.Run("Get-TesseraIdentity"));
        Assert.Single(_session.Run("Get-TesseraToken -State Active"));
    }
}
