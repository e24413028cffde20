namespace Tessera.Tests;

public sealed class IdentityTests : IDisposable
{
    private readonly TemporaryStore _temporary = new(withIdentity: false);

    private TokenStore Store => _temporary.Store;

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void An_identity_is_found_under_its_name_in_any_case_and_normal_form()
    {
        Identity made = Store.CreateIdentity("Éva", ["Reader", "Operator"], "correct horse");

        Assert.Equal("Éva", made.Name);
        Assert.Equal(["Operator", "Reader"], made.Roles);
        Assert.True(made.HasPassword);
        Assert.Equal(TemporaryStore.Start, made.CreatedAt);
        Assert.Equal(made, Store.GetIdentity("e\u0301VA"));
        InvalidRequestException taken = Assert.Throws<InvalidRequestException>(() => Store.CreateIdentity("ÉVA"));
        Assert.Equal(ErrorCode.AlreadyExists, taken.Code);
    }

    // The engine lists by pattern; a name that is one must still be found as itself, and as nothing else.
    [Fact]
    public void A_name_with_wildcards_is_not_taken_for_a_pattern()
    {
        Store.CreateIdentity("abc");
        Store.CreateIdentity("a*");

        Assert.Equal("a*", Store.GetIdentity("A*").Name);
        Assert.False(Store.TryGetIdentity("ab?", out _));
        Assert.False(Store.TryGetIdentity("*", out _));
        Assert.Equal(2, Store.GetIdentities("a*").Count());
        NotFoundException missing = Assert.Throws<NotFoundException>(() => Store.GetIdentity("nobody"));
        Assert.Equal("name", missing.Subject);
    }

    [Fact]
    public void A_password_is_checked_changed_and_taken_away()
    {
        Store.CreateIdentity("Adam", password: "correct horse eins");
        Assert.True(Store.VerifyPassword("ADAM", "correct horse eins"));
        Assert.False(Store.VerifyPassword("Adam", "Correct horse eins"));
        Assert.Equal("password", Assert.Throws<InvalidRequestException>(() => Store.VerifyPassword("Adam", "")).Subject);
        Assert.False(Store.VerifyPassword("nobody", "correct horse eins"));

        Store.UpdateIdentity("Adam", password: "correct horse zwei 🗝");
        Assert.False(Store.VerifyPassword("Adam", "correct horse eins"));
        Assert.True(Store.VerifyPassword("Adam", "correct horse zwei 🗝"));

        Assert.False(Store.UpdateIdentity("Adam", removePassword: true).HasPassword);
        Assert.False(Store.VerifyPassword("Adam", "correct horse zwei 🗝"));
        Assert.Throws<InvalidRequestException>(() => Store.UpdateIdentity("Adam", password: "correct horse drei", removePassword: true));
    }

    [Fact]
    public void A_password_has_at_most_1024_bytes()
    {
        string longest = new('ä', 512);
        Store.CreateIdentity("Adam", password: longest);
        Assert.True(Store.VerifyPassword("Adam", longest));

        foreach (string bad in new[] { longest + "x", new string('x', 1_025), "half \ud83d" })
        {
            InvalidRequestException refused = Assert.Throws<InvalidRequestException>(() => Store.CreateIdentity("Eve", password: bad));
            Assert.Equal("password", refused.Subject);
            Assert.DoesNotContain(bad, refused.ToString(), StringComparison.Ordinal);
            Assert.Throws<InvalidRequestException>(() => Store.VerifyPassword("Adam", bad));
        }
    }

    [Fact]
    public void Removing_an_identity_revokes_its_tokens()
    {
        Store.CreateIdentity("Adam", ["Reader"]);
        string first = _temporary.Grant(out _);
        string second = _temporary.Grant(out _);

        IdentityRemoval removal = Store.RemoveIdentity("adam");

        Assert.True(removal.Removed);
        Assert.Equal(2, removal.RevokedTokens);
        Assert.Equal(Outcome.Revoked, Store.Validate(first).Outcome);
        Assert.Equal(Outcome.Revoked, Store.Validate(second).Outcome);
        Assert.False(Store.RemoveIdentity("Adam").Removed);

        // A new identity of the same name is another: the old tokens do not speak for it.
        Store.CreateIdentity("Adam", ["Reader"]);
        Assert.Equal(Outcome.Revoked, Store.Validate(first).Outcome);
    }

    [Fact]
    public void Identities_are_listed_in_order_over_more_than_a_page()
    {
        for (int number = 0; number < 1_005; number++)
        {
            Store.CreateIdentity($"user-{number:D4}");
        }

        Assert.Equal(1_005, Store.GetIdentities().Count());
        Assert.Equal(Enumerable.Range(0, 10).Select(number => $"user-000{number}"), Store.GetIdentities("USER-000?").Select(identity => identity.Name));
    }

    [Fact]
    public void The_built_in_roles_include_each_other()
    {
        IReadOnlyList<Role> roles = Store.GetRoles();

        Assert.Equal(["Administrator", "Operator", "Reader"], roles.Select(role => role.Name));
        Assert.All(roles, role => Assert.True(role.IsBuiltIn));
        Assert.Contains("Reader", roles[1].Includes);
        Assert.Throws<NotFoundException>(() => Store.CreateIdentity("Adam", ["Nothing"]));
    }
}
