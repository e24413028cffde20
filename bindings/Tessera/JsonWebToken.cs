using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Claims;
using System.Text.Json;
using Tessera.Native;

namespace Tessera;

/// <summary>A JSON Web Token (RFC 7519) in the compact form of RFC 7515, taken apart for a person to read.</summary>
/// <remarks>
/// <para>This is inspection, not verification: nothing here says that the signature is right, who issued the token or
/// whether it is still good. <see cref="TokenStore"/> verifies.</para>
/// <para>Every property has the value that the class <c>JwtSecurityToken</c> of System.IdentityModel.Tokens.Jwt 8.23
/// gives for the same text, so that scripts written for that object work unchanged. Four rules go beyond it:</para>
/// <list type="bullet">
/// <item>A text is refused with <see cref="ErrorCode.MalformedToken"/> unless it has three canonical base64url segments
/// and strict JSON objects in the first two: no duplicate members, no white space around them, no number beyond the
/// range of a double, a depth of at most 16, at most 256 members, at most <see cref="TesseraLimits.TokenValueBytes"/>
/// characters in all. Encrypted tokens (five segments) are refused.</item>
/// <item>A text that the reference reads, but one of whose properties it can't give, is refused as well: nothing throws
/// later.</item>
/// <item>Numbers and dates are read and written the same in every culture and time zone.</item>
/// <item><see cref="ToString"/> tells the times only. Where the signing key is known or weak, the claims alone are
/// enough to make the token's value again.</item>
/// </list>
/// <para>An instance never changes and may be used on any thread.</para>
/// </remarks>
/// <example>
/// <code>
/// JsonWebToken token = JsonWebToken.Parse(text);
/// Console.WriteLine($"{token.SignatureAlgorithm}: {token.Subject} until {token.ValidTo:u}");
/// </code>
/// </example>
public sealed class JsonWebToken
{
    private static readonly SearchValues<char> CompactFormCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

    private readonly OrderedDictionary<string, object?> _header;
    private readonly OrderedDictionary<string, object?> _payload;
    private readonly IReadOnlyList<Claim> _claims;

    /// <summary>Takes a token apart without verifying it.</summary>
    /// <param name="token">The token in the compact form, at most <see cref="TesseraLimits.TokenValueBytes"/>
    /// characters, with nothing before or after it.</param>
    /// <returns>The token's parts.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="token"/> is <see langword="null"/>.</exception>
    /// <exception cref="TokenFormatException"><paramref name="token"/> is no signed JSON Web Token in the strict form
    /// that the remarks of this class state (<see cref="ErrorCode.MalformedToken"/>).</exception>
    /// <exception cref="NativeLibraryException">The native library is missing or of another version.</exception>
    public static JsonWebToken Parse(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        CheckForm(token);
        return Read(token);
    }

    /// <summary>Takes a token apart without verifying it.</summary>
    /// <param name="token">As for <see cref="Parse(string)"/>; copied only once it is known to be well formed.</param>
    /// <returns>The token's parts.</returns>
    /// <exception cref="TokenFormatException"><paramref name="token"/> is no signed JSON Web Token in the strict form
    /// that the remarks of this class state (<see cref="ErrorCode.MalformedToken"/>).</exception>
    /// <exception cref="NativeLibraryException">The native library is missing or of another version.</exception>
    public static JsonWebToken Parse(ReadOnlySpan<char> token)
    {
        CheckForm(token);
        return Read(token.ToString());
    }

    /// <summary>Takes a token apart without verifying it, and says whether that was possible.</summary>
    /// <param name="token">The token in the compact form; <see langword="null"/> is no token.</param>
    /// <param name="result">The token's parts, or <see langword="null"/> where <see cref="Parse(string)"/> would have
    /// refused it.</param>
    /// <returns>True when <paramref name="token"/> is a JSON Web Token, good or not.</returns>
    /// <exception cref="NativeLibraryException">The native library is missing or of another version.</exception>
    public static bool TryParse([NotNullWhen(true)] string? token, [NotNullWhen(true)] out JsonWebToken? result)
    {
        try
        {
            result = token is null ? null : Parse(token);
        }
        catch (TokenFormatException)
        {
            result = null;
        }
        return result is not null;
    }

    /// <summary>The claim <c>actort</c>, an identity on whose behalf the token is used. <see langword="null"/> when
    /// absent, empty when it is no string.</summary>
    public string? Actor { get; }

    /// <summary>The audiences of the claim <c>aud</c> (RFC 7519, section 4.1.3): a string gives one, an array gives
    /// each, absent gives none. An <c>aud</c> of null gives one that is <see langword="null"/>, as
    /// the reference does.</summary>
    public IReadOnlyList<string?> Audiences { get; }

    /// <summary>Each claim of the payload, in its order, with the issuer's name (<c>LOCAL AUTHORITY</c> without
    /// one).</summary>
    /// <remarks>An array gives a claim for each element. An object, or an array within an array, gives its JSON text
    /// with the value type <c>JSON</c> or <c>JSON_ARRAY</c>; null gives an empty value of type <c>JSON_NULL</c>; other
    /// values have the XML Schema type that <see cref="ClaimValueTypes"/> names.</remarks>
    /// <value>A copy at each call.</value>
    public IReadOnlyList<Claim> Claims => [.. _claims.Select(claim => claim.Clone())];

    /// <summary><see cref="Header"/> as compact JSON in base64url. Equal to <see cref="RawHeader"/> unless the token's
    /// maker wrote that JSON in another way.</summary>
    public string EncodedHeader { get; }

    /// <summary><see cref="Payload"/> as compact JSON in base64url. Equal to <see cref="RawPayload"/> unless the
    /// token's maker wrote that JSON in another way.</summary>
    public string EncodedPayload { get; }

    /// <summary>The members of the header (RFC 7515, section 4), in their order.</summary>
    /// <value>A copy at each call. Values are a string, <see cref="int"/>, <see cref="long"/>, <see cref="double"/>,
    /// <see cref="bool"/>, <see langword="null"/>, a UTC <see cref="DateTime"/> for text in the round-trip form ("O"), a
    /// <see cref="List{T}"/> of such values for an array (true and false within one are left out, as the reference
    /// does), or a <see cref="JsonElement"/> for an object and for an array within an array.</value>
    public OrderedDictionary<string, object?> Header => JsonWebTokenMembers.Copy(_header);

    /// <summary>The claim <c>jti</c> (RFC 7519, section 4.1.7). <see langword="null"/> when absent.</summary>
    public string? Id { get; }

    /// <summary>The claim <c>iss</c> (RFC 7519, section 4.1.1). <see langword="null"/> when absent.</summary>
    public string? Issuer { get; }

    /// <summary>The claims of the payload (RFC 7519, section 4), in their order.</summary>
    /// <value>A copy at each call. Values are as in <see cref="Header"/>, but every array is a
    /// <see cref="JsonElement"/>, save <c>aud</c>, a <see cref="List{T}"/> of strings; <c>exp</c>, <c>iat</c> and
    /// <c>nbf</c> are a <see cref="long"/>; <c>sub</c> is a string.</value>
    public OrderedDictionary<string, object?> Payload => JsonWebTokenMembers.Copy(_payload);

    /// <summary>The token within an encrypted one: always <see langword="null"/>, as encrypted tokens are not read.</summary>
    public JsonWebToken? InnerToken { get; }

    /// <summary>A part of encrypted tokens: always <see langword="null"/>.</summary>
    public string? RawAuthenticationTag { get; }

    /// <summary>A part of encrypted tokens: always <see langword="null"/>.</summary>
    public string? RawCiphertext { get; }

    /// <summary>The whole text, which is a secret while the token is good.</summary>
    public string RawData { get; }

    /// <summary>A part of encrypted tokens: always <see langword="null"/>.</summary>
    public string? RawEncryptedKey { get; }

    /// <summary>A part of encrypted tokens: always <see langword="null"/>.</summary>
    public string? RawInitializationVector { get; }

    /// <summary>The first segment as it was given.</summary>
    public string RawHeader { get; }

    /// <summary>The second segment as it was given.</summary>
    public string RawPayload { get; }

    /// <summary>The third segment as it was given: empty for an unsigned token.</summary>
    public string RawSignature { get; }

    /// <summary>Known to a verifier only: always <see langword="null"/>.</summary>
    public object? SecurityKey { get; }

    /// <summary>The header's <c>alg</c> as the token states it, unchecked. <see langword="null"/> when absent; the JSON
    /// of an array or object; empty when it is of another kind than these and text.</summary>
    public string? SignatureAlgorithm { get; }

    /// <summary>Known to the maker of a token only: always <see langword="null"/>.</summary>
    public object? SigningCredentials { get; }

    /// <summary>Known to the maker of a token only: always <see langword="null"/>.</summary>
    public object? EncryptingCredentials { get; }

    /// <summary>Known to a verifier only: always <see langword="null"/>.</summary>
    public object? SigningKey { get; }

    /// <summary>The claim <c>sub</c> (RFC 7519, section 4.1.2). <see langword="null"/> when absent; a number is given
    /// as text.</summary>
    public string? Subject { get; }

    /// <summary>When the token begins to be good: the claim <c>nbf</c> (RFC 7519, section 4.1.5) in UTC.</summary>
    /// <value><see cref="DateTime.MinValue"/> when absent; times before 1970 and after the year 9999 are given as the
    /// first of 1970 and <see cref="DateTime.MaxValue"/>.</value>
    public DateTime ValidFrom { get; }

    /// <summary>When the token ends: the claim <c>exp</c> (RFC 7519, section 4.1.4) in UTC.</summary>
    /// <value>As in <see cref="ValidFrom"/>.</value>
    public DateTime ValidTo { get; }

    /// <summary>Tells from when until when the token is good, and nothing that it holds.</summary>
    /// <returns>For example <c>JSON Web Token, valid from 2019-10-23T15:03:45Z, valid to 2020-10-23T15:03:45Z</c>; a
    /// time that the token doesn't state is left out.</returns>
    public override string ToString() =>
        "JSON Web Token" + Describe(", valid from ", "nbf", ValidFrom) + Describe(", valid to ", "exp", ValidTo);

    private JsonWebToken(string token)
    {
        int headerEnd = token.IndexOf('.', StringComparison.Ordinal);
        int payloadEnd = token.LastIndexOf('.');
        RawData = token;
        RawHeader = token[..headerEnd];
        RawPayload = token[(headerEnd + 1)..payloadEnd];
        RawSignature = token[(payloadEnd + 1)..];

        _header = JsonWebTokenMembers.ReadHeader(Base64Url.DecodeFromChars(RawHeader));
        _payload = JsonWebTokenMembers.ReadPayload(Base64Url.DecodeFromChars(RawPayload));
        EncodedHeader = Base64Url.EncodeToString(JsonWebTokenMembers.Write(_header));
        EncodedPayload = Base64Url.EncodeToString(JsonWebTokenMembers.Write(_payload));

        SignatureAlgorithm = JsonWebTokenMembers.HeaderText(_header, "alg");
        // The reference looks at the content type of every token, and so refuses one whose type is no text.
        _ = JsonWebTokenMembers.HeaderText(_header, "cty");
        Actor = JsonWebTokenMembers.PayloadText(_payload, "actort");
        Id = JsonWebTokenMembers.PayloadText(_payload, "jti");
        Issuer = JsonWebTokenMembers.PayloadText(_payload, "iss");
        Subject = JsonWebTokenMembers.PayloadText(_payload, "sub");
        Audiences = JsonWebTokenMembers.Audiences(_payload);
        ValidFrom = JsonWebTokenTimes.FromMember(_payload, "nbf");
        ValidTo = JsonWebTokenTimes.FromMember(_payload, "exp");
        _claims = JsonWebTokenClaims.FromPayload(_payload, Issuer);
    }

    private string Describe(string words, string member, DateTime time) =>
        _payload.ContainsKey(member)
            ? words + time.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)
            : string.Empty;

    /// <summary>Refuses what can't be a token: first by length, then by character, before anything is copied.</summary>
    private static void CheckForm(ReadOnlySpan<char> token)
    {
        if (token.Length > TesseraLimits.TokenValueBytes)
        {
            throw JsonWebTokenMembers.Malformed(string.Create(
                CultureInfo.InvariantCulture,
                $"The text has {token.Length} characters; a JSON Web Token may have at most {TesseraLimits.TokenValueBytes}."));
        }
        int position = token.IndexOfAnyExcept(CompactFormCharacters);
        if (position >= 0)
        {
            throw JsonWebTokenMembers.Malformed(string.Create(
                CultureInfo.InvariantCulture,
                $"Character {position + 1} is none that a JSON Web Token may have: letters and digits of ASCII, '-', '_' and '.'."));
        }
        // The strict rules have one home, the native front end: what passes there is canonical and strict JSON.
        NativeCalls.InspectJsonWebToken(token);
    }

    private static JsonWebToken Read(string token)
    {
        try
        {
            return new JsonWebToken(token);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The base library's two ways to say that it can't read a text.
            throw JsonWebTokenMembers.Malformed("The header or the payload holds JSON that can't be read.");
        }
    }
}
