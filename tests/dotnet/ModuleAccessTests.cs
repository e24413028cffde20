using System.Management.Automation;

namespace Tessera.Tests;

/// <summary>Who acts, and the rules that an administrator makes: sign-in, roles, profiles, organisations, and grants under
/// them.</summary>
public sealed class ModuleAccessTests : IDisposable
{
    private const string Password = "correct horse Eve";

    private readonly ModuleSession _session = new();

    public ModuleAccessTests() => _session.Run(
        $$"""
        $null = New-TesseraIdentity Adam -Role Operator
        $null = New-TesseraIdentity Eve -Role Reader -Password '{{Password}}'
        $path = '{{_session.Path}}'
        function global:Credential($name, $password) {
            $secure = [System.Security.SecureString]::new()
            foreach ($character in $password.ToCharArray()) { $secure.AppendChar($character) }
            [pscredential]::new($name, $secure)
        }
        """);

    public void Dispose() => _session.Dispose();

    [Fact]
    public void Session_acts_as_the_identity_that_signed_in_until_the_owner_connects_again()
    {
        _session.Run($"$adams = Grant-TesseraToken Adam; Connect-Tessera $path -Credential (Credential eve '{Password}')");

        Assert.Equal("Eve", _session.Single<TokenStore>($"Connect-Tessera $path -Credential (Credential eve '{Password}') -PassThru").SignedInIdentity);
        ErrorRecord refused = _session.Error("New-TesseraRole Mine");
        AssertError(refused, "NotPermitted", ErrorCategory.PermissionDenied);
        Assert.Contains("Administrator", refused.ToString(), StringComparison.Ordinal);
        AssertError(_session.Error("Grant-TesseraToken Adam"), "NotPermitted", ErrorCategory.PermissionDenied);
        AssertError(_session.Error("New-TesseraIdentity Mallory"), "NotPermitted", ErrorCategory.PermissionDenied);
        Assert.Equal("Eve", _session.Single<Token>("$own = Grant-TesseraToken Eve; Get-TesseraToken").CreatedBy);

        // Invisible and unknown are one.
        string Refusal(string id) => _session.Error($"Revoke-TesseraToken {id} -Confirm:$false").ToString();
        string adams = _session.Single<string>("$adams.Id");
        Assert.Equal(Refusal("000000000000"), Refusal(adams).Replace(adams, "000000000000", StringComparison.Ordinal));

        Assert.Null(_session.Single<TokenStore>("Connect-Tessera $path -PassThru").SignedInIdentity);
        Assert.Equal(2, _session.Run("Get-TesseraToken").Length);
    }

    [Theory]
    [InlineData("Eve", "correct horse Eva")]
    [InlineData("Nobody", Password)]
    [InlineData("Adam", Password)]
    public void Refused_sign_in_says_the_same_whatever_was_wrong_and_leaves_the_session_as_it_was(string name, string password)
    {
        ErrorRecord error = _session.Error($"Connect-Tessera $path -Credential (Credential {name} '{password}')");

        AssertError(error, "NotPermitted", ErrorCategory.PermissionDenied);
        Assert.Equal("The name and the password do not go together.", error.ToString());
        Assert.DoesNotContain(password, $"{error}{error.Exception}{error.TargetObject}", StringComparison.Ordinal);
        Assert.Equal("Mine", _session.Single<Role>("New-TesseraRole Mine").Name);
    }

    [Fact]
    public void Nobody_signs_in_to_a_store_that_is_not_there()
    {
        string path = Path.Combine(_session.Folder, "none.db");

        Assert.StartsWith("Tessera.Store", _session.Error($"Connect-Tessera '{path}' -Credential (Credential Eve '{Password}')").FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.False(File.Exists(path));
        Assert.Equal(2, _session.Run("Get-TesseraIdentity").Length);
    }

    [Fact]
    public void Token_that_signs_in_grants_nothing_wider_than_itself()
    {
        _session.Run("$reader = Grant-TesseraToken Adam -Role Reader; Connect-Tessera $path -Token $reader.Token");

        AssertError(_session.Error("Grant-TesseraToken Adam -Role Operator"), "NotPermitted", ErrorCategory.PermissionDenied);
        AssertError(_session.Error("Grant-TesseraToken Adam -NoExpiry"), "NotPermitted", ErrorCategory.PermissionDenied);
        Token child = _session.Single<Token>("$child = Grant-TesseraToken Adam; Get-TesseraToken $child");
        Assert.Equal(_session.Single<string>("$reader.Id"), child.Parent);
        Assert.False(_session.Single<bool>("Test-TesseraToken $child -Role Operator"));

        _session.Run("Connect-Tessera $path; Revoke-TesseraToken $reader -Confirm:$false");
        Assert.False(_session.Single<bool>("Test-TesseraToken $child"));
        ErrorRecord refused = _session.Error("Connect-Tessera $path -Token $reader.Token");
        AssertError(refused, "NotPermitted", ErrorCategory.PermissionDenied);
        Assert.Contains("Revoked", refused.ToString(), StringComparison.Ordinal);
        _session.Run("$rubrik = Grant-TesseraToken Adam -Profile Rubrik");
        Assert.Contains("OperationDenied", _session.Error("Connect-Tessera $path -Token $rubrik").ToString(), StringComparison.Ordinal);
        Assert.StartsWith("Tessera.InvalidArgument", _session.Error("Connect-Tessera $path -Token 5").FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void Role_of_ones_own_is_made_changed_and_taken_from_everyone()
    {
        Role made = _session.Single<Role>("New-TesseraRole Deploy -Include Reader");
        Assert.Equal(["Reader"], made.Includes);
        Assert.Equal(["Operator"], _session.Single<Role>("Get-TesseraRole Deploy | Set-TesseraRole -Include operator -PassThru").Includes);
        Assert.Empty(_session.Single<Role>("Set-TesseraRole Deploy -Include @() -PassThru").Includes);
        _session.Run("Set-TesseraIdentity Eve -Role Deploy; Remove-TesseraRole Deploy -Confirm:$false");
        Assert.Empty(_session.Single<Identity>("Get-TesseraIdentity Eve").Roles);

        AssertError(_session.Error("Remove-TesseraRole Deploy -Confirm:$false"), "NotFound", ErrorCategory.ObjectNotFound);
        AssertError(_session.Error("Set-TesseraRole Reader -Include @()"), "NotPermitted", ErrorCategory.PermissionDenied);
        AssertError(_session.Error("New-TesseraRole reader"), "AlreadyExists", ErrorCategory.ResourceExists);
        Assert.EndsWith("Get-TesseraRole lists them.", _session.Error("Set-TesseraRole Nothing -Include Reader").ToString(), StringComparison.Ordinal);
        Assert.EndsWith("Get-TesseraRole lists them.", _session.Error("New-TesseraRole Mine -Include Nothing").ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Profile_is_a_copy_with_other_settings_and_keeps_those_that_are_not_given()
    {
        ProfileSettings made = _session.Single<Profile>(
            """
            New-TesseraProfile Mine -BasedOn Rubrik -MaximumLifetime 2:00:00 -DeniedOperation token.grant, report.run -OwnerOnly `
                -DeniedEndpoint '/admin/**', 'DELETE,PUT /users/*' -WarnBefore 0:10:00 -BoundedBy Both -MaximumTagCharacters 9 -Clear RemoveExpiredAfter
            """).Settings;
        Assert.Equal(TimeSpan.FromHours(2), made.MaximumLifetime);
        Assert.Equal(["report.run", "token.grant"], made.DeniedOperations);
        Assert.Equal("/admin/**|DELETE+PUT /users/*", string.Join('|', made.DeniedEndpoints.Select(endpoint => $"{string.Join('+', endpoint.Methods)} {endpoint.Path}".Trim())));
        Assert.Equal((true, TimeSpan.FromMinutes(10), TokenBound.Both, 9), (made.OwnerOnly, made.WarnBefore, made.BoundedBy, made.MaximumTagCharacters));
        Assert.Null(made.RemoveExpiredAfter);
        Assert.Equal(("API Token", TimeSpan.FromMinutes(1), false), (made.DefaultTag, made.MinimumLifetime, made.AllowsNever));

        ProfileSettings changed = _session.Single<Profile>(
            "Get-TesseraProfile mine | Set-TesseraProfile -OwnerOnly:$false -Clear DefaultTag, WarnBefore -DeniedOperation @() -PassThru").Settings;
        Assert.Equal((false, null, null), (changed.OwnerOnly, changed.DefaultTag, changed.WarnBefore));
        Assert.Empty(changed.DeniedOperations);
        Assert.Equal((TimeSpan.FromHours(2), TokenBound.Both, 2), (changed.MaximumLifetime, changed.BoundedBy, changed.DeniedEndpoints.Count));
    }

    [Fact]
    public void Token_follows_its_profile_which_stays_while_it_does()
    {
        _session.Run("$null = New-TesseraProfile Mine -BasedOn Rubrik; $grant = Grant-TesseraToken Adam -Profile mine");
        Assert.Equal(("Mine", TimeSpan.FromHours(1)), (_session.Single<string>("$grant.Profile"), _session.Single<TimeSpan>("$grant.ExpiresAt - $grant.CreatedAt")));

        Assert.True(_session.Single<bool>("Test-TesseraToken $grant -Operation report.run"));
        _session.Run("Set-TesseraProfile Mine -DeniedOperation report.run");
        Assert.False(_session.Single<bool>("Test-TesseraToken $grant -Operation report.run"));
        AssertError(_session.Error("Remove-TesseraProfile Mine -Confirm:$false"), "Conflict", ErrorCategory.InvalidOperation);
        _session.Run("Remove-TesseraToken $grant -Confirm:$false; Remove-TesseraProfile Mine -Confirm:$false");
        Assert.Equal(6, _session.Run("Get-TesseraProfile").Length);
        Assert.Equal("Rubrik", _session.Single<Profile>("Get-TesseraProfile Rub*").Name);
    }

    [Fact]
    public void Value_is_read_again_where_the_profile_keeps_values()
    {
        _session.Run("$null = New-TesseraProfile Kept -KeepsValues; $kept = Grant-TesseraToken Adam -Profile Kept -AsPlainText; $other = Grant-TesseraToken Adam -Organization @()");

        Assert.True(_session.Single<bool>("(Get-TesseraToken $kept -Value -AsPlainText).Token -ceq $kept.Token"));
        Assert.IsType<System.Security.SecureString>(Assert.Single(_session.Run("(Get-TesseraToken -Profile kept -Value).Token")));
        AssertError(_session.Error("Get-TesseraToken $other -Value"), "NotPermitted", ErrorCategory.PermissionDenied);
        AssertError(_session.Error("Get-TesseraToken $kept -Value -Usage"), "InvalidArgument", ErrorCategory.InvalidArgument);
        AssertError(_session.Error("Get-TesseraToken $kept -AsPlainText"), "InvalidArgument", ErrorCategory.InvalidArgument);
    }

    [Fact]
    public void Tokens_are_found_by_profile_organisation_and_key()
    {
        _session.Run(
            """
            $null = New-TesseraOrganization North -Member Adam
            $null = Grant-TesseraToken Adam
            $rubrik = Grant-TesseraToken Adam -Profile Rubrik
            $north = Grant-TesseraToken Adam -Organization North
            $web = Grant-TesseraToken Adam -Format Jwt
            """);

        Assert.Equal(_session.Single<string>("$rubrik.Id"), _session.Single<Token>("Get-TesseraToken -Profile (Get-TesseraProfile Rubrik)").Id);
        Assert.Equal(_session.Single<string>("$north.Id"), _session.Single<Token>("Get-TesseraToken -Organization north").Id);
        Assert.Equal(_session.Single<string>("$web.Id"), _session.Single<Token>("Get-TesseraToken -KeyId $web.KeyId").Id);
        Assert.Empty(_session.Run("Get-TesseraToken -Profile Rubrik -Organization North"));
    }

    [Theory]
    [InlineData("Set-TesseraProfile Rubrik -OwnerOnly", "NotPermitted")]
    [InlineData("Remove-TesseraProfile Rubrik -Confirm:$false", "NotPermitted")]
    [InlineData("New-TesseraProfile rubrik", "NotPermitted")]
    [InlineData("New-TesseraProfile Mine -BasedOn None", "NotFound")]
    [InlineData("Get-TesseraProfile None", "NotFound")]
    [InlineData("Remove-TesseraProfile None -Confirm:$false", "NotFound")]
    [InlineData("Set-TesseraProfile Rubrik", "InvalidArgument")]
    [InlineData("New-TesseraProfile Mine -MaximumLifetime 1.00:00:00", "InvalidArgument")]
    [InlineData("New-TesseraProfile Mine -Prefix 'NOT SO'", "InvalidArgument")]
    [InlineData("New-TesseraProfile Mine -RequiredRole None", "NotFound")]
    [InlineData("Grant-TesseraToken Adam -Profile None", "NotFound")]
    [InlineData("Grant-TesseraToken Adam -Profile AppNeta", "InvalidArgument")]
    [InlineData("Grant-TesseraToken Adam -Profile Enterprise -Name x", "NotPermitted")]
    [InlineData("Grant-TesseraToken Adam -Organization None", "NotFound")]
    [InlineData("Grant-TesseraToken Adam -RatePeriod 0:01:00", "InvalidArgument")]
    [InlineData("Grant-TesseraToken Adam -Uses 0", "InvalidArgument")]
    [InlineData("Grant-TesseraToken Adam -AllowedAddress nowhere", "InvalidArgument")]
    [InlineData("Grant-TesseraToken Adam -RequiredRole None", "NotFound")]
    [InlineData("New-TesseraOrganization 'a,b'", "InvalidArgument")]
    [InlineData("New-TesseraOrganization North -Member Nobody", "NotFound")]
    [InlineData("Get-TesseraOrganization North", "NotFound")]
    [InlineData("Set-TesseraOrganization North -AddMember Adam", "NotFound")]
    [InlineData("Remove-TesseraOrganization North -Confirm:$false", "NotFound")]
    [InlineData("$null = New-TesseraOrganization North; Set-TesseraOrganization North", "InvalidArgument")]
    [InlineData("$null = New-TesseraOrganization North; Set-TesseraOrganization North -RemoveMember Adam", "NotFound")]
    public void What_cannot_be_is_an_error_with_its_id(string script, string id)
    {
        Assert.StartsWith($"Tessera.{id},", _session.Error(script).FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void Organisation_is_made_and_its_members_are_changed()
    {
        string Members(string script) => string.Join(' ', _session.Single<Organization>(script).Members.Select(member => member.Identity + (member.IsAdministrator ? "*" : "")));

        Assert.Equal("Adam Eve*", Members("New-TesseraOrganization North -Member adam, eve -Administrator EVE"));
        Assert.Equal("Adam* Eve", Members("Get-TesseraOrganization north | Set-TesseraOrganization -AddMember Eve -AddAdministrator Adam -PassThru"));
        Assert.Equal("Eve", Members("Set-TesseraOrganization North -RemoveMember ADAM -PassThru"));
        _session.Run("$dynamic = Grant-TesseraToken Eve; $static = Grant-TesseraToken Eve -Organization north; $null = New-TesseraOrganization South -Member Eve");
        string Access(string organization) => string.Join(' ', _session.Run($"$dynamic, $static | Test-TesseraToken -Organization {organization}"));
        Assert.Equal("True True", Access("North"));
        Assert.Equal("True False", Access("South"));
        Assert.Equal(2, _session.Run("Get-TesseraOrganization *th").Length);
        _session.Run("Get-TesseraOrganization North | Remove-TesseraOrganization -Confirm:$false");
        Assert.Equal("False False", Access("North"));
    }

    [Fact]
    public void Token_is_tied_to_every_condition_that_its_grant_names()
    {
        Token token = _session.Single<Token>(
            """
            $grant = Grant-TesseraToken Adam -Uri https://api.example/jobs -Referrer example.com -AllowedAddress 192.0.2.0/24 `
                -DeniedAddress 192.0.2.7 -Method GET, HEAD -Operation report.run -RequiredRole Reader -Uses 3 -RateLimit 2 -RatePeriod 1:00:00 `
                -Audience jobs -WarnAfter 2038-01-01T00:00:00Z -ExpiresAt 2038-01-19T00:00:00Z
            $grant | Get-TesseraToken
            """);

        TokenConditions conditions = token.Conditions;
        Assert.Equal(("https://api.example/jobs", null, true), (conditions.Subject, conditions.Referrer, token.HasReferrer));
        Assert.Equal("192.0.2.0/24|192.0.2.7|GET HEAD|report.run|Reader", string.Join('|', new[] { conditions.AllowedAddresses, conditions.DeniedAddresses, conditions.Methods, conditions.Operations, conditions.RequiredRoles }.Select(list => string.Join(' ', list))));
        Assert.Equal((3L, 3L, 2, TimeSpan.FromHours(1)), (conditions.Uses, token.UsesLeft, conditions.RateLimit?.Uses, conditions.RateLimit?.Period));
        Assert.Equal(["jobs"], token.Audiences);
        Assert.Equal(new DateTimeOffset(2038, 1, 1, 0, 0, 0, TimeSpan.Zero), token.WarnAfter);

        _session.Run("$good = @{ Uri = 'https://api.example/jobs/5'; Referrer = 'https://www.example.com/'; RemoteAddress = '192.0.2.1'; Method = 'GET'; Operation = 'report.run' }");
        string Outcome(string change) => _session.Single<Verdict>($"$asked = $good.Clone(); {change}; Test-TesseraToken $grant @asked -Detailed").Outcome.ToString();
        Assert.Equal("PathDenied", Outcome("$asked.Uri = 'https://api.example/users'"));
        Assert.Equal("ReferrerDenied", Outcome("$asked.Referrer = 'https://example.org/'"));
        Assert.Equal("AddressDenied", Outcome("$asked.RemoteAddress = '192.0.2.7'"));
        Assert.Equal("MethodDenied", Outcome("$asked.Method = 'PUT'"));
        Assert.Equal("OperationDenied", Outcome("$asked.Operation = 'token.read'"));
        Assert.Equal("AudienceDenied", Outcome("$asked.Audience = 'others'"));
        Assert.Equal("Valid Valid RateLimited", string.Join(' ', Enumerable.Range(0, 3).Select(_ => Outcome(""))));
        _session.Run("Set-TesseraIdentity Adam -Role @()");
        Assert.Equal("RoleDenied", Outcome(""));
    }

    [Fact]
    public void Rate_is_by_the_minute_unless_another_period_is_given()
    {
        Assert.Equal(TimeSpan.FromMinutes(1), _session.Single<Token>("Grant-TesseraToken Adam -RateLimit 5 | Get-TesseraToken").Conditions.RateLimit?.Period);
    }

    [Fact]
    public void Decoy_is_told_from_a_guess_by_its_owner_only()
    {
        _session.Run("$decoy = Grant-TesseraToken Adam -Decoy");

        Assert.Equal(Outcome.Unknown, _session.Single<Verdict>("Test-TesseraToken $decoy -Detailed").Outcome);
        Assert.True(_session.Single<Token>("Get-TesseraToken $decoy").IsDecoy);
    }

    [Fact]
    public void Grant_that_is_repeated_under_its_key_gives_one_token()
    {
        const string Grant = "Grant-TesseraToken Adam -Name nightly -IdempotencyKey 'nightly 1'";
        _session.Run($"$first = {Grant}; $second = {Grant}");
        Assert.Equal(_session.Single<string>("$first.Id"), _session.Single<string>("$second.Id"));
        Assert.Equal("False True", string.Join(' ', _session.Run("$first, $second | Test-TesseraToken")));

        string shown = _session.Show($"$third = {Grant}");
        Assert.Contains("granted before with this key", shown, StringComparison.Ordinal);
        Assert.True(_session.Single<bool>("$null -eq $third.Token -and $third.Id -eq $first.Id"));
        AssertError(_session.Error("Grant-TesseraToken Adam -Name other -IdempotencyKey 'nightly 1'"), "Conflict", ErrorCategory.InvalidOperation);

        ErrorRecord error = _session.Error("$null = 'Adam', 'Adam' | Grant-TesseraToken -Name two -IdempotencyKey 'two'");
        AssertError(error, "InvalidArgument", ErrorCategory.InvalidArgument);
        Assert.Contains("goes with one token", error.ToString(), StringComparison.Ordinal);
    }

    private static void AssertError(ErrorRecord error, string code, ErrorCategory category)
    {
        Assert.StartsWith($"Tessera.{code},", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(category, error.CategoryInfo.Category);
    }
}
