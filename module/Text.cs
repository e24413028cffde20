using System.Globalization;
using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Words for messages and tooltips, the same in every culture.</summary>
internal static class Text
{
    /// <summary>The entries of a list, or <c>none</c>.</summary>
    public static string List(IReadOnlyList<string> entries) => entries.Count == 0 ? "none" : string.Join(", ", entries);

    /// <summary>A text, or null where it is empty: PowerShell makes an empty string of $null.</summary>
    public static string? OrNull(string? text) => string.IsNullOrEmpty(text) ? null : text;

    /// <summary>Whether a pattern has a wildcard: * or ?. Brackets are ordinary characters, as names may hold them.</summary>
    public static bool HasWildcards(string pattern) => pattern.AsSpan().IndexOfAny('*', '?') >= 0;

    /// <summary>Whether a name matches a pattern, in any case.</summary>
    public static bool IsMatch(string name, string pattern) =>
        WildcardPattern.Get(
            pattern.Replace("`", "``", StringComparison.Ordinal)
                .Replace("[", "`[", StringComparison.Ordinal)
                .Replace("]", "`]", StringComparison.Ordinal),
            WildcardOptions.IgnoreCase | WildcardOptions.CultureInvariant).IsMatch(name);

    /// <summary>A day in UTC, as in <c>2038-01-19</c>.</summary>
    public static string Day(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>How long a token lives, as in <c>90.00:00:00</c>.</summary>
    public static string Lifetime(TimeSpan? lifetime) => lifetime?.ToString("c", CultureInfo.InvariantCulture) ?? "for ever";

    /// <summary>Until when a token lives.</summary>
    public static string Expiry(DateTimeOffset? expiresAt) =>
        expiresAt is { } time ? $"expires {Day(time)}" : "never expires";

    /// <summary>A token, as confirmations and messages name it: by its public id.</summary>
    public static string Describe(Token token) =>
        token.Name is { } name
            ? $"token {token.Id} ('{name}' of {token.Identity})"
            : $"token {token.Id} (of {token.Identity})";

    /// <summary>A time in UTC as the views show it, as in <c>2038-01-19 03:14:07Z</c>, or <c>never</c>.</summary>
    public static string Time(DateTimeOffset? time) =>
        time?.UtcDateTime.ToString("u", CultureInfo.InvariantCulture) ?? "never";

    /// <summary>Who would feel it if a token ended, as confirmations say it after naming the token.</summary>
    /// <param name="impact">What would be felt.</param>
    /// <param name="endsChildren">Whether the tokens that it granted would end with it.</param>
    public static string Describe(TokenImpact impact, bool endsChildren)
    {
        string use = string.Create(
            CultureInfo.InvariantCulture,
            $"last used: {Time(impact.LastUsedAt)}, uses in seven days: {impact.UsesInSevenDays}, addresses: {impact.Addresses.Count}");
        return endsChildren ? string.Create(CultureInfo.InvariantCulture, $"{use}, children: {impact.Children}") : use;
    }
}
