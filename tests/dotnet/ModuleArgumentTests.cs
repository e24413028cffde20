using System.Management.Automation;

namespace Tessera.Tests;

/// <summary>What is typed for an argument means the same in every culture, and what is refused is not repeated.</summary>
public sealed class ModuleArgumentTests : IDisposable
{
    private const string Secret = "tsr_0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijk";

    private readonly ModuleSession _session = new();

    public ModuleArgumentTests() => _session.Run("$null = New-TesseraIdentity Adam -Role Operator");

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("fa-IR")]
    [InlineData("th-TH")]
    [InlineData("ar-SA")]
    [InlineData("de-DE")]
    public void Times_mean_the_same_in_every_culture(string culture)
    {
        // The culture holds for the thread of one pipeline.
        string before = $"[cultureinfo]::CurrentCulture = '{culture}'; ";
        Token token = _session.Single<Token>(
            before + "$grant = Grant-TesseraToken Adam -ExpiresAt '02/01/2038 03:14:07' -NotBefore 2036-03-04; $grant | Get-TesseraToken");
        Assert.Equal(new DateTimeOffset(new DateTime(2038, 2, 1, 3, 14, 7, DateTimeKind.Local)), token.ExpiresAt);
        Assert.Equal(new DateTimeOffset(new DateTime(2036, 3, 4, 0, 0, 0, DateTimeKind.Local)), token.NotBefore);

        Assert.Single(_session.Run(before + "Get-TesseraToken -ExpiresAfter 2038-02-01 -ExpiresBefore 2038-02-02"));
        Assert.Equal(
            TimeSpan.FromSeconds(90),
            _session.Single<TimeSpan>(before + "$grant = Grant-TesseraToken Adam -ExpiresIn 0:01:30.000; $grant.ExpiresAt - $grant.CreatedAt"));
        Assert.Equal(
            "Valid Expired",
            _session.Single<string>(before + """
                $secret = 'x' * 32
                $token = New-TesseraJsonWebToken -SigningKey $secret -Kind JsonWebToken -Claims @{
                    iss = 'i'; sub = 'a'; aud = 'b'; iat = [DateTimeOffset]::new(2029, 12, 31, 0, 0, 0, 0); exp = [DateTimeOffset]::new(2030, 1, 2, 0, 0, 0, 0) }
                $outcomes = '2030-01-01T00:00:00Z', '2030-01-03T00:00:00Z' | ForEach-Object {
                    (Test-TesseraJsonWebToken $token -SigningKey $secret -Kind JsonWebToken -At $_ -Detailed).Outcome }
                "$outcomes"
                """));
    }

    [Theory]
    [InlineData("Grant-TesseraToken Adam -ExpiresAt $value")]
    [InlineData("Grant-TesseraToken Adam -ExpiresAt 5")]
    [InlineData("Grant-TesseraToken Adam -ExpiresIn $value")]
    [InlineData("Grant-TesseraToken Adam -NotBefore $value")]
    [InlineData("Grant-TesseraToken Adam -Format $value")]
    [InlineData("Update-TesseraToken AAAAAAAAAAAA -Mode $value")]
    [InlineData("Update-TesseraToken AAAAAAAAAAAA -Grace $value")]
    [InlineData("Update-TesseraToken AAAAAAAAAAAA -Deadline $value")]
    [InlineData("Update-TesseraToken AAAAAAAAAAAA -Vault $value")]
    [InlineData("Update-TesseraToken $value")]
    [InlineData("Disable-TesseraToken $value")]
    [InlineData("Enable-TesseraToken $value")]
    [InlineData("Grant-TesseraToken Adam -Uses $value")]
    [InlineData("Grant-TesseraToken Adam -RateLimit $value")]
    [InlineData("Grant-TesseraToken Adam -RatePeriod $value")]
    [InlineData("Grant-TesseraToken Adam -WarnAfter $value")]
    [InlineData("New-TesseraProfile Mine -Clear $value")]
    [InlineData("New-TesseraProfile Mine -Clear DefaultTag, $value")]
    [InlineData("New-TesseraProfile Mine -MaximumTagCharacters $value")]
    [InlineData("New-TesseraProfile Mine -DeniedEndpoint \"a b $value\"")]
    [InlineData("New-TesseraProfile Mine -BoundedBy $value")]
    [InlineData("Connect-Tessera -Credential $value")]
    [InlineData("Get-TesseraToken -ExpiresAfter $value")]
    [InlineData("Get-TesseraToken -ExpiresBefore $value")]
    [InlineData("Get-TesseraToken -State $value")]
    [InlineData("Get-TesseraToken -Store $value")]
    [InlineData("$value | Get-TesseraToken -State Active")]
    [InlineData("Disconnect-Tessera -Store $value")]
    [InlineData("New-TesseraSigningKey $value")]
    [InlineData("New-TesseraJsonWebToken $value")]
    [InlineData("$value | New-TesseraJsonWebToken")]
    [InlineData("New-TesseraJsonWebToken @{} -ExpiresIn $value")]
    [InlineData("New-TesseraJsonWebToken @{} -Kind $value")]
    [InlineData("New-TesseraJsonWebToken @{} -Algorithm $value")]
    [InlineData("New-TesseraJsonWebToken @{} -SigningKey x -KeyKind $value")]
    [InlineData("Test-TesseraJsonWebToken x -At $value")]
    [InlineData("Test-TesseraJsonWebToken x -Kind $value")]
    [InlineData("Export-TesseraSigningKey -As $value")]
    public void Argument_of_another_kind_is_refused_without_being_repeated(string script)
    {
        _session.Run($"$value = '{Secret}'");

        ErrorRecord error = _session.Error(script);

        Assert.Matches("^(ParameterArgumentTransformationError|Tessera.InvalidArgument),", error.FullyQualifiedErrorId);
        Assert.DoesNotContain(Secret, $"{error}\n{error.Exception}\n{error.TargetObject}\n{error.CategoryInfo}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("New-TesseraIdentity 1001", "1001")]
    [InlineData("New-TesseraIdentity 007", "007")]
    [InlineData("New-TesseraIdentity 1.50", "1.50")]
    [InlineData("8..9 | New-TesseraIdentity", "8 9")]
    [InlineData("$null = New-TesseraIdentity 1001; Get-TesseraIdentity 1001", "1001")]
    public void Number_is_taken_for_a_name_as_it_was_typed(string script, string names)
    {
        Assert.Equal(names, string.Join(' ', _session.Run(script).Cast<Identity>().Select(identity => identity.Name)));
    }

    [Fact]
    public void Text_from_the_pipeline_is_never_taken_for_an_identitys_name()
    {
        _session.Run("$null = New-TesseraIdentity Eve; $grant = Grant-TesseraToken Adam");

        Assert.StartsWith("Tessera.InvalidArgument", _session.Error("'Adam' | Get-TesseraToken -State Active").FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.StartsWith("Tessera.InvalidArgument", _session.Error("$grant | Get-TesseraToken -State Active").FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal("Adam", _session.Single<Token>("Get-TesseraIdentity | Get-TesseraToken -State Active").Identity);
        Assert.StartsWith("Tessera.InvalidArgument", _session.Error("Get-TesseraIdentity Eve | Get-TesseraToken -Identity Adam").FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void Identity_that_never_was_is_an_error_and_a_removed_one_still_has_its_tokens()
    {
        _session.Run("$null = New-TesseraIdentity Eve; $null = Grant-TesseraToken Eve; $null = New-TesseraIdentity Idle");

        Assert.StartsWith("Tessera.NotFound", _session.Error("Get-TesseraToken -Identity Nobody").FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Empty(_session.Run("Get-TesseraToken -Identity Idle"));
        Assert.Empty(_session.Run("Get-TesseraToken -Identity Eve -Skip 1"));
        _session.Run("Remove-TesseraIdentity Eve -Confirm:$false");
        Assert.Equal(TokenState.Revoked, _session.Single<Token>("Get-TesseraToken -Identity Eve").State);
    }

    [Fact]
    public void Total_is_told_once_however_many_come_through_the_pipeline()
    {
        object?[] results = _session.Run("$grants = 1..3 | ForEach-Object { Grant-TesseraToken Adam }; $grants | Get-TesseraToken -IncludeTotalCount");

        Assert.Equal(3, results.OfType<Token>().Count());
        Assert.Equal(4, results.Length);
    }

    [Fact]
    public void Secret_is_taken_from_a_property_of_any_object()
    {
        _session.Run(
            """
            class Login { [string] $Token }
            class Other { [string] $Value }
            $login = [Login]::new()
            $login.Token = (Grant-TesseraToken Adam -AsPlainText).Token
            """);

        Assert.True(_session.Single<bool>("$login | Test-TesseraToken"));
        Assert.True(_session.Single<bool>("Test-TesseraToken $login"));
        Assert.StartsWith("Tessera.InvalidArgument", _session.Error("[Other]::new() | Test-TesseraToken").FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("@{ sub = , [System.Linq.Enumerable]::Cast[int]([object[]] @('no number')) }")]
    [InlineData("@{ sub = , [System.Linq.Enumerable]::Repeat('endless', [int]::MaxValue) }")]
    public void Claim_that_cannot_be_written_is_a_typed_error(string claims)
    {
        ErrorRecord error = _session.Error($"$claims = {claims}; New-TesseraJsonWebToken $claims -SigningKey ('x' * 32) -Kind JsonWebToken");

        Assert.StartsWith("Tessera.InvalidArgument", error.FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void Payload_of_a_token_is_taken_as_the_claims_of_another()
    {
        string Payload(string token) => _session.Single<string>($"[System.Text.Encoding]::UTF8.GetString([Convert]::FromBase64String(((ConvertTo-TesseraJsonWebToken {token}).RawPayload.Replace('-', '+').Replace('_', '/') + '===').Substring(0, 4 * [Math]::Ceiling((ConvertTo-TesseraJsonWebToken {token}).RawPayload.Length / 4))))");
        _session.Run(
            """
            $key = @{ SigningKey = 'x' * 32; Kind = 'JsonWebToken' }
            $first = New-TesseraJsonWebToken @key ([ordered] @{
                iss = 'i'; sub = 'a'; aud = 'b', 'c'; iat = 1893455000; exp = 1893459600; jti = 'd'
                table = [ordered] @{ text = 'ü "'; list = 1, 2.5, $true, $null, @{ deep = 'er' } }; list = @(1, @(2)) })
            $second = New-TesseraJsonWebToken @key (ConvertTo-TesseraJsonWebToken $first).Payload
            """);

        Assert.Contains("\"deep\":\"er\"", Payload("$first"), StringComparison.Ordinal);
        Assert.Equal(Payload("$first"), Payload("$second"));

        _session.Run("$payload = (ConvertTo-TesseraJsonWebToken $first).Payload; $at = $payload; 1..14 | ForEach-Object { $at = @{ x = $at } }");
        Assert.StartsWith("Tessera.InvalidArgument", _session.Error("New-TesseraJsonWebToken @key $at").FullyQualifiedErrorId, StringComparison.Ordinal);
    }
}

/// <summary>Times at the edge of the calendar, where the local time is ahead of UTC. This changes the time zone of the whole process.</summary>
[Collection(nameof(ProcessEnvironment))]
public sealed class ModuleTimeZoneTests : IDisposable
{
    private readonly string? _before = Environment.GetEnvironmentVariable("TZ");

    public ModuleTimeZoneTests() => SetTimeZone("Asia/Tokyo");

    public void Dispose() => SetTimeZone(_before);

    [Theory]
    [InlineData("New-TesseraJsonWebToken @{ sub = [datetime]::MinValue } -SigningKey ('x' * 32) -Kind JsonWebToken", "Tessera.InvalidArgument")]
    [InlineData("Get-TesseraToken -ExpiresAfter ([datetime]::MinValue)", "ParameterArgumentTransformationError")]
    public void Time_before_the_first_in_utc_is_a_clear_error(string script, string id)
    {
        if (TimeZoneInfo.Local.BaseUtcOffset <= TimeSpan.Zero)
        {
            // This system takes no time zone from the environment.
            return;
        }

        using var session = new ModuleSession();

        Assert.StartsWith(id, session.Error(script).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    private static void SetTimeZone(string? name)
    {
        Environment.SetEnvironmentVariable("TZ", name);
        TimeZoneInfo.ClearCachedData();
    }
}
