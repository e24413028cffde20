namespace Tessera.Tests;

/// <summary>Acting as an identity or as a token, on the store of one who may do everything.</summary>
public sealed class SignInTests : IDisposable
{
    private const string Password = "correct horse Eve";

    private readonly TemporaryStore _temporary = new();

    public SignInTests() => Store.CreateIdentity("Eve", ["Reader"], Password);

    private TokenStore Store => _temporary.Store;

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void Each_of_two_handles_is_closed_by_itself()
    {
        using TokenStore first = Store.SignIn("EVE", Password);
        Assert.Equal(("Eve", null, null), (first.SignedInIdentity, first.SignedInTokenId, Store.SignedInIdentity));
        using TokenStore second = first.SignIn("eve", Password);
        first.Dispose();
        Assert.Throws<ObjectDisposedException>(first.GetStatus);
        Assert.Equal(2, second.GetStatus().Identities);

        Store.Dispose();
        Assert.Throws<ObjectDisposedException>(Store.GetStatus);
        Assert.Equal(2, second.GetStatus().Identities);
        Assert.Equal(Store.Path, second.Path);
    }

    [Fact]
    public void Wrong_password_unknown_identity_and_one_without_a_password_are_told_the_same()
    {
        InvalidRequestException[] refusals =
        [
            .. new[] { ("Eve", "correct horse Eva"), ("Nobody", Password), ("Adam", Password) }
                .Select(pair => Assert.Throws<InvalidRequestException>(() => Store.SignIn(pair.Item1, pair.Item2))),
        ];

        Assert.All(refusals, refusal => Assert.Equal(ErrorCode.NotPermitted, refusal.Code));
        Assert.Single(refusals.Select(refusal => refusal.Message).Distinct());
        Assert.Equal("password", Assert.Throws<InvalidRequestException>(() => Store.SignIn("Eve", "")).Subject);
    }

    [Fact]
    public void Reader_sees_lists_and_changes_nothing_of_them()
    {
        string adams = _temporary.Grant(out Token token);
        Store.CreateOrganization("North");
        using TokenStore eve = Store.SignIn("Eve", Password);

        Assert.Equal(3, eve.GetRoles().Count);
        Assert.Equal(6, eve.GetProfiles().Count);
        Assert.Equal("North", Assert.Single(eve.GetOrganizations()).Name);
        Action[] refused =
        [
            () => eve.CreateRole("Mine"), () => eve.UpdateRole("Reader", []), () => eve.RemoveRole("Reader"),
            () => eve.CreateProfile("Mine", new ProfileSettings()), () => eve.UpdateProfile("Rubrik", new ProfileSettings()),
            () => eve.RemoveProfile("Rubrik"), () => eve.CreateOrganization("South"), () => eve.UpdateOrganization("North", []),
            () => eve.RemoveOrganization("North"), () => eve.CreateIdentity("Mallory"), () => eve.UpdateIdentity("Eve", ["Administrator"]),
            () => eve.Grant(new TokenGrantRequest { Identity = "Adam" }), () => eve.CreateSigningKey(),
        ];
        Assert.All(refused, call => Assert.Equal(ErrorCode.NotPermitted, Assert.Throws<InvalidRequestException>(call).Code));

        // What she may not see is as what is not there.
        Assert.Empty(eve.GetTokens());
        string Refusal(string id) => Assert.Throws<NotFoundException>(() => eve.Revoke(id)).Message.Replace(id, "id", StringComparison.Ordinal);
        Assert.Equal(Refusal("000000000000"), Refusal(token.Id));
        Assert.False(eve.TryGetToken(token.Id, out _));
        Assert.True(eve.Validate(adams).IsValid);
        using TokenGrant own = eve.Grant(new TokenGrantRequest { Identity = "Eve" });
        Assert.Equal("Eve", own.Token.CreatedBy);
        Assert.Equal(own.Token, Assert.Single(eve.GetTokens()));
    }

    [Fact]
    public void Change_of_roles_and_removal_are_felt_at_the_next_call()
    {
        using TokenStore eve = Store.SignIn("Eve", Password);
        Store.UpdateIdentity("Eve", ["Administrator"]);
        eve.CreateRole("Mine");
        Store.UpdateIdentity("Eve", []);
        Assert.Equal(ErrorCode.NotPermitted, Assert.Throws<InvalidRequestException>(eve.GetRoles).Code);
        Store.RemoveIdentity("Eve");
        Assert.Equal(ErrorCode.NotPermitted, Assert.Throws<InvalidRequestException>(() => eve.GetTokens().Count()).Code);
    }

    [Fact]
    public void Token_acts_within_what_it_has_and_what_it_grants_ends_with_it()
    {
        using TokenGrant reader = Store.Grant(new TokenGrantRequest { Identity = "Adam", Roles = ["Reader"], ExpiresIn = TimeSpan.FromDays(2) });
        using TokenStore session = Store.SignIn(reader.Value.Reveal());
        Assert.Equal(("Adam", reader.Token.Id), (session.SignedInIdentity, session.SignedInTokenId));

        TokenGrantRequest request = new() { Identity = "Adam", ExpiresIn = TimeSpan.FromDays(1) };
        Assert.Equal(
            ErrorCode.NotPermitted,
            Assert.Throws<InvalidRequestException>(() => session.Grant(request with { Roles = ["Operator"] })).Code);
        Assert.Equal(
            ErrorCode.NotPermitted,
            Assert.Throws<InvalidRequestException>(() => session.Grant(request with { ExpiresIn = TimeSpan.FromDays(3) })).Code);
        using TokenGrant child = session.Grant(request);
        string value = child.Value.Reveal();
        Assert.Equal(reader.Token.Id, child.Token.Parent);
        Assert.Equal(["Reader"], Store.Validate(value).Roles);
        Assert.Equal(Outcome.RoleDenied, Store.Validate(value, new AccessContext { Role = "Operator" }).Outcome);

        Store.Revoke(reader.Token.Id);
        Assert.Equal(Outcome.Revoked, Store.Validate(value).Outcome);
        Assert.Equal(ErrorCode.NotPermitted, Assert.Throws<InvalidRequestException>(() => session.Grant(request)).Code);
    }

    [Fact]
    public void Token_that_a_check_refuses_or_that_may_open_no_session_signs_in_nowhere()
    {
        InvalidRequestException Refusal(string value) => Assert.Throws<InvalidRequestException>(() => Store.SignIn(value));
        string value = _temporary.Grant(out Token token);
        Store.Revoke(token.Id);
        InvalidRequestException revoked = Refusal(value);
        Assert.Equal(ErrorCode.NotPermitted, revoked.Code);
        Assert.Contains(nameof(Outcome.Revoked), revoked.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(value, revoked.ToString(), StringComparison.Ordinal);
        Assert.Contains(nameof(Outcome.Malformed), Refusal("no token").Message, StringComparison.Ordinal);
        Assert.Contains(nameof(Outcome.Malformed), Refusal("").Message, StringComparison.Ordinal);

        using TokenGrant rubrik = Store.Grant(new TokenGrantRequest { Identity = "Adam", Profile = "Rubrik" });
        Assert.True(Store.Validate(rubrik.Value.Reveal()).IsValid);
        Assert.Contains(nameof(Outcome.OperationDenied), Refusal(rubrik.Value.Reveal()).Message, StringComparison.Ordinal);
        Assert.Equal("token", Refusal(new string('x', TesseraLimits.TokenValueBytes + 1)).Subject);
    }
}
