namespace Tessera.Tests;

/// <summary>What a user sees of each object.</summary>
public sealed class ModuleFormatTests : IDisposable
{
    private readonly ModuleSession _session = new();

    public ModuleFormatTests() => _session.Run(
        """
        $null = New-TesseraIdentity Adam -Role Operator, Reader
        $grant = Grant-TesseraToken Adam -Role Reader -Name nightly -ExpiresAt 2038-01-19T03:14:08Z
        $forever = Grant-TesseraToken Adam -NoExpiry
        $web = Grant-TesseraToken Adam -Format Jwt -Audience https://api.example
        """);

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("Get-TesseraToken", "Id Name Identity Roles State ExpiresAt")]
    [InlineData("Get-TesseraIdentity", "Name Roles HasPassword CreatedAt")]
    [InlineData("Get-TesseraRole", "Name Includes IsBuiltIn")]
    [InlineData("Get-TesseraProfile", "Name Format DefaultLifetime MaximumLifetime BoundedBy IsBuiltIn")]
    [InlineData("New-TesseraOrganization North -Member Adam", "Name Members Administrators CreatedAt")]
    [InlineData("Get-TesseraSigningKey", "KeyId Algorithm State CreatedAt")]
    [InlineData("Optimize-TesseraStore", "RemovedTokens SizeBeforeBytes SizeBytes")]
    [InlineData("$null = Backup-TesseraStore \"$((Get-TesseraStore).Path).copy\"; Restore-TesseraStore \"$((Get-TesseraStore).Path).copy\" \"$((Get-TesseraStore).Path).new\" -Force -Confirm:$false", "Replayed RevokedTokens RemovedTokens SizeBytes Path")]
    [InlineData("Get-TesseraAuditEvent", "Sequence At Event Actor Subject Outcome")]
    public void List_of_things_is_a_table(string script, string columns)
    {
        string[] lines = _session.Show(script).Trim().Split('\n');

        Assert.Equal(columns, string.Join(' ', lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries)));
    }

    [Fact]
    public void Token_shows_when_it_ends_in_UTC_or_that_it_never_does()
    {
        string shown = _session.Show("Get-TesseraToken");

        Assert.Matches(@"(?m)nightly +Adam +Reader +Active +2038-01-19 03:14:08Z$", shown);
        Assert.Matches(@"(?m)Adam +Operator, Reader +Active +never$", shown);
    }

    [Theory]
    [InlineData("$grant", "Id Name Identity Profile Format Roles Organizations Tags Remark Audiences KeyId CreatedAt NotBefore ExpiresAt Token")]
    [InlineData("Update-TesseraToken $forever", "Id Name Identity Profile Format Roles Organizations Tags Remark Audiences KeyId CreatedAt NotBefore ExpiresAt Predecessor PredecessorRetiresAt Token")]
    [InlineData("$grant | Test-TesseraToken -Detailed", "Outcome Identity Roles Token EvidenceAge")]
    [InlineData("Get-TesseraStore", "Path StoreId Issuer CreatedAt SizeBytes Tokens Identities SigningKeys SchemaVersion SqliteVersion FailedFlushes LostUses")]
    [InlineData("Test-TesseraStore -Detailed", "IsSound Problems")]
    [InlineData("Get-TesseraToken $grant -Usage", "Id LastUsedAt Uses Days Addresses")]
    [InlineData("Test-TesseraAuditLog -Detailed", "IsSound Records LastHash Heads SignedUpTo BrokenRecord Problem")]
    [InlineData("Test-TesseraJsonWebToken $web -Detailed", "Outcome Reason Algorithm KeyId Header Payload Warnings")]
    [InlineData("ConvertTo-TesseraJsonWebToken $web", "Actor Audiences Claims EncodedHeader EncodedPayload Header Id Issuer Payload InnerToken RawAuthenticationTag RawCiphertext RawData RawEncryptedKey RawInitializationVector RawHeader RawPayload RawSignature SecurityKey SignatureAlgorithm SigningCredentials EncryptingCredentials SigningKey Subject ValidFrom ValidTo")]
    public void Single_thing_is_a_list(string script, string labels)
    {
        Assert.Equal(labels.Split(' '), LabelsOf(_session.Show(script)));
    }

    [Theory]
    [InlineData("TokenList", "Get-TesseraToken $grant", "Id Name Identity State Profile Format Roles Organizations Conditions UsesLeft IsDecoy Tags Remark Audiences KeyId CreatedAt CreatedBy NotBefore ExpiresAt WarnAfter LastUsedAt RevokedAt RevokedBy RevokedReason DisabledAt DisabledBy DisabledReason Predecessor Successor RotationStage RetiresAt")]
    [InlineData("OrganizationList", "New-TesseraOrganization North -Administrator Adam", "Name Members Administrators CreatedAt Id")]
    [InlineData("ProfileList", "Get-TesseraProfile AppNeta", "Name IsBuiltIn Format AllowsOtherFormat JsonWebTokenKind Prefix DefaultLifetime MinimumLifetime MaximumLifetime AllowsNever OwnerOnly RequiredRole RefusesCustomRoles RequiresRoles NameRequired MaximumTagCharacters DefaultTag DefaultRoles TagsEditable KeepsValues DeniedOperations DeniedEndpoints BoundedBy CreatorRemoved ExpiredIsRevoked RemoveExpiredAfter RemoveRevokedAfter WarnBefore DefaultSubject SubjectFromServer ReuseRevokesFamily ForeignPrefix")]
    [InlineData("AuditEventList", "Get-TesseraAuditEvent -First 1", "Sequence At Event Actor ActorKind SubjectKind Subject Outcome Detail Hash")]
    public void Thing_of_a_table_has_a_list_for_Format_List(string view, string script, string labels)
    {
        Assert.Equal(labels.Split(' '), _session.ListOf(view, script).Keys);
    }

    [Fact]
    public void Organisation_shows_who_belongs_to_it_and_who_administers_it()
    {
        _session.Run("$null = New-TesseraIdentity Eve; $null = New-TesseraIdentity Nora; $null = New-TesseraOrganization North -Member Adam, Eve -Administrator Nora");

        Assert.Matches(@"(?m)^North +Adam, Eve +Nora +2", _session.Show("Get-TesseraOrganization"));
        Assert.Equal("/api/v3/observer/**", _session.ListOf("ProfileList", "Get-TesseraProfile AppNeta")["DeniedEndpoints"]);
        Assert.Equal("DELETE,PUT /users/*, /x", _session.ListOf("ProfileList", "New-TesseraProfile Mine -DeniedEndpoint 'PUT,DELETE /users/*', /x")["DeniedEndpoints"]);
    }

    [Fact]
    public void List_of_a_token_says_what_became_of_it()
    {
        _session.Run("Disable-TesseraToken $forever -Reason lost; $new = Update-TesseraToken $grant -Mode Immediate");

        IReadOnlyDictionary<string, string> off = _session.ListOf("TokenList", "Get-TesseraToken $forever");
        IReadOnlyDictionary<string, string> old = _session.ListOf("TokenList", "Get-TesseraToken $grant");
        Assert.Equal(("Disabled", "local owner", "lost"), (off["State"], off["DisabledBy"], off["DisabledReason"]));
        Assert.Matches(@"^2\d{3}-\d\d-\d\d \d\d:\d\d:\d\dZ$", off["DisabledAt"]);
        Assert.Equal(("Revoked", "Rotated", _session.Single<string>("$new.Id")), (old["State"], old["RevokedReason"], old["Successor"]));
        Assert.Equal(old["RetiresAt"], old["RevokedAt"]);
        Assert.Matches(@"(?m)^Tokens +: 4 \(2 active, 0 pending, 0 expired, 1 revoked, 1 disabled\)$", _session.Show("Get-TesseraStore"));
    }

    [Fact]
    public void List_of_a_token_says_what_it_is_tied_to_but_not_its_referrer()
    {
        _session.Run(
            """
            $tied = Grant-TesseraToken Adam -Subject https://api.example/jobs -Referrer example.com -AllowedAddress 192.0.2.0/24, 198.51.100.0/24 `
                -Method GET -RequiredRole Reader -Uses 3 -RateLimit 2 -WarnAfter 2038-01-01T00:00:00Z -ExpiresAt 2038-01-19T00:00:00Z
            """);

        IReadOnlyDictionary<string, string> tied = _session.ListOf("TokenList", "Get-TesseraToken $tied");

        Assert.Equal(
            "Subject https://api.example/jobs; Referrer; AllowedAddresses 192.0.2.0/24, 198.51.100.0/24; Methods GET; RequiredRoles Reader; Uses 3; RateLimit 2 in 00:01:00",
            tied["Conditions"]);
        Assert.Equal(("3", "False", "2038-01-01 00:00:00Z"), (tied["UsesLeft"], tied["IsDecoy"], tied["WarnAfter"]));
        Assert.Equal(string.Empty, _session.ListOf("TokenList", "Get-TesseraToken $forever")["Conditions"]);
    }

    [Fact]
    public void Json_web_token_looks_as_it_does_in_Universal_Dashboards_document()
    {
        string shown = _session.Show("ConvertTo-TesseraJsonWebToken $web");

        Assert.Matches(@"(?m)^Audiences +: \{https://api\.example\}$", shown);
        Assert.Matches(@"(?m)^Header +: \{\[alg, ES256\], \[typ, at\+jwt\], \[kid, ", shown);
        Assert.Matches(@"(?m)^Claims +: \{iss: ", shown);
        Assert.Matches(@"(?m)^Subject +: Adam$", shown);
        Assert.Matches(@"(?m)^Key +Value *$", _session.Show("(ConvertTo-TesseraJsonWebToken $web).Payload"));
    }

    [Fact]
    public void Verdict_names_its_token_by_the_public_id()
    {
        string id = _session.Single<string>("$grant.Id");

        Assert.Matches($@"(?m)^Token +: {id}$", _session.Show("$grant | Test-TesseraToken -Detailed"));
    }

    private static string[] LabelsOf(string shown) =>
        [.. shown.Split('\n').Where(line => line.Length > 0 && line[0] != ' ' && line.Contains(" :", StringComparison.Ordinal)).Select(line => line.Split(' ')[0])];
}
