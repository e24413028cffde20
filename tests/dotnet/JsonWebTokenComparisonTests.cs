using System.Globalization;
using System.IdentityModel.Tokens.Jwt;
using System.Reflection;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace Tessera.Tests;

/// <summary>Every property of <see cref="JsonWebToken"/> equals what System.IdentityModel.Tokens.Jwt gives for the same
/// text; where that library gives nothing, the text is refused.</summary>
public sealed class JsonWebTokenComparisonTests : IDisposable
{
    private readonly CultureInfo _culture = CultureInfo.CurrentCulture;

    public JsonWebTokenComparisonTests()
    {
        // The reference asks the culture; we never do.
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
    }

    public void Dispose() => CultureInfo.CurrentCulture = _culture;

    [Theory]
    [InlineData(JsonWebTokenSamples.PowerShellUniversalMigrated)]
    [InlineData(JsonWebTokenSamples.PowerShellUniversalAdministrator)]
    public void A_real_token_reads_as_the_reference_reads_it(string token)
    {
        AssertEqual(new JwtSecurityTokenHandler().ReadJwtToken(token), JsonWebToken.Parse(token));
        AssertEqual(new JwtSecurityToken(token), JsonWebToken.Parse(token));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Generated_tokens_read_as_the_reference_reads_them(int seed)
    {
        int compared = 0;
        foreach (string token in JsonWebTokenSamples.Generate(seed, 400))
        {
            if (AssertSame(token))
            {
                compared++;
            }
        }
        Assert.True(compared >= 300, $"Only {compared} of 400 tokens were readable.");
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{ "spaced" : [ 1 , { "a" : "b" } ] }""")]
    [InlineData("""{"exp":"1700000000"}""")]
    [InlineData("""{"exp":" 12 "}""")]
    [InlineData("""{"exp":"1,000"}""")]
    [InlineData("""{"exp":"1.5"}""")]
    [InlineData("""{"exp":-5,"nbf":-9223372036854775808}""")]
    [InlineData("""{"exp":0.5,"nbf":1.5,"iat":2.5}""")]
    [InlineData("""{"exp":253402300799,"nbf":253402300800}""")]
    [InlineData("""{"exp":922337203685,"nbf":922337203686}""")]
    [InlineData("""{"exp":9223372036854775807,"nbf":1e18}""")]
    [InlineData("""{"exp":2147483648,"nbf":2147483647}""")]
    [InlineData("""{"aud":null}""")]
    [InlineData("""{"aud":[]}""")]
    [InlineData("""{"aud":""}""")]
    [InlineData("""{"aud":["2024-01-01T00:00:00.0000000Z",""]}""")]
    [InlineData("""{"iss":null,"jti":null,"sub":null,"actort":null}""")]
    [InlineData("""{"iss":"","jti":"","sub":"","actort":""}""")]
    [InlineData("""{"sub":5}""")]
    [InlineData("""{"sub":1.50}""")]
    [InlineData("""{"sub":1e25}""")]
    [InlineData("""{"sub":-0.0}""")]
    [InlineData("""{"actort":7}""")]
    [InlineData("""{"actort":{"sub":"x"}}""")]
    [InlineData("""{"actort":["x"]}""")]
    [InlineData("""{"\u0065xp":5,"s\u0075b":"x"}""")]
    [InlineData("""{"":"2024-01-01T00:00:00.0000000Z"}""")]
    [InlineData("""{"":["2024-01-01T00:00:00.0000000Z"]}""")]
    [InlineData("""{"when":"2024-01-01T00:00:00.0000000Z","name":"2024-01-01T00:00:00.0000000Z"}""")]
    [InlineData("""{"when":["2024-01-01T00:00:00.0000000Z",{"when":"2024-01-01T00:00:00.0000000Z"}]}""")]
    [InlineData("""{"when":"9999-12-31T23:59:59.9999999Z"}""")]
    [InlineData("""{"when":"2024-01-01T00:00:00.000000Z"}""")]
    [InlineData("""{"n":[1,2147483648,1.5,9223372036854775808,true,false,null,[1, 2],{"a": 1},"x"]}""")]
    [InlineData("""{"n":[]}""")]
    [InlineData("""{"n":{}}""")]
    [InlineData("""{"n":-0}""")]
    [InlineData("""{"n":-0.0}""")]
    [InlineData("""{"text":"\u003c\/\ud83d\ude00\u2028\u0000\u007f"}""")]
    public void A_payload_at_the_edge_reads_as_the_reference_reads_it(string payload) =>
        Assert.True(AssertSame(JsonWebTokenSamples.WithPayload(payload)), "The reference refuses this payload.");

    [Theory]
    [InlineData("""{"exp":9223372036854775808}""")]
    [InlineData("""{"exp":1e19}""")]
    [InlineData("""{"exp":1e400}""")]
    [InlineData("""{"exp":null}""")]
    [InlineData("""{"exp":true}""")]
    [InlineData("""{"exp":"tomorrow"}""")]
    [InlineData("""{"exp":""}""")]
    [InlineData("""{"exp":"NaN"}""")]
    [InlineData("""{"nbf":[1]}""")]
    [InlineData("""{"iat":{}}""")]
    [InlineData("""{"aud":5}""")]
    [InlineData("""{"aud":{"a":1}}""")]
    [InlineData("""{"aud":["a",5]}""")]
    [InlineData("""{"aud":["a",null]}""")]
    [InlineData("""{"iss":5}""")]
    [InlineData("""{"iss":["a"]}""")]
    [InlineData("""{"jti":false}""")]
    [InlineData("""{"sub":true}""")]
    [InlineData("""{"sub":{}}""")]
    [InlineData("""{"n":1e400}""")]
    public void A_payload_that_the_reference_cannot_show_is_refused(string payload) =>
        Assert.False(AssertSame(JsonWebTokenSamples.WithPayload(payload)), "The reference shows this payload.");

    [Theory]
    [InlineData("""{"alg":"none"}""")]
    [InlineData("{}")]
    [InlineData("""{"alg":null}""")]
    [InlineData("""{"alg":5}""")]
    [InlineData("""{"alg":true}""")]
    [InlineData("""{"alg":["HS256","é<"]}""")]
    [InlineData("""{"alg":[true]}""")]
    [InlineData("""{"alg":{"a": 1}}""")]
    [InlineData("""{"alg":"HS256","cty":{}}""")]
    [InlineData("""{"alg":"HS256","kid":7,"typ":null}""")]
    [InlineData("""{"alg":"HS256","list":[true,"a",false,1,null,1.5,[1,true],{"b":true}]}""")]
    [InlineData("""{"alg":"HS256","issued":"2024-01-01T00:00:00.0000000Z"}""")]
    [InlineData("""{"alg":"HS256","x5c":["2024-01-01T00:00:00.0000000Z"]}""")]
    public void A_header_at_the_edge_reads_as_the_reference_reads_it(string header) =>
        Assert.True(AssertSame(JsonWebTokenSamples.Of(header, "{}")), "The reference refuses this header.");

    [Theory]
    [InlineData("""{"alg":["HS256",5]}""")]
    [InlineData("""{"alg":[null]}""")]
    [InlineData("""{"alg":"HS256","cty":[5]}""")]
    [InlineData("""{"alg":"HS256","n":1e400}""")]
    public void A_header_that_the_reference_cannot_show_is_refused(string header) =>
        Assert.False(AssertSame(JsonWebTokenSamples.Of(header, "{}")), "The reference shows this header.");

    [Fact]
    public void No_name_that_the_reference_never_takes_for_a_date_is_missing()
    {
        FieldInfo? field = typeof(EpochTime).Assembly
            .GetType("Microsoft.IdentityModel.Tokens.Json.JsonSerializerPrimitives")?
            .GetField("s_knownNonDateTimeClaimTypes", BindingFlags.NonPublic | BindingFlags.Static);
        var names = Assert.IsAssignableFrom<IEnumerable<string>>(field?.GetValue(null));
        string payload = JsonSerializer.Serialize(names.Append("other").ToDictionary(name => name, _ => "2024-01-01T00:00:00.0000000Z"));

        Assert.True(AssertSame(JsonWebTokenSamples.WithPayload(payload)));
    }

    [Fact]
    public void An_unsigned_token_reads_as_the_reference_reads_it() =>
        Assert.True(AssertSame(
            JsonWebTokenSamples.Encode("""{"alg":"none"}""") + "." + JsonWebTokenSamples.Encode("""{"sub":"a"}""") + "."));

    /// <summary>Compares, and says whether the reference could read the token: where it could not, neither may we.</summary>
    private static bool AssertSame(string token)
    {
        JwtSecurityToken reference;
        try
        {
            reference = new JwtSecurityTokenHandler().ReadJwtToken(token);
            _ = Properties(reference);
        }
        catch (Exception exception)
        {
            bool shown = JsonWebToken.TryParse(token, out _);
            Assert.False(shown, $"The reference refuses {token} with {exception.Message}, and we don't.");
            return false;
        }
        AssertEqual(reference, JsonWebToken.Parse(token));
        return true;
    }

    private static void AssertEqual(JwtSecurityToken reference, JsonWebToken token) =>
        Assert.Equal(Properties(reference), Properties(token));

    // The two lists are apart on purpose: a property that one side lacks doesn't compile.
    private static string[] Properties(JwtSecurityToken token) =>
    [
        Line(token.Actor), .. token.Audiences.Select(Line), "claims", .. token.Claims.Select(Line),
        Line(token.EncodedHeader), Line(token.EncodedPayload), "header", .. token.Header.Select(Line),
        "payload", .. token.Payload.Select(Line), Line(token.Id), Line(token.Issuer), Line(token.InnerToken),
        Line(token.RawAuthenticationTag), Line(token.RawCiphertext), Line(token.RawData), Line(token.RawEncryptedKey),
        Line(token.RawInitializationVector), Line(token.RawHeader), Line(token.RawPayload), Line(token.RawSignature),
        Line(token.SecurityKey), Line(token.SignatureAlgorithm), Line(token.SigningCredentials),
        Line(token.EncryptingCredentials), Line(token.SigningKey), Line(token.Subject), Line(token.ValidFrom),
        Line(token.ValidTo),
    ];

    private static string[] Properties(JsonWebToken token) =>
    [
        Line(token.Actor), .. token.Audiences.Select(Line), "claims", .. token.Claims.Select(Line),
        Line(token.EncodedHeader), Line(token.EncodedPayload), "header", .. token.Header.Select(Line),
        "payload", .. token.Payload.Select(Line), Line(token.Id), Line(token.Issuer), Line(token.InnerToken),
        Line(token.RawAuthenticationTag), Line(token.RawCiphertext), Line(token.RawData), Line(token.RawEncryptedKey),
        Line(token.RawInitializationVector), Line(token.RawHeader), Line(token.RawPayload), Line(token.RawSignature),
        Line(token.SecurityKey), Line(token.SignatureAlgorithm), Line(token.SigningCredentials),
        Line(token.EncryptingCredentials), Line(token.SigningKey), Line(token.Subject), Line(token.ValidFrom),
        Line(token.ValidTo),
    ];

    private static string Line<T>(KeyValuePair<string, T> member) => $"{Line(member.Key)} = {Line(member.Value)}";

    /// <summary>A value with its CLR type, such that two lines are equal only when the values are.</summary>
    private static string Line(object? value) => value switch
    {
        null => "null",
        string text => "string " + JsonSerializer.Serialize(text),
        Claim claim => "Claim " + string.Join(" | ", new[]
        {
            claim.Type, claim.Value, claim.ValueType, claim.Issuer, claim.OriginalIssuer,
            claim.Properties.Count.ToString(CultureInfo.InvariantCulture),
        }.Select(text => JsonSerializer.Serialize(text))),
        DateTime time => "DateTime " + time.ToString("yyyy-MM-dd HH:mm:ss.fffffff ", CultureInfo.InvariantCulture) + time.Kind,
        JsonElement element => $"JsonElement {element.ValueKind} {element.GetRawText()}",
        double number => "double " + BitConverter.DoubleToInt64Bits(number).ToString("x16", CultureInfo.InvariantCulture),
        System.Collections.IList list => $"{list.GetType()} [{string.Join(", ", list.Cast<object?>().Select(Line))}]",
        IFormattable formattable => $"{value.GetType()} {formattable.ToString(null, CultureInfo.InvariantCulture)}",
        _ => $"{value.GetType()} {value}",
    };
}
