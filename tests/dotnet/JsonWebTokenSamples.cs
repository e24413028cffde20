using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tessera.Tests;

/// <summary>JSON Web Tokens to read: two real ones, any header and payload, and as many varied ones as wanted.</summary>
internal static class JsonWebTokenSamples
{
    /// <summary>The first token printed in the PowerShell Universal documentation, "App Tokens": the one to be
    /// migrated. Valid from 2021-10-01 to 2021-12-30.</summary>
    internal const string PowerShellUniversalMigrated =
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJodHRwOi8vc2NoZW1hcy54bWxzb2FwLm9yZy93cy8yMDA1LzA1L2lkZW50aXR5L2NsYWltcy9uYW1lIjoiQWRtaW4iLCJodHRwOi8vc2NoZW1hcy54bWxzb2FwLm9yZy93cy8yMDA1LzA1L2lkZW50aXR5L2NsYWltcy9oYXNoIjoiMDhiYTFlMTktMjgyZi00YTRjLWIxZGUtNTY0Zjk3NWU2ODEwIiwic3ViIjoiUG93ZXJTaGVsbFVuaXZlcnNhbCIsImh0dHA6Ly9zY2hlbWFzLm1pY3Jvc29mdC5jb20vd3MvMjAwOC8wNi9pZGVudGl0eS9jbGFpbXMvcm9sZSI6InBvbGljeSIsIm5iZiI6MTYzMzEwNjkzMywiZXhwIjoxNjQwODg2NDgwLCJpc3MiOiJJcm9ubWFuU29mdHdhcmUiLCJhdWQiOiJQb3dlclNoZWxsVW5pdmVyc2FsIn0.GHjJI3kMpcAY1pvOGLWOdPqC2-IPo0-4lJfHZwStmOk";

    /// <summary>The second token printed there: the administrator's. Valid from 2021-10-07 to 2021-11-06.</summary>
    internal const string PowerShellUniversalAdministrator =
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJodHRwOi8vc2NoZW1hcy54bWxzb2FwLm9yZy93cy8yMDA1LzA1L2lkZW50aXR5L2NsYWltcy9uYW1lIjoiQWRtaW4iLCJodHRwOi8vc2NoZW1hcy54bWxzb2FwLm9yZy93cy8yMDA1LzA1L2lkZW50aXR5L2NsYWltcy9oYXNoIjoiMjVjMzFlZTAtMGM4Mi00NzBiLWJkZGYtOGFmOTgxZGI2ZDdmIiwic3ViIjoiUG93ZXJTaGVsbFVuaXZlcnNhbCIsImh0dHA6Ly9zY2hlbWFzLm1pY3Jvc29mdC5jb20vd3MvMjAwOC8wNi9pZGVudGl0eS9jbGFpbXMvcm9sZSI6IkFkbWluaXN0cmF0b3IiLCJuYmYiOjE2MzM2NDY5OTgsImV4cCI6MTYzNjIzODk0MCwiaXNzIjoiSXJvbm1hblNvZnR3YXJlIiwiYXVkIjoiUG93ZXJTaGVsbFVuaXZlcnNhbCJ9.jw2VCvtpOWpgnpIUlO8sTdK9Z5RMoWLmvYn0MDmzkNM";

    /// <summary>The signing key of both: the product's documented default.</summary>
    internal const string PowerShellUniversalKey = "PleaseUseYourOwnSigningKeyHere";

    private const string PlainHeader = """{"alg":"HS256","typ":"JWT"}""";

    private static readonly byte[] Key = "a key of thirty-two bytes or more"u8.ToArray();

    /// <summary>A token of this payload, signed with HS256.</summary>
    internal static string WithPayload(string payload) => Of(PlainHeader, payload);

    /// <summary>A token of this header and payload, signed with HMAC-SHA-256 whatever the header says.</summary>
    internal static string Of(string header, string payload)
    {
        string signed = Encode(header) + "." + Encode(payload);
        return signed + "." + Base64Url.EncodeToString(HMACSHA256.HashData(Key, Encoding.ASCII.GetBytes(signed)));
    }

    /// <summary>The base64url form of a text in UTF-8.</summary>
    internal static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    /// <summary>Tokens with headers and payloads of every kind that strict JSON allows; the same ones for the same
    /// seed. Most are made by hand, so that white space and escapes vary too; each fifth is jose-jwt's.</summary>
    internal static IEnumerable<string> Generate(int seed, int count)
    {
        var choose = new Random(seed);
        for (int index = 0; index < count; index++)
        {
            var json = new RandomJson(choose);
            if (index % 5 == 4)
            {
                var extra = new Dictionary<string, object> { ["kid"] = json.Word(), ["typ"] = "JWT", ["seq"] = index };
                yield return Jose.JWT.Encode(json.Payload(), Key, Jose.JwsAlgorithm.HS256, extraHeaders: extra);
            }
            else
            {
                yield return Of(json.Header(), json.Payload());
            }
        }
    }

    /// <summary>Random JSON text: members in any order, with any white space and any way to write a string.</summary>
    private sealed class RandomJson(Random choose)
    {
        private static readonly string[] Texts =
        [
            "", "a", "Adam", "Zoë", "日本語", "😀 grin", "quote\" back\\slash /", "<script>&'+", "tab\tnew\nline\0nul",
            "\u2028\u2029", "\u007f\u0080\u009f", "ﷺ\u200d\ufeff", "2024", "2024-02-29", "2024-02-29T12:34:56Z",
            "2024-02-29T12:34:56.7890123Z", "1999-12-31T23:59:59.9999999Z", "2024-02-30T00:00:00.0000000Z",
            "2024-02-29T24:00:00.0000000Z", "2024-02-29T12:34:60.0000000Z", "2024-02-29T12:34:56.7890123+00:00",
            "2024-02-29T12:34:56.7890123z", " 2024-02-29T12:34:56.7890123Z", "12:30", "true", "null", "42", "{}", "[1]",
            """{"a":1}""", "JSON_NULL",
        ];

        private static readonly string[] Numbers =
        [
            "0", "-0", "1", "-1", "42", "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295",
            "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
            "18446744073709551615", "18446744073709551616", "123456789012345678901234567890", "0.1", "-0.0", "1.0",
            "1.50", "3.141592653589793238462643383", "1e3", "1E+2", "1e-7", "5e-324", "1e-400", "1.7976931348623157e308",
        ];

        private static readonly string[] Names =
        [
            "name", "role", "roles", "email", "groups", "actor", "actort", "amr", "ver", "scope", "when", "birthday", "n",
            "", "a b", "ünï", "q\"uote", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
            "http://schemas.microsoft.com/ws/2008/06/identity/claims/role", "Account", "Aud", "EXP", "cnf", "updated_at",
        ];

        private static readonly string[] Seconds =
        [
            "0", "-1", "1", "1571843025", "2147483647", "2147483648", "4102444800", "253402300799", "253402300800",
            "9223372036854775807", "-9223372036854775808", "1571843025.5", "1571843026.5", "1.5e9", "\"1571843025\"",
            "\"1.5e9\"", "\" 12 \"",
        ];

        internal string Header()
        {
            var members = new Dictionary<string, string>
            {
                ["alg"] = Quote(Pick(["HS256", "HS256", "RS256", "ES256", "none", "hs256", "EdDSA"])),
            };
            Sometimes(0.8, members, "typ", () => Quote(Pick(["JWT", "jwt", "at+jwt", "JOSE", ""])));
            Sometimes(0.4, members, "kid", Text);
            Sometimes(0.1, members, "cty", () => Quote("JWT"));
            Sometimes(0.1, members, "x5c", () => Array([Quote("MIIB"), Quote("MIIC")]));
            Sometimes(0.1, members, "crit", () => Array([Quote("exp")]));
            Sometimes(0.1, members, "jwk", () => Value(2));
            Sometimes(0.2, members, "issued", Text);
            Sometimes(0.2, members, "count", () => Pick(Numbers));
            Sometimes(0.2, members, "flag", () => Pick(["true", "false", "null"]));
            // Never a date within: on one in a header's array the reference loops for ever.
            Sometimes(0.2, members, "mixed", () => Array(
                [Quote("text"), Pick(Numbers), Pick(["true", "false"]), "null", Array(["1", Text()]), Members(2)]));
            return Object(members);
        }

        internal string Payload()
        {
            var members = new Dictionary<string, string>();
            Sometimes(0.7, members, "sub", () => choose.Next(8) == 0 ? Pick(["5", "-0", "4294967296", "1.5", "1e25", "null"]) : Text());
            Sometimes(0.7, members, "nbf", () => Pick(Seconds));
            Sometimes(0.7, members, "exp", () => Pick(Seconds));
            Sometimes(0.5, members, "iat", () => Pick(Seconds));
            Sometimes(0.7, members, "iss", () => choose.Next(8) == 0 ? "null" : Text());
            Sometimes(0.7, members, "aud", Audience);
            Sometimes(0.5, members, "jti", () => choose.Next(8) == 0 ? "null" : Text());
            int others = choose.Next(8);
            for (int index = 0; index < others; index++)
            {
                members[Pick(Names)] = Value(3);
            }
            return Object(members);
        }

        internal string Word() => Pick(["k1", "2024-01", "a-b_c", "日本"]);

        private string Audience() => choose.Next(5) switch
        {
            0 => "null",
            1 => "[]",
            2 => Array([Text()]),
            3 => Array([Text(), Text(), Text()]),
            _ => Text(),
        };

        private string Value(int depth) => choose.Next(depth > 0 ? 8 : 5) switch
        {
            0 or 1 => Text(),
            2 => Pick(Numbers),
            3 => Pick(["true", "false"]),
            4 => "null",
            5 => Array(Many(() => Text())),
            6 => Array(Many(() => Value(depth - 1))),
            _ => Members(depth),
        };

        private string Members(int depth) =>
            Object(Many(() => Pick(Names)).Distinct().ToDictionary(name => name, _ => Value(depth - 1)));

        private string Text() => Quote(Pick(Texts));

        /// <summary>A string in one of the ways that JSON has to write it.</summary>
        private string Quote(string text) => choose.Next(4) switch
        {
            0 => JsonSerializer.Serialize(text),
            1 => "\"" + string.Concat(text.Select(character => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}"))) + "\"",
            2 => "\"" + JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text).Replace("/", "\\/", StringComparison.Ordinal) + "\"",
            _ => "\"" + JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text) + "\"",
        };

        private string Object(Dictionary<string, string> members) =>
            "{" + string.Join(",", members
                .OrderBy(_ => choose.Next())
                .Select(member => Space() + Quote(member.Key) + Space() + ":" + Space() + member.Value + Space())) + "}";

        private string Array(IEnumerable<string> elements) =>
            "[" + string.Join(",", elements.Select(element => Space() + element + Space())) + "]";

        private List<string> Many(Func<string> make) => [.. Enumerable.Range(0, choose.Next(5)).Select(_ => make())];

        private string Space() => choose.Next(12) == 0 ? Pick([" ", "\n", "\t", "\r\n  "]) : "";

        private string Pick(string[] choices) => choices[choose.Next(choices.Length)];

        private void Sometimes(double share, Dictionary<string, string> members, string name, Func<string> make)
        {
            if (choose.NextDouble() < share)
            {
                members[name] = make();
            }
        }
    }
}
