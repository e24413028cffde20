namespace Tessera.Tests;

public sealed class RoleTests : IDisposable
{
    private readonly TemporaryStore _temporary = new();

    private TokenStore Store => _temporary.Store;

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void Role_brings_what_it_includes_until_that_is_taken_away()
    {
        Role deploy = Store.CreateRole("Deploy", ["reader"]);
        Assert.Equal(new Role { Name = "Deploy", Includes = deploy.Includes, IsBuiltIn = false }, deploy);
        Assert.Equal(["Reader"], deploy.Includes);
        Store.UpdateIdentity("Adam", ["Deploy"]);
        string value = _temporary.Grant(out _);
        Outcome Check(string role) => Store.Validate(value, new AccessContext { Role = role }).Outcome;

        Assert.Equal((Outcome.Valid, Outcome.Valid), (Check("Deploy"), Check("Reader")));
        Assert.Empty(Store.UpdateRole("DEPLOY", []).Includes);
        Assert.Equal((Outcome.Valid, Outcome.RoleDenied), (Check("Deploy"), Check("Reader")));
        Assert.True(Store.RemoveRole("deploy"));
        Assert.Equal(Outcome.RoleDenied, Check("Deploy"));
        Assert.False(Store.RemoveRole("deploy"));
        Assert.Empty(Store.GetIdentity("Adam").Roles);
    }

    [Fact]
    public void What_cannot_be_is_refused_with_its_code()
    {
        Store.CreateRole("Deploy", ["Reader"]);
        Store.CreateRole("Release", ["Deploy"]);
        ErrorCode Refused(Action call) => Assert.ThrowsAny<TesseraException>(call).Code;

        Assert.Equal(ErrorCode.AlreadyExists, Refused(() => Store.CreateRole("DEPLOY")));
        Assert.Equal(ErrorCode.InvalidArgument, Refused(() => Store.CreateRole("a,b")));
        Assert.Equal(ErrorCode.NotFound, Refused(() => Store.CreateRole("Other", ["Nothing"])));
        Assert.Equal(ErrorCode.NotFound, Refused(() => Store.UpdateRole("Nothing", [])));
        Assert.Equal(ErrorCode.Conflict, Refused(() => Store.UpdateRole("Deploy", ["Release"])));
        Assert.Equal(ErrorCode.NotPermitted, Refused(() => Store.UpdateRole("Reader", [])));
        Assert.Equal(ErrorCode.NotPermitted, Refused(() => Store.RemoveRole("Administrator")));
        Assert.Throws<ArgumentNullException>(() => Store.UpdateRole("Deploy", null!));
    }
}
