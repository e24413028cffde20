using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tessera.Tests;

public sealed class RecordTests : IDisposable
{
    private readonly TemporaryStore _temporary = new();

    public void Dispose() => _temporary.Dispose();

    // Valid has the number zero: a verdict that nobody made must not look like one.
    [Fact]
    public void A_verdict_that_nobody_made_is_not_valid()
    {
        Verdict verdict = default;

        Assert.False(verdict.IsValid);
        Assert.Equal(Outcome.StoreUnavailable, verdict.Outcome);
        Assert.Empty(verdict.Roles);
        Assert.NotEqual(new Verdict { Outcome = Outcome.Valid }, verdict);
        Assert.True(new Verdict { Outcome = Outcome.Valid }.IsValid);
    }

    [Fact]
    public void Two_reads_of_one_token_are_equal_and_their_lists_cannot_be_changed()
    {
        using TokenGrant grant = _temporary.Store.Grant(new TokenGrantRequest { Identity = "Adam", Tags = ["a", "b"] });

        Token one = _temporary.Store.GetToken(grant.Token.Id);
        Token two = _temporary.Store.GetToken(grant.Token.Id);

        Assert.NotSame(one, two);
        Assert.Equal(one, two);
        Assert.Equal(one.GetHashCode(), two.GetHashCode());
        Assert.NotEqual(one, _temporary.Store.Update(one.Id, tags: ["a", "c"]));
        Assert.Throws<NotSupportedException>(() => ((IList<string>)one.Tags)[0] = "x");
        Assert.Contains("Tags = [a, b]", one.ToString(), StringComparison.Ordinal);
    }

    // What the native library leaves out must not be null to a caller who goes through the list.
    [Fact]
    public void Lists_that_hold_nothing_are_empty()
    {
        using TokenGrant grant = _temporary.Store.Grant(new TokenGrantRequest { Identity = "Adam" });
        TokenConditions conditions = grant.Token.Conditions;

        Assert.Equal(new TokenConditions(), conditions);
        IReadOnlyList<string>[] lists =
        [
            conditions.AllowedAddresses, conditions.DeniedAddresses, conditions.Methods, conditions.Operations, conditions.RequiredRoles,
            Assert.Single(_temporary.Store.GetProfile("AppNeta").Settings.DeniedEndpoints).Methods,
        ];
        Assert.All(lists, Assert.Empty);
    }

    [Fact]
    public void A_grants_text_hides_its_value()
    {
        using TokenGrant grant = _temporary.Store.Grant(new TokenGrantRequest { Identity = "Adam" });
        _temporary.Store.CreateSigningKey();
        using JsonWebTokenMint mint = _temporary.Store.MintJsonWebToken(new JsonWebTokenRequest { Claims = """{"sub":"a","aud":"b"}""" });
        string value = grant.Value.Reveal();

        Assert.Equal("***", grant.Value.ToString());
        Assert.Equal("***", mint.Value.ToString());
        Assert.DoesNotContain(value, grant.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(value[16..48], grant.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(mint.Value.Reveal(), mint.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(value, System.Text.Json.JsonSerializer.Serialize(grant), StringComparison.Ordinal);
        Assert.DoesNotContain(value, _temporary.Store.Validate(value).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_becomes_a_secure_string_and_is_gone_after_disposal()
    {
        using TokenGrant grant = _temporary.Store.Grant(new TokenGrantRequest { Identity = "Adam" });
        string value = grant.Value.Reveal();

        using System.Security.SecureString secure = grant.Value.ToSecureString();
        Assert.True(secure.IsReadOnly());
        nint plain = Marshal.SecureStringToGlobalAllocUnicode(secure);
        try
        {
            Assert.Equal(value, Marshal.PtrToStringUni(plain));
        }
        finally
        {
            Marshal.ZeroFreeGlobalAllocUnicode(plain);
        }

        grant.Dispose();
        grant.Value.Dispose();
        Assert.Throws<ObjectDisposedException>(grant.Value.Reveal);
        Assert.Throws<ObjectDisposedException>(grant.Value.ToSecureString);
        Assert.Equal("***", grant.Value.ToString());
        Assert.True(_temporary.Store.Validate(value).IsValid);
    }

    [Fact]
    public void Every_failure_has_its_kind_and_its_kinds_codes()
    {
        Type[] kinds = [.. PublicTypes().Where(type => type.IsSubclassOf(typeof(TesseraException)))];
        Assert.Equal(6, kinds.Length);
        Assert.All(kinds, kind => Assert.True(kind.IsSealed));
        Assert.Equal(
            "None=0 InvalidArgument=1 NotFound=2 AlreadyExists=3 NotPermitted=4 Conflict=5 Overloaded=6 StoreUnavailable=10 StoreBusy=11 StoreFull=12 "
            + "StoreReadOnly=13 StoreCorrupt=14 StoreForeign=15 StoreNewer=16 StoreWrongKey=17 StoreKeyMissing=18 StorePath=19 "
            + "StoreHeldElsewhere=20 StoreNetworkFileSystem=21 StoreKeyFile=22 MalformedToken=30 KeyRefused=31 TransferFile=32 InvalidHandle=40 Internal=41 NativeLibrary=42",
            string.Join(' ', Enum.GetValues<ErrorCode>().Select(code => $"{code}={(int)code}")));
        Assert.Equal(
            "Valid=0 Malformed=1 Unknown=2 NotYetValid=3 Expired=4 Revoked=5 Disabled=6 AudienceDenied=7 OrganizationDenied=8 PathDenied=9 "
            + "MethodDenied=10 ReferrerDenied=11 AddressDenied=12 OperationDenied=13 RoleDenied=14 RateLimited=15 UsesExhausted=16 StoreUnavailable=17",
            string.Join(' ', Enum.GetValues<Outcome>().Select(outcome => $"{outcome}={(int)outcome}")));
    }

    [Fact]
    public void Nothing_public_can_be_changed_after_it_was_made()
    {
        IEnumerable<PropertyInfo> settable = PublicTypes()
            .SelectMany(type => type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Where(property => property.SetMethod is { IsPublic: true } setter
                && !setter.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)));
        IEnumerable<FieldInfo> fields = PublicTypes()
            .Where(type => !type.IsEnum)
            .SelectMany(type => type.GetFields(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Where(field => !field.IsLiteral);

        Assert.Empty(settable.Select(property => $"{property.DeclaringType}.{property.Name}"));
        Assert.Empty(fields.Select(field => $"{field.DeclaringType}.{field.Name}"));
        Assert.All(PublicTypes().Where(type => type.IsClass && type != typeof(TesseraException)), type => Assert.True(type.IsSealed, type.FullName));
    }

    private static IEnumerable<Type> PublicTypes() => typeof(TokenStore).Assembly.GetExportedTypes().Where(type => type.Namespace == "Tessera");
}
