namespace Tessera.Tests;

public sealed class OrganizationTests : IDisposable
{
    private readonly TemporaryStore _temporary = new();

    private TokenStore Store => _temporary.Store;

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void Access_is_dynamic_without_a_list_and_static_with_one()
    {
        Organization north = Store.CreateOrganization("North", [Member("adam")]);
        Assert.Equal(("North", TemporaryStore.Start), (north.Name, north.CreatedAt));
        Assert.Equal([Member("Adam")], north.Members);
        Assert.Equal(north, Store.GetOrganization("NORTH"));
        string dynamic = _temporary.Grant(out Token all);
        using TokenGrant grant = Store.Grant(new TokenGrantRequest { Identity = "Adam", Organizations = ["north"] });
        string listed = grant.Value.Reveal();
        Assert.Null(all.Organizations);
        Assert.Equal(["North"], grant.Token.Organizations);

        Store.CreateOrganization("South", [Member("Adam")]);
        Assert.Equal((Outcome.Valid, Outcome.Valid), (Check(dynamic, "south"), Check(listed, "North")));
        Assert.Equal(Outcome.OrganizationDenied, Check(listed, "South"));
        Store.UpdateOrganization("North", []);
        Assert.Equal((Outcome.OrganizationDenied, Outcome.OrganizationDenied), (Check(dynamic, "North"), Check(listed, "North")));

        Assert.True(Store.RemoveOrganization("north"));
        Assert.False(Store.RemoveOrganization("north"));
        Assert.Equal([], Store.GetToken(grant.Token.Id).Organizations);
        Assert.Throws<NotFoundException>(() => Store.GetOrganization("North"));
    }

    [Fact]
    public void Who_administers_one_sees_and_revokes_its_tokens_and_does_nothing_else_with_them()
    {
        Store.CreateIdentity("Nora", password: "correct horse Nora");
        Store.CreateOrganization("North", [Member("Adam"), Member("Nora"), new() { Identity = "Nora", IsAdministrator = true }]);
        string value = _temporary.Grant(out Token token);
        using TokenStore nora = Store.SignIn("Nora", "correct horse Nora");

        Assert.Equal(token.Id, Assert.Single(nora.GetTokens()).Id);
        Assert.Equal(ErrorCode.NotPermitted, Assert.Throws<InvalidRequestException>(() => nora.Update(token.Id, "mine")).Code);
        Assert.True(nora.Revoke(token.Id));
        Assert.Equal(Outcome.Revoked, Store.Validate(value).Outcome);
    }

    [Fact]
    public void They_are_listed_by_name_over_more_than_a_page()
    {
        for (int number = 0; number < 1_005; number++)
        {
            Store.CreateOrganization($"unit-{number:D4}");
        }

        Assert.Equal(1_005, Store.GetOrganizations().Count());
        Assert.Equal(Enumerable.Range(0, 10).Select(number => $"unit-000{number}"), Store.GetOrganizations("UNIT-000?").Select(found => found.Name));
    }

    [Fact]
    public void What_cannot_be_is_refused_with_its_code()
    {
        Store.CreateOrganization("North");
        ErrorCode Refused(Action call) => Assert.ThrowsAny<TesseraException>(call).Code;

        Assert.Equal(ErrorCode.AlreadyExists, Refused(() => Store.CreateOrganization("NORTH")));
        Assert.Equal(ErrorCode.NotFound, Refused(() => Store.CreateOrganization("South", [Member("Nobody")])));
        Assert.Equal(ErrorCode.NotFound, Refused(() => Store.UpdateOrganization("South", [])));
        Assert.Equal(ErrorCode.InvalidArgument, Refused(() => Store.CreateOrganization("a,b")));
        Assert.Equal(
            ErrorCode.InvalidArgument,
            Refused(() => Store.CreateOrganization("Many", Enumerable.Repeat(Member("Adam"), TesseraLimits.OrganizationMembers + 1))));
        Assert.Equal(
            ErrorCode.NotPermitted,
            Refused(() => Store.Grant(new TokenGrantRequest { Identity = "Adam", Organizations = ["North"] })));
        Assert.Throws<ArgumentNullException>(() => Store.CreateOrganization("Null", [null!]));
        Assert.Single(Store.GetOrganizations());
    }

    private static OrganizationMember Member(string identity) => new() { Identity = identity };

    private Outcome Check(string value, string organization) =>
        Store.Validate(value, new AccessContext { Organization = organization }).Outcome;
}
