using System.Collections.Frozen;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Tessera;

/// <summary>The times in a token: NumericDate (RFC 7519, section 2), and text that is a date.</summary>
internal static class JsonWebTokenTimes
{
    // What DateTime's "O" gives for a time in UTC. The reference takes any text that its parser reads and that "O"
    // gives back unchanged, which only this form does; this way no culture and no time zone is asked.
    private const string RoundTripForm = "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffff'Z'";

    /// <summary>The names whose text the reference never takes for a date: registered header parameters, registered
    /// claims, and claims that Microsoft's identity services issue.</summary>
    private static readonly FrozenSet<string> NeverDates = FrozenSet.Create(
        StringComparer.Ordinal,
        "access_token", "account_type", "acct", "acr", "acrs", "actor", "actort", "actortoken", "aio", "alg",
        "altsecid", "amr", "app_displayname", "appid", "appidacr", "at_hash", "aud", "authorization_code", "azp",
        "azpacr", "c_hash", "capolids", "cnf", "crit", "ctry", "cty", "email", "enc", "family_name", "fwd", "gender",
        "given_name", "groups", "hasgroups", "idp", "idtyp", "in_corp", "ipaddr", "iss", "jku", "jti", "jwk", "kid",
        "login_hint", "name", "nameid", "nickname", "nonce", "oid", "onprem_sid", "phone_number",
        "phone_number_verified", "pop_jwk", "preferred_username", "prn", "puid", "pwd_url", "rh", "role", "roles",
        "secaud", "sid", "sub", "tenant_ctry", "tenant_region_scope", "tid", "typ", "unique_name", "upn", "uti", "ver",
        "verified_primary_email", "verified_secondary_email", "vnet", "website", "wids", "x5c", "x5t", "x5t#S256",
        "x5u", "xms_cc", "xms_edov", "xms_pdl", "xms_pl", "xms_tpl", "zip", "ztdid");

    private static readonly long LastSecond = DateTimeOffset.MaxValue.ToUnixTimeSeconds();

    /// <summary>Reads a claim that must be a time, as whole seconds since the start of 1970.</summary>
    /// <remarks>The reference is generous here, and so is inspection (verification is not): a fraction is rounded to
    /// the nearest second, half to even, and a number may stand in a string.</remarks>
    internal static long Seconds(string name, JsonElement value)
    {
        const NumberStyles RealNumber = NumberStyles.Float | NumberStyles.AllowThousands;
        double real;
        switch (value.ValueKind)
        {
            case JsonValueKind.Number:
                if (value.TryGetInt64(out long number))
                {
                    return number;
                }
                real = value.GetDouble();
                break;
            case JsonValueKind.String:
                string text = value.GetString()!;
                if (long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out number))
                {
                    return number;
                }
                if (!double.TryParse(text, RealNumber, CultureInfo.InvariantCulture, out real))
                {
                    goto default;
                }
                break;
            default:
                throw JsonWebTokenMembers.Malformed($"The claim '{name}' is no time: it must be a number of seconds.");
        }
        try
        {
            return Convert.ToInt64(real);
        }
        catch (OverflowException)
        {
            throw JsonWebTokenMembers.Malformed($"The claim '{name}' is a time too far away to be read.");
        }
    }

    /// <summary>The time of a claim, held within 1970 to 9999.</summary>
    internal static DateTime FromMember(OrderedDictionary<string, object?> payload, string name) =>
        payload.GetValueOrDefault(name) switch
        {
            null => DateTime.MinValue,
            long seconds when seconds > LastSecond => DateTime.SpecifyKind(DateTime.MaxValue, DateTimeKind.Utc),
            long seconds => DateTimeOffset.FromUnixTimeSeconds(Math.Max(seconds, 0)).UtcDateTime,
            _ => throw new UnreachableException($"The claim '{name}' was not read as a time."),
        };

    /// <summary>Reads the text of a member as a date, where it is one.</summary>
    internal static bool TryReadDate(string name, string text, out DateTime date)
    {
        date = default;
        return !NeverDates.Contains(name) && TryReadRoundTrip(text, out date);
    }

    private static bool TryReadRoundTrip(string text, out DateTime date) => DateTime.TryParseExact(
        text,
        RoundTripForm,
        CultureInfo.InvariantCulture,
        DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
        out date);
}
