using System.Text.RegularExpressions;

namespace Tessera.PowerShell;

/// <summary>Strikes whatever has the form of a token out of a text that is about to be shown.</summary>
internal static partial class Redaction
{
    private const string Replacement = "***";

    /// <summary>Replaces each opaque token and each JSON Web Token in a text by three asterisks.</summary>
    /// <param name="text">Any text.</param>
    /// <returns>The text itself where it holds none.</returns>
    public static string Redact(string text) => TokenForm.Replace(text, Replacement);

    /// <summary>
    /// A JSON Web Token, from its beginning on (a header begins <c>{"</c>, which base64url writes as <c>eyJ</c>); or an
    /// opaque token with any prefix, or without, and even without its check. Public ids are too short for the latter: a
    /// token's has 12 characters, a key's at most 43.
    /// </summary>
    [GeneratedRegex("eyJ[0-9A-Za-z_.-]{10,}|(?:[a-z0-9_]{1,16}_)?[0-9A-Za-z]{44,}", RegexOptions.CultureInvariant)]
    private static partial Regex TokenForm { get; }
}
