using System.Globalization;
using System.Text.Json;

namespace Tessera.Tests;

/// <summary>What <see cref="JsonWebToken"/> promises beyond equality with its reference: what it refuses, what it
/// doesn't tell, and that it never changes.</summary>
public sealed class JsonWebTokenTests
{
    private const int MaximumLength = 8192;

    private static readonly string Good = JsonWebTokenSamples.WithPayload("""{"sub":"Adam","exp":1603465425}""");

    private static string[] GoodParts => Good.Split('.');

    [Fact]
    public void The_document_that_names_the_properties_is_met()
    {
        JsonWebToken token = JsonWebToken.Parse(JsonWebTokenSamples.PowerShellUniversalMigrated);

        Assert.Equal("HS256", token.SignatureAlgorithm);
        Assert.Equal("IronmanSoftware", token.Issuer);
        Assert.Equal("PowerShellUniversal", token.Subject);
        Assert.Equal(["PowerShellUniversal"], token.Audiences);
        Assert.Equal(new DateTime(2021, 10, 1, 16, 48, 53, DateTimeKind.Utc), token.ValidFrom);
        Assert.Equal(new DateTime(2021, 12, 30, 17, 48, 0, DateTimeKind.Utc), token.ValidTo);
        Assert.Equal(["alg", "typ"], token.Header.Keys);
        Assert.Equal(8, token.Payload.Count);
        Assert.Equal(1633106933L, token.Payload["nbf"]);
        Assert.Equal("GHjJI3kMpcAY1pvOGLWOdPqC2-IPo0-4lJfHZwStmOk", token.RawSignature);
    }

    [Fact]
    public void It_has_the_documented_properties_and_no_others()
    {
        string[] documented =
        [
            "Actor", "Audiences", "Claims", "EncodedHeader", "EncodedPayload", "Header", "Id", "Issuer", "Payload",
            "InnerToken", "RawAuthenticationTag", "RawCiphertext", "RawData", "RawEncryptedKey",
            "RawInitializationVector", "RawHeader", "RawPayload", "RawSignature", "SecurityKey", "SignatureAlgorithm",
            "SigningCredentials", "EncryptingCredentials", "SigningKey", "Subject", "ValidFrom", "ValidTo",
        ];

        Assert.Equal(documented, typeof(JsonWebToken).GetProperties().Select(property => property.Name));
    }

    [Fact]
    public void Text_and_span_and_try_agree()
    {
        Assert.Equal("Adam", JsonWebToken.Parse(Good).Subject);
        Assert.Equal("Adam", JsonWebToken.Parse(Good.AsSpan()).Subject);
        Assert.True(JsonWebToken.TryParse(Good, out JsonWebToken? token));
        Assert.Equal("Adam", token.Subject);
        Assert.False(JsonWebToken.TryParse("no token", out token));
        Assert.Null(token);
        Assert.False(JsonWebToken.TryParse(null, out _));
        Assert.Throws<ArgumentNullException>(() => JsonWebToken.Parse(null!));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("hs256")]
    public void A_token_that_no_verifier_takes_can_be_read(string algorithm)
    {
        string signed = JsonWebTokenSamples.Encode($$"""{"alg":"{{algorithm}}"}""") + "." + GoodParts[1] + ".";

        JsonWebToken token = JsonWebToken.Parse(signed);

        Assert.Equal(algorithm, token.SignatureAlgorithm);
        Assert.Equal(string.Empty, token.RawSignature);
    }

    public static TheoryData<string, string> Malformed() => new()
    {
        { "empty", "" },
        { "white space", " " },
        { "no dot", "eyJhbGciOiJIUzI1NiJ9" },
        { "two segments", string.Join('.', GoodParts[..2]) },
        { "four segments", Good + "." + GoodParts[2] },
        { "five segments", Good + "." + GoodParts[2] + "." + GoodParts[2] },
        { "only dots", ".." },
        { "three dots only", "..." },
        { "empty header", "." + GoodParts[1] + "." + GoodParts[2] },
        { "empty payload", GoodParts[0] + ".." + GoodParts[2] },
        { "scheme before", "Bearer " + Good },
        { "space before", " " + Good },
        { "line break behind", Good + "\n" },
        { "embedded NUL", Good[..10] + "\0" + Good[10..] },
        { "NUL behind", Good + "\0" },
        { "letter outside ASCII", Good[..10] + "é" + Good[10..] },
        { "full-width letter", Good[..10] + "ａ" + Good[10..] },
        { "high surrogate alone", Good + "\ud800" },
        { "low surrogate alone", "\udc00" + Good },
        { "padding", Good + "=" },
        { "standard alphabet", GoodParts[0] + "." + GoodParts[1] + ".ab+/" },
        { "spare bits not zero", GoodParts[0] + "." + GoodParts[1] + ".AB" },
        { "a segment of one character", GoodParts[0] + "." + GoodParts[1] + ".A" },
        { "header is an array", JsonWebTokenSamples.Of("[]", "{}") },
        { "payload is an array", JsonWebTokenSamples.WithPayload("[]") },
        { "payload is text", JsonWebTokenSamples.WithPayload("\"a\"") },
        { "payload is null", JsonWebTokenSamples.WithPayload("null") },
        { "payload ends early", JsonWebTokenSamples.WithPayload("{\"a\":1") },
        { "payload goes on", JsonWebTokenSamples.WithPayload("{}{}") },
        { "byte order mark", JsonWebTokenSamples.WithPayload("\ufeff{}") },
        { "comment", JsonWebTokenSamples.WithPayload("{/**/}") },
        { "comma at the end", JsonWebTokenSamples.WithPayload("""{"a":1,}""") },
        { "single quotes", JsonWebTokenSamples.WithPayload("{'a':1}") },
        { "space around the payload", JsonWebTokenSamples.WithPayload("{} ") },
        { "number beyond every double", JsonWebTokenSamples.WithPayload("""{"a":[1e400]}""") },
        { "not a number", JsonWebTokenSamples.WithPayload("""{"a":NaN}""") },
        { "lone surrogate in a claim", JsonWebTokenSamples.WithPayload("""{"a":"\ud800"}""") },
        { "lone surrogate in a name", JsonWebTokenSamples.WithPayload("""{"\udc00":1}""") },
        { "lone surrogate within an object", JsonWebTokenSamples.WithPayload("""{"a":{"b":["\ud800"]}}""") },
        { "duplicate claim", JsonWebTokenSamples.WithPayload("""{"sub":"a","sub":"b"}""") },
        { "duplicate claim, once escaped", JsonWebTokenSamples.WithPayload("""{"exp":1,"\u0065xp":2}""") },
        { "duplicate within an object", JsonWebTokenSamples.WithPayload("""{"a":{"b":1,"b":2}}""") },
        { "duplicate header member", JsonWebTokenSamples.Of("""{"alg":"HS256","alg":"none"}""", "{}") },
        { "exp is words", JsonWebTokenSamples.WithPayload("""{"exp":"tomorrow"}""") },
        { "exp is 2^63", JsonWebTokenSamples.WithPayload("""{"exp":9223372036854775808}""") },
        { "exp is null", JsonWebTokenSamples.WithPayload("""{"exp":null}""") },
        { "10,000 deep in a segment", JsonWebTokenSamples.WithPayload(Nested(10_000)) },
        { "17 deep", JsonWebTokenSamples.WithPayload(Nested(17)) },
        { "257 members", JsonWebTokenSamples.WithPayload(Wide(257)) },
        { "8 KiB and one", Padded(MaximumLength + 1) },
        { "invalid UTF-8", GoodParts[0] + "." + System.Buffers.Text.Base64Url.EncodeToString([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]) + "." },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void A_text_that_is_no_strict_token_is_refused(string reason, string text)
    {
        var refusal = Assert.Throws<TokenFormatException>(() => JsonWebToken.Parse(text));

        Assert.Equal(ErrorCode.MalformedToken, refusal.Code);
        Assert.False(JsonWebToken.TryParse(text, out _), reason);
        Assert.Throws<TokenFormatException>(() => JsonWebToken.Parse(text.AsSpan()));
        AssertTellsNothingOf(text, refusal);
    }

    [Fact]
    public void A_hundred_million_characters_are_refused_before_they_are_copied()
    {
        string huge = new('a', 100_000_000);
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Throws<TokenFormatException>(() => JsonWebToken.Parse(huge));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void The_limits_themselves_are_allowed()
    {
        Assert.Equal(MaximumLength, JsonWebToken.Parse(Padded(MaximumLength)).RawData.Length);
        Assert.Equal(256, JsonWebToken.Parse(JsonWebTokenSamples.WithPayload(Wide(256))).Payload.Count);
        Assert.Single(JsonWebToken.Parse(JsonWebTokenSamples.WithPayload(Nested(16))).Payload);
    }

    [Theory]
    [InlineData("""{"exp":"1700000000"}""", 1700000000)]
    [InlineData("""{"exp":1700000000.4}""", 1700000000)]
    [InlineData("""{"exp":-1}""", 0)]
    [InlineData("""{"exp":2147483648}""", 2147483648)]
    [InlineData("""{"exp":253402300799}""", 253402300799)]
    public void An_expiry_that_a_verifier_may_refuse_can_be_read(string payload, long expected)
    {
        DateTime end = JsonWebToken.Parse(JsonWebTokenSamples.WithPayload(payload)).ValidTo;

        Assert.Equal(DateTimeKind.Utc, end.Kind);
        Assert.Equal(expected, new DateTimeOffset(end).ToUnixTimeSeconds());
    }

    [Fact]
    public void A_date_in_a_headers_array_is_read_once()
    {
        // The reference never comes to an end on this header (System.IdentityModel.Tokens.Jwt 8.23.0).
        string token = JsonWebTokenSamples.Of("""{"alg":"HS256","list":["2024-01-01T00:00:00.0000000Z","a"]}""", "{}");

        var list = Assert.IsType<List<object?>>(JsonWebToken.Parse(token).Header["list"]);

        Assert.Equal([new DateTime(2024, 1, 1, 0, 0, 0, DateTimeKind.Utc), "a"], list);
    }

    [Fact]
    public void No_culture_changes_a_value()
    {
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        culture.NumberFormat.NumberDecimalSeparator = ",";
        culture.NumberFormat.NegativeSign = "~";
        culture.DateTimeFormat.DateSeparator = "*";
        string text = JsonWebTokenSamples.WithPayload(
            """{"sub":-1.5,"exp":"1.5e9","a":-2.5,"b":-3,"when":"2024-01-01T00:00:00.0000000Z"}""");
        string[] expected = [.. JsonWebToken.Parse(text).Claims.Select(claim => claim.ToString())];

        CultureInfo before = CultureInfo.CurrentCulture;
        string[] actual;
        try
        {
            CultureInfo.CurrentCulture = culture;
            actual = [.. JsonWebToken.Parse(text).Claims.Select(claim => claim.ToString())];
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }

        Assert.Equal(expected, actual);
        Assert.Equal("sub: -1.5", actual[0]);
    }

    [Fact]
    public void Its_text_tells_the_times_and_nothing_else()
    {
        string secret = "s3cret-claim";
        JsonWebToken token = JsonWebToken.Parse(JsonWebTokenSamples.Of(
            $$"""{"alg":"{{secret}}","kid":"{{secret}}"}""",
            $$"""{"sub":"{{secret}}","jti":"{{secret}}","{{secret}}":1,"nbf":1571843025,"exp":1603465425}"""));

        string text = token.ToString();

        Assert.Equal("JSON Web Token, valid from 2019-10-23T15:03:45Z, valid to 2020-10-23T15:03:45Z", text);
        Assert.Equal("JSON Web Token", JsonWebToken.Parse(JsonWebTokenSamples.WithPayload("{}")).ToString());
    }

    [Fact]
    public void What_it_hands_out_cannot_change_it()
    {
        JsonWebToken token = JsonWebToken.Parse(JsonWebTokenSamples.Of(
            """{"alg":"HS256","list":["a"]}""", """{"aud":["a"],"sub":"Adam"}"""));

        token.Header.Clear();
        token.Payload["sub"] = "Eve";
        Assert.IsType<List<object?>>(token.Header["list"]).Clear();
        Assert.IsType<List<string>>(token.Payload["aud"]).Add("b");

        Assert.Equal(2, token.Header.Count);
        Assert.Equal("Adam", token.Payload["sub"]);
        Assert.Single(Assert.IsType<List<object?>>(token.Header["list"]));
        Assert.Single(Assert.IsType<List<string>>(token.Payload["aud"]));
        token.Claims[0].Properties["a"] = "b";
        Assert.Empty(token.Claims[0].Properties);
        Assert.Throws<NotSupportedException>(() => ((System.Collections.IList)token.Claims).Clear());
        Assert.Throws<NotSupportedException>(() => ((System.Collections.IList)token.Audiences).Clear());
    }

    [Fact]
    public void Nested_values_outlive_the_reading()
    {
        JsonWebToken token = JsonWebToken.Parse(JsonWebTokenSamples.WithPayload("""{"a":{"b":[1,{"c":"d"}]}}"""));

        GC.Collect();

        Assert.Equal("d", Assert.IsType<JsonElement>(token.Payload["a"]).GetProperty("b")[1].GetProperty("c").GetString());
    }

    private static string Nested(int depth) =>
        "{\"a\":" + new string('[', depth - 1) + new string(']', depth - 1) + "}";

    private static string Wide(int members) =>
        "{" + string.Join(",", Enumerable.Range(0, members).Select(index => $"\"m{index}\":0")) + "}";

    /// <summary>An unsigned token of exactly that many characters.</summary>
    private static string Padded(int length)
    {
        // Base64url has no text of 4n + 1 characters; a longer header then makes up for it.
        string header = JsonWebTokenSamples.Encode("{}");
        if ((length - header.Length - 2) % 4 == 1)
        {
            header = JsonWebTokenSamples.Encode("""{"a":1}""");
        }
        int payloadBytes = (length - header.Length - 2) * 3 / 4;
        string payload = "{\"a\":\"" + new string('a', payloadBytes - 8) + "\"}";
        string token = header + "." + JsonWebTokenSamples.Encode(payload) + ".";
        Assert.Equal(length, token.Length);
        return token;
    }

    private static void AssertTellsNothingOf(string text, Exception error)
    {
        string told = error.ToString();
        foreach (string part in text.Split('.', '\0', '\n', ' ').Where(part => part.Length > 8))
        {
            Assert.DoesNotContain(part, told, StringComparison.Ordinal);
            Assert.DoesNotContain(part[..8], told, StringComparison.Ordinal);
        }
    }
}
