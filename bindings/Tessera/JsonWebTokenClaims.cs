using System.Diagnostics;
using System.Globalization;
using System.Security.Claims;
using System.Text.Json;

namespace Tessera;

/// <summary>A payload's members as claims of the base library.</summary>
internal static class JsonWebTokenClaims
{
    private const string JsonType = "JSON";
    private const string JsonArrayType = "JSON_ARRAY";
    private const string JsonNullType = "JSON_NULL";

    /// <summary>Flattens the payload: one claim for each member, or for each element of an array.</summary>
    internal static List<Claim> FromPayload(OrderedDictionary<string, object?> payload, string? issuer)
    {
        var claims = new List<Claim>(payload.Count);
        foreach ((string name, object? member) in payload)
        {
            IEnumerable<(string Value, string Type)> values = member switch
            {
                // The audiences, the one array that is not kept as JSON.
                List<string> texts => texts.Select(text => FromText(name, text)),
                JsonElement { ValueKind: JsonValueKind.Array } array =>
                    array.EnumerateArray().Select(element => FromElement(name, element)),
                JsonElement element => [FromElement(name, element)],
                _ => [FromValue(name, member)],
            };
            // Without an issuer, the base library fills in its own name for that.
            claims.AddRange(values.Select(claim => new Claim(name, claim.Value, claim.Type, issuer, issuer)));
        }
        return claims;
    }

    private static (string Value, string Type) FromValue(string name, object? value) => value switch
    {
        null => (string.Empty, JsonNullType),
        string text => FromText(name, text),
        int number => (number.ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Integer32),
        long number => (number.ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Integer64),
        double number => (number.ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Double),
        bool truth => (truth ? "true" : "false", ClaimValueTypes.Boolean),
        DateTime date => (date.ToString("O", CultureInfo.InvariantCulture), ClaimValueTypes.DateTime),
        _ => throw new UnreachableException($"A member of type {value.GetType()} is none that was read."),
    };

    private static (string Value, string Type) FromElement(string name, JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => (element.ToString(), JsonType),
        JsonValueKind.Array => (element.ToString(), JsonArrayType),
        JsonValueKind.String => FromText(name, element.GetString()!),
        JsonValueKind.Number when element.TryGetInt32(out int number) => FromValue(name, number),
        JsonValueKind.Number when element.TryGetInt64(out long number) => FromValue(name, number),
        JsonValueKind.Number => FromValue(name, element.GetDouble()),
        JsonValueKind.True => FromValue(name, true),
        JsonValueKind.False => FromValue(name, false),
        _ => FromValue(name, null),
    };

    private static (string Value, string Type) FromText(string name, string text) =>
        (text, JsonWebTokenTimes.TryReadDate(name, text, out _) ? ClaimValueTypes.DateTime : ClaimValueTypes.String);
}
