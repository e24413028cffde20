using System.Reflection;

namespace Tessera.Tests;

public sealed class ProfileTests : IDisposable
{
    private readonly TemporaryStore _temporary = new();

    private TokenStore Store => _temporary.Store;

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void Six_profiles_come_with_every_store_and_settings_without_a_word_are_those_of_Default()
    {
        IReadOnlyList<Profile> profiles = Store.GetProfiles();

        Assert.Equal(
            ["Default", "PowerShellUniversal", "UniversalDashboard", "Rubrik", "Enterprise", "AppNeta"],
            profiles.Select(profile => profile.Name));
        Assert.All(profiles, profile => Assert.True(profile.IsBuiltIn));
        Assert.Equal(profiles[3], Store.GetProfile("rubrik"));
        AssertSame(new ProfileSettings(), profiles[0].Settings);
        Assert.Equal("/api/v3/observer/**", Assert.Single(profiles[5].Settings.DeniedEndpoints).Path);
    }

    [Fact]
    public void Every_setting_is_kept()
    {
        // Each differs from Default's.
        var settings = new ProfileSettings
        {
            Format = TokenFormat.Jwt,
            AllowsOtherFormat = false,
            JsonWebTokenKind = JsonWebTokenKind.UniversalDashboard,
            Prefix = "mine_1",
            DefaultLifetime = TimeSpan.FromDays(2),
            MinimumLifetime = TimeSpan.FromMinutes(1),
            MaximumLifetime = TimeSpan.FromDays(300),
            AllowsNever = false,
            OwnerOnly = true,
            RequiredRole = "Reader",
            RefusesCustomRoles = true,
            RequiresRoles = true,
            NameRequired = true,
            MaximumTagCharacters = 7,
            DefaultTag = "nightly",
            DefaultRoles = ["Reader"],
            TagsEditable = false,
            KeepsValues = true,
            DeniedOperations = ["report.run", "token.grant"],
            DeniedEndpoints = [new DeniedEndpoint { Methods = ["DELETE", "PUT"], Path = "/users/*" }, new DeniedEndpoint { Path = "/admin/**" }],
            BoundedBy = TokenBound.Both,
            CreatorRemoved = CreatorRemoval.Revoke,
            ExpiredIsRevoked = true,
            RemoveExpiredAfter = TimeSpan.Zero,
            RemoveRevokedAfter = TimeSpan.FromDays(1),
            WarnBefore = TimeSpan.FromHours(1),
            DefaultSubject = "https://api.example/",
            SubjectFromServer = true,
            ReuseRevokesFamily = true,
            ForeignPrefix = "old-",
        };
        Profile made = Store.CreateProfile("Mine", settings);

        Assert.Equal(("Mine", false), (made.Name, made.IsBuiltIn));
        AssertSame(settings, made.Settings);
        Assert.Equal(made, Store.GetProfile("MINE"));
        foreach (PropertyInfo setting in Settings())
        {
            Assert.False(Same(setting.GetValue(settings), setting.GetValue(new ProfileSettings())), setting.Name);
        }

        // None is kept as well, and not taken for what was there.
        AssertSame(new ProfileSettings(), Store.UpdateProfile("mine", new ProfileSettings()).Settings);
        Assert.True(Store.RemoveProfile("mine"));
        Assert.False(Store.RemoveProfile("mine"));
    }

    [Fact]
    public void Tokens_follow_their_profile_as_it_is_now_and_it_stays_while_they_do()
    {
        ProfileSettings rubrik = Store.GetProfile("Rubrik").Settings;
        Store.CreateProfile("Mine", rubrik with { MaximumLifetime = TimeSpan.FromHours(2) });
        var request = new TokenGrantRequest { Identity = "Adam", Profile = "mine" };
        Assert.Equal(
            ErrorCode.NotPermitted,
            Assert.Throws<InvalidRequestException>(() => Store.Grant(request with { ExpiresIn = TimeSpan.FromHours(3) })).Code);
        using TokenGrant grant = Store.Grant(request);
        string value = grant.Value.Reveal();
        Assert.Equal(("Mine", TemporaryStore.Start.AddHours(1)), (grant.Token.Profile, grant.Token.ExpiresAt));
        Assert.Equal(["API Token"], grant.Token.Tags);

        Outcome Check() => Store.Validate(value, new AccessContext { Operation = "report.run" }).Outcome;
        Assert.Equal(Outcome.Valid, Check());
        Store.UpdateProfile("Mine", rubrik with { DeniedOperations = ["report.run"] });
        Assert.Equal(Outcome.OperationDenied, Check());
        Assert.Equal(ErrorCode.Conflict, Assert.Throws<InvalidRequestException>(() => Store.RemoveProfile("Mine")).Code);
        Store.Remove(grant.Token.Id);
        Assert.True(Store.RemoveProfile("Mine"));
    }

    [Fact]
    public void Value_is_given_again_where_the_profile_keeps_values_and_nowhere_else()
    {
        Store.CreateProfile("Kept", new ProfileSettings { KeepsValues = true });
        using TokenGrant kept = Store.Grant(new TokenGrantRequest { Identity = "Adam", Profile = "Kept" });
        _temporary.Grant(out Token other);

        using TokenValue again = Store.GetKeptValue(kept.Token.Id);
        Assert.Equal(kept.Value.Reveal(), again.Reveal());
        Assert.Equal(ErrorCode.NotPermitted, Assert.Throws<InvalidRequestException>(() => Store.GetKeptValue(other.Id)).Code);
        Assert.Throws<NotFoundException>(() => Store.GetKeptValue("000000000000"));
        Assert.Throws<ArgumentNullException>("id", () => Store.GetKeptValue(null!));
    }

    [Fact]
    public void What_cannot_be_is_refused_with_its_code()
    {
        var settings = new ProfileSettings();
        Store.CreateProfile("Mine", settings);
        ErrorCode Refused(Action call) => Assert.ThrowsAny<TesseraException>(call).Code;

        Assert.Equal(ErrorCode.AlreadyExists, Refused(() => Store.CreateProfile("MINE", settings)));
        Assert.Equal(ErrorCode.NotPermitted, Refused(() => Store.CreateProfile("rubrik", settings)));
        Assert.Equal(ErrorCode.NotPermitted, Refused(() => Store.UpdateProfile("Rubrik", settings)));
        Assert.Equal(ErrorCode.NotPermitted, Refused(() => Store.RemoveProfile("Rubrik")));
        Assert.Equal(ErrorCode.NotFound, Refused(() => Store.GetProfile("None")));
        Assert.Equal(ErrorCode.NotFound, Refused(() => Store.UpdateProfile("None", settings)));
        Assert.Equal(ErrorCode.NotFound, Refused(() => Store.CreateProfile("Other", settings with { RequiredRole = "Nothing" })));
        ProfileSettings[] contradictions =
        [
            settings with { MaximumLifetime = TimeSpan.FromDays(100) },
            settings with { DefaultLifetime = TimeSpan.Zero },
            settings with { DefaultLifetime = null, AllowsNever = false },
            settings with { MinimumLifetime = TimeSpan.FromDays(91) },
            settings with { MaximumTagCharacters = 65 },
            settings with { MaximumTagCharacters = -1 },
            settings with { Prefix = "No" },
            settings with { DefaultSubject = "/relative" },
            settings with { DeniedOperations = ["no operation"] },
            settings with { DeniedEndpoints = [new DeniedEndpoint { Path = "relative" }] },
            settings with { BoundedBy = (TokenBound)9 },
            settings with { WarnBefore = TimeSpan.FromDays(-1) },
            settings with { DefaultTag = "half \ud800" },
            settings with { DeniedEndpoints = [.. Enumerable.Repeat(new DeniedEndpoint { Path = "/x" }, 65)] },
        ];
        Assert.All(contradictions, wrong => Assert.Equal(ErrorCode.InvalidArgument, Refused(() => Store.CreateProfile("Other", wrong))));
        Assert.Throws<ArgumentNullException>(() => Store.CreateProfile("Other", null!));
        Assert.Equal(7, Store.GetProfiles().Count);
    }

    private static void AssertSame(ProfileSettings expected, ProfileSettings actual)
    {
        foreach (PropertyInfo setting in Settings())
        {
            Assert.True(Same(setting.GetValue(expected), setting.GetValue(actual)), $"{setting.Name}: {setting.GetValue(actual)}");
        }
    }

    private static PropertyInfo[] Settings() => typeof(ProfileSettings).GetProperties(BindingFlags.Public | BindingFlags.Instance);

    // Lists of whatever kind are the same when their elements are.
    private static bool Same(object? one, object? other) => (one, other) switch
    {
        (IReadOnlyList<string> first, IReadOnlyList<string> second) => first.SequenceEqual(second),
        (IReadOnlyList<DeniedEndpoint> first, IReadOnlyList<DeniedEndpoint> second) =>
            first.Select(Describe).SequenceEqual(second.Select(Describe)),
        _ => Equals(one, other),
    };

    private static string Describe(DeniedEndpoint endpoint) => $"{string.Join(',', endpoint.Methods)} {endpoint.Path}";
}
