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
    /// opaque token, whatever follows it. A digest in hexadecimal, such as folders and backups are named by, is none.
    /// </summary>
    [GeneratedRegex("eyJ[0-9A-Za-z_.-]{10,}|[a-z0-9_]{1,16}_(?![0-9a-f]{50}|[0-9A-F]{50})[0-9A-Za-z]{50,}", RegexOptions.CultureInvariant)]
    private static partial Regex TokenForm { get; }
}
