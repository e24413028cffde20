using System.Text.Json;

namespace Tessera.Tests;

/// <summary>The JSON Web Signature cases of Project Wycheproof, which lie beside the checkout and not in it.</summary>
public sealed class WycheproofTests
{
    [Fact]
    public void Every_case_comes_out_as_stated()
    {
        string path = Path.Combine(Repository.Root, "..", "shared", "vectors", "wycheproof_jws.json");
        Assert.SkipUnless(File.Exists(path), $"The Wycheproof cases are absent: no file '{path}'.");
        using JsonDocument cases = JsonDocument.Parse(File.ReadAllBytes(path));

        // Where the verdict is a choice and no fact, it is written down with its reason; the Rust tests read it too.
        using JsonDocument verdicts = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Repository.Root, "tests", "vectors", "wycheproof_verdicts.json")));
        int checkedCases = 0;
        int chosen = 0;
        var wrong = new List<string>();
        foreach (JsonElement group in cases.RootElement.GetProperty("testGroups").EnumerateArray())
        {
            string key = (group.TryGetProperty("public", out JsonElement publicKey) ? publicKey : group.GetProperty("private")).GetRawText();
            foreach (JsonElement test in group.GetProperty("tests").EnumerateArray())
            {
                string id = test.GetProperty("tcId").GetRawText();
                bool expected = test.GetProperty("result").GetString() == "valid";
                if (verdicts.RootElement.TryGetProperty(id, out JsonElement verdict))
                {
                    chosen++;
                    expected = verdict.GetProperty("verdict").GetString() == "accepted";
                    Assert.NotEmpty(verdict.GetProperty("why").GetString()!);
                }

                checkedCases++;
                if (IsAccepted(test.GetProperty("jws"), key) != expected)
                {
                    wrong.Add($"case {id} ({test.GetProperty("comment").GetString()}): expected {(expected ? "accepted" : "refused")}");
                }
            }
        }

        Assert.Empty(wrong);
        Assert.Equal(cases.RootElement.GetProperty("numberOfTests").GetInt32(), checkedCases);
        Assert.Equal(verdicts.RootElement.EnumerateObject().Count(), chosen);
        TestContext.Current.SendDiagnosticMessage($"{checkedCases} cases, {chosen} of them by a written verdict.");
    }

    private static bool IsAccepted(JsonElement jws, string key)
    {
        string compact = jws.ValueKind == JsonValueKind.String ? jws.GetString()! : jws.GetRawText();
        try
        {
            bool isVerified = JsonWebSignature.Verify(compact, key, out string? reason);
            Assert.Equal(isVerified, reason is null);
            return isVerified;
        }
        catch (KeyException)
        {
            return false;
        }
    }
}
