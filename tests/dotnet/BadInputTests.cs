using System.Reflection;

namespace Tessera.Tests;

public sealed class BadInputTests : IDisposable
{
    private const int SmallStackBytes = 256 * 1024;

    private readonly TemporaryStore _temporary = new();

    private TokenStore Store => _temporary.Store;

    public static TheoryData<string> HostileTexts => new(
        "half a pair \ud800",
        "\udc00 the other half",
        new string('x', TesseraLimits.TokenValueBytes + 1),
        new string('\u0800', 9_000_000 / 3));

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void A_value_that_is_no_token_is_malformed()
    {
        string value = _temporary.Grant(out _);
        string[] malformed =
        [
            "",
            " ",
            value[..^1],
            value + "x",
            value + "\0",
            " " + value,
            value + "\n",
            "\0" + value,
            value.Insert(20, "\0"),
            value.ToUpperInvariant(),
            "other_" + value[4..],
            Flip(value, value.Length - 1),
            Flip(value, 20),
            "a.b.c",
            "a.b.c.d",
            "...",
            "é" + value,
            "🗝",
            "\ud800",
            value + "\udfff",
            new string('x', TesseraLimits.TokenValueBytes),
            new string('x', TesseraLimits.TokenValueBytes + 1),
            new string('é', TesseraLimits.TokenValueBytes / 2 + 1),
        ];

        foreach (string text in malformed)
        {
            Assert.Equal(Outcome.Malformed, Store.Validate(text).Outcome);
        }

        Assert.Equal(Outcome.Malformed, Store.Validate(new byte[TesseraLimits.TokenValueBytes + 1]).Outcome);
        Assert.Equal(Outcome.Malformed, Store.Validate(ReadOnlySpan<byte>.Empty).Outcome);
        Assert.Equal(Outcome.Malformed, Store.Validate(new byte[100_000_000]).Outcome);
        Assert.Equal(Outcome.Malformed, Store.Validate(new string('x', 100_000_000)).Outcome);
        Assert.True(Store.Validate(value).IsValid);
    }

    // A seed and not chance: a failure comes again.
    [Fact]
    public void No_text_is_an_exception_and_no_change_of_a_value_is_valid()
    {
        string value = _temporary.Grant(out _);
        var random = new Random(20260301);
        for (int round = 0; round < 20_000; round++)
        {
            char[] text = round % 2 == 0 ? value.ToCharArray() : new char[random.Next(0, 200)];
            int changes = round % 2 == 0 ? random.Next(1, 4) : text.Length;
            for (int change = 0; change < changes; change++)
            {
                text[round % 2 == 0 ? random.Next(text.Length) : change] = (char)random.Next(random.Next(2) == 0 ? 0x80 : 0x10000);
            }

            Outcome outcome = _temporary.Store.Validate(text).Outcome;

            bool isSame = text.AsSpan().SequenceEqual(value);
            Assert.True(isSame ? outcome == Outcome.Valid : outcome is Outcome.Malformed or Outcome.Unknown, $"Round {round}: {outcome}");
        }
    }

    [Fact]
    public void A_well_formed_value_that_was_never_granted_is_unknown()
    {
        using var other = new TemporaryStore();
        string foreign = other.Grant(out _);

        Verdict verdict = Store.Validate(foreign);

        Assert.Equal(Outcome.Unknown, verdict.Outcome);
        Assert.Null(verdict.Token);
    }

    [Theory]
    [MemberData(nameof(HostileTexts))]
    public void Hostile_text_is_refused_at_each_entrance_and_the_store_lives(string text)
    {
        string value = _temporary.Grant(out Token token);
        Action[] calls =
        [
            () => TokenStore.Open(text),
            () => TokenStore.Open(_temporary.Path, new TokenStoreOptions { Issuer = text }),
            () => Store.Backup(text),
            () => Store.Grant(new TokenGrantRequest { Identity = text }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", Name = text }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", Roles = [text] }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", Tags = [text] }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", Remark = text }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", Audiences = [text] }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", KeyId = text }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", Profile = text }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", Organizations = [text] }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", IdempotencyKey = text }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", Conditions = new() { Subject = text } }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", Conditions = new() { Referrer = text } }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", Conditions = new() { AllowedAddresses = [text] } }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", Conditions = new() { Operations = [text] } }),
            () => Store.SignIn(text, "x"),
            () => Store.SignIn("Adam", text),
            () => Store.SignIn(text),
            () => Store.CreateRole(text),
            () => Store.CreateRole("Mine", [text]),
            () => Store.RemoveRole(text),
            () => Store.GetProfile(text),
            () => Store.CreateProfile(text, new ProfileSettings()),
            () => Store.CreateProfile("Mine", new ProfileSettings { Prefix = text }),
            () => Store.CreateProfile("Mine", new ProfileSettings { DefaultTag = text }),
            () => Store.CreateProfile("Mine", new ProfileSettings { DefaultRoles = [text] }),
            () => Store.CreateProfile("Mine", new ProfileSettings { DeniedOperations = [text] }),
            () => Store.CreateProfile("Mine", new ProfileSettings { DeniedEndpoints = [new() { Path = text }] }),
            () => Store.CreateProfile("Mine", new ProfileSettings { DeniedEndpoints = [new() { Methods = [text], Path = "/x" }] }),
            () => Store.CreateProfile("Mine", new ProfileSettings { DefaultSubject = text }),
            () => Store.CreateProfile("Mine", new ProfileSettings { ForeignPrefix = text }),
            () => Store.CreateOrganization(text),
            () => Store.CreateOrganization("North", [new() { Identity = text }]),
            () => Store.GetOrganization(text),
            () => Store.GetOrganizations(text),
            () => Store.GetKeptValue(text),
            () => Store.GetToken(text),
            () => Store.TryGetToken(text, out _),
            () => Store.GetTokens(new TokenFilter { Identity = text }),
            () => Store.GetTokens(new TokenFilter { Name = text }),
            () => Store.GetTokenPage(new TokenFilter { Tag = text }),
            () => Store.Revoke(text),
            () => Store.Revoke(token.Id, text),
            () => Store.Remove(text),
            () => Store.Update(text),
            () => Store.Update(token.Id, remark: text),
            () => Store.Update(token.Id, tags: [text]),
            () => Store.Validate(value, new AccessContext { Role = text }),
            () => Store.Validate(value, new AccessContext { Audience = text }),
            () => Store.CreateIdentity(text),
            () => Store.CreateIdentity("Eve", [text]),
            () => Store.CreateIdentity("Eve", password: text),
            () => Store.GetIdentity(text),
            () => Store.GetIdentities(text),
            () => Store.UpdateIdentity(text),
            () => Store.RemoveIdentity(text),
            () => Store.VerifyPassword(text, "x"),
            () => Store.VerifyPassword("Adam", text),
            () => Store.RevokeSigningKey(text),
            () => Store.RemoveSigningKey(text),
            () => Store.ExportSigningKeys(SigningKeyExport.Pem, text),
            () => Store.MintJsonWebToken(new JsonWebTokenRequest { Claims = text }),
            () => Store.MintJsonWebToken(new JsonWebTokenRequest { Claims = "{}", KeyId = text }),
            () => Store.VerifyJsonWebToken("e30.e30.", new JsonWebTokenRules { Issuer = text }),
            () => Store.VerifyJsonWebToken("e30.e30.", new JsonWebTokenRules { Audience = text }),
        ];

        for (int index = 0; index < calls.Length; index++)
        {
            TesseraException? refused = null;
            try
            {
                calls[index]();
            }
            catch (TesseraException exception)
            {
                refused = exception;
            }

            Assert.True(refused is InvalidRequestException { Code: ErrorCode.InvalidArgument }, $"Call {index}: {refused}");
            Assert.NotEmpty(refused.Subject!);
            Assert.InRange(refused.Message.Length, 1, 300);
        }

        Assert.Equal(Outcome.Malformed, Store.VerifyJsonWebToken(text).Outcome);
        Assert.False(JsonWebSignature.Verify(text, """{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}""", out string? reason));
        Assert.NotNull(reason);
        Assert.True(Store.Validate(value).IsValid);
        Assert.Single(Store.GetIdentities());
    }

    [Fact]
    public void Text_at_its_limit_is_taken_and_one_character_more_is_not()
    {
        // A character outside the basic plane has two UTF-16 units and counts as one.
        string name = string.Concat(Enumerable.Repeat("🗝", TesseraLimits.NameCharacters));
        string remark = new('ß', TesseraLimits.RemarkCharacters);
        string tag = new('t', TesseraLimits.TagCharacters);
        Store.CreateIdentity(name, ["Reader"]);

        using TokenGrant grant = Store.Grant(new TokenGrantRequest { Identity = name, Name = name, Remark = remark, Tags = [tag] });

        Assert.Equal(name, grant.Token.Identity);
        Assert.Equal(name, Store.Validate(grant.Value.Reveal()).Identity);
        Assert.Equal(remark, grant.Token.Remark);
        Assert.Throws<InvalidRequestException>(() => Store.CreateIdentity(name + "🗝"));
        Assert.Throws<InvalidRequestException>(() => Store.Update(grant.Token.Id, remark: remark + "x"));
        Assert.Throws<InvalidRequestException>(() => Store.Update(grant.Token.Id, tags: [tag + "x"]));
        Assert.Throws<InvalidRequestException>(() => Store.Update(grant.Token.Id, tags: Enumerable.Range(0, 17).Select(number => $"t{number}")));
        Assert.Throws<InvalidRequestException>(() => Store.Update(grant.Token.Id, tags: Forever()));
        Assert.Throws<InvalidRequestException>(() => Store.Update(grant.Token.Id, tags: [null!]));
        Assert.Throws<InvalidRequestException>(() => Store.GetTokenPage(new TokenFilter(), limit: 0));
        Assert.Throws<InvalidRequestException>(() => Store.GetTokenPage(new TokenFilter(), limit: 1_001));

        static IEnumerable<string> Forever()
        {
            while (true)
            {
                yield return "x";
            }
        }
    }

    [Fact]
    public void Null_is_refused_where_something_is_required()
    {
        Assert.Throws<ArgumentNullException>("path", () => TokenStore.Open(null!));
        Assert.Throws<ArgumentNullException>("path", () => Store.Backup(null!));
        Assert.Throws<ArgumentNullException>("request", () => Store.Grant(null!));
        Assert.Throws<ArgumentNullException>("identity", () => Store.Grant(new TokenGrantRequest { Identity = null! }));
        Assert.Throws<ArgumentNullException>("id", () => Store.GetToken(null!));
        Assert.Throws<ArgumentNullException>("id", () => Store.TryGetToken(null!, out _));
        Assert.Throws<ArgumentNullException>("id", () => Store.Revoke(null!));
        Assert.Throws<ArgumentNullException>("id", () => Store.Disable(null!));
        Assert.Throws<ArgumentNullException>("id", () => Store.Remove(null!));
        Assert.Throws<ArgumentNullException>("id", () => Store.Update(null!));
        Assert.Throws<ArgumentNullException>("filter", () => Store.GetTokenPage(null!));
        Assert.Throws<ArgumentNullException>("name", () => Store.CreateIdentity(null!));
        Assert.Throws<ArgumentNullException>("name", () => Store.GetIdentity(null!));
        Assert.Throws<ArgumentNullException>("keyId", () => Store.RevokeSigningKey(null!));
        Assert.Throws<ArgumentNullException>("request", () => Store.MintJsonWebToken(null!));
        Assert.Throws<ArgumentNullException>("claims", () => Store.MintJsonWebToken(new JsonWebTokenRequest { Claims = null! }));
        Assert.Throws<ArgumentNullException>("key", () => JsonWebTokens.Verify("x", null!));
        Assert.Throws<ArgumentNullException>("jwk", () => JsonWebSignature.Verify("x", null!, out _));
        Assert.Equal(Outcome.Malformed, Store.Validate((string?)null).Outcome);
    }

    // A setting that was left blank must not switch a check off.
    [Fact]
    public void An_empty_role_or_audience_is_refused()
    {
        string value = _temporary.Grant(out _);

        Assert.Equal("role", Assert.Throws<InvalidRequestException>(() => Store.Validate(value, new AccessContext { Role = "" })).Subject);
        Assert.Equal("audience", Assert.Throws<InvalidRequestException>(() => Store.Validate(value, new AccessContext { Audience = "" })).Subject);
    }

    // What a request wants must reach the check, whichever member says it, and not be taken for nothing.
    [Fact]
    public void No_member_of_a_request_is_overlooked()
    {
        string value = _temporary.Grant(out _);
        PropertyInfo[] members = typeof(AccessContext).GetProperties();

        Assert.NotEmpty(members);
        Assert.All(members, member =>
        {
            object context = default(AccessContext);
            member.SetValue(context, new string('x', 9_000));
            string subject = char.ToLowerInvariant(member.Name[0]) + member.Name[1..];
            Assert.Equal(subject, Assert.Throws<InvalidRequestException>(() => Store.Validate(value, (AccessContext)context)).Subject);
        });
    }

    [Fact]
    public void Null_characters_in_names_are_refused()
    {
        Assert.Equal("path", Assert.Throws<InvalidRequestException>(() => TokenStore.Open(_temporary.Folder + "/a\0b")).Subject);
        Assert.Throws<InvalidRequestException>(() => Store.CreateIdentity("a\0b"));
        Assert.Throws<InvalidRequestException>(() => Store.Grant(new TokenGrantRequest { Identity = "Adam", Name = "a\0b" }));
        Assert.Throws<InvalidRequestException>(() => Store.Grant(new TokenGrantRequest { Identity = "Adam", Tags = ["a\0b"] }));
        Assert.Throws<InvalidRequestException>(() => Store.Grant(new TokenGrantRequest { Identity = "Adam", Remark = "a\0b" }));
        Assert.Throws<InvalidRequestException>(() => Store.TryGetIdentity("Adam\0", out _));
        Assert.Throws<InvalidRequestException>(() => Store.GetToken("00000000000\0"));
    }

    [Fact]
    public void A_value_in_the_place_of_a_name_is_not_repeated()
    {
        string value = _temporary.Grant(out _);
        Action[] calls =
        [
            () => Store.GetIdentity(value),
            () => Store.CreateIdentity(value),
            () => Store.UpdateIdentity(value, ["Reader"]),
            () => Store.RemoveIdentity(value),
            () => Store.CreateIdentity("Eve", [value]),
            () => Store.Grant(new TokenGrantRequest { Identity = value }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", Roles = [value] }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", Name = $"see {value}" }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", Remark = value }),
            () => Store.Grant(new TokenGrantRequest { Identity = "Adam", Tags = [value] }),
            () => Store.GetToken(value),
            () => Store.Revoke(value),
            () => Store.Remove(value),
        ];
        foreach (Action call in calls)
        {
            Assert.DoesNotContain(value, Assert.ThrowsAny<TesseraException>(call).ToString(), StringComparison.Ordinal);
        }

        Assert.Empty(Store.GetTokens(new TokenFilter { Name = "see *" }));
    }

    [Fact]
    public void A_small_stack_survives_large_text()
    {
        Exception? failure = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    string value = _temporary.Grant(out _);
                    string large = new('x', 9_000_000);
                    Assert.Equal(Outcome.Malformed, Store.Validate(large).Outcome);
                    Assert.Equal(Outcome.Malformed, Store.Validate(large.AsSpan(0, TesseraLimits.TokenValueBytes)).Outcome);
                    Assert.Equal(Outcome.Malformed, Store.VerifyJsonWebToken(large).Outcome);
                    Assert.Throws<InvalidRequestException>(() => Store.Grant(new TokenGrantRequest { Identity = large }));
                    Assert.Throws<InvalidRequestException>(() => Store.VerifyPassword("Adam", large));
                    Assert.True(Store.Validate(value, new AccessContext { Role = "Reader", Audience = new string('a', 256) }).IsValid);
                }
                catch (Exception exception)
                {
                    failure = exception;
                }
            },
            SmallStackBytes);
        thread.Start();
        thread.Join();

        Assert.Null(failure);
    }

    private static string Flip(string text, int index) =>
        string.Concat(text.AsSpan(0, index), text[index] == 'A' ? "B" : "A", text.AsSpan(index + 1));
}
