using System.Collections;
using System.Globalization;
using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Makes the text that names a thing of what a parameter was given: that text, or the thing itself.</summary>
/// <remarks>
/// Without it PowerShell would take an object's <c>ToString</c> for its name. A foreign object is refused in the one
/// way that lets PowerShell go on to the object's properties of the parameter's name. One of Tessera's own is refused
/// for good: it may have such a property that means another thing (a token's Name is not its identity's). A number is
/// taken as it was typed: 007 names nothing that 7 does.
/// </remarks>
[AttributeUsage(AttributeTargets.Property)]
internal abstract class ReferenceAttribute : ArgumentTransformationAttribute
{
    /// <summary>What is named, with its article: <c>a token</c>.</summary>
    private protected abstract string Noun { get; }

    /// <summary>Whether an object of Tessera's that is no such thing may still bind to another parameter.</summary>
    public bool LeavesOthers { get; init; }

    /// <summary>What to do with an object of Tessera's that is no such thing, as a sentence after a space; or nothing.</summary>
    private protected virtual string AdviceOn(object thing) => string.Empty;

    /// <summary>Makes one text, or an array of texts of a list.</summary>
    /// <param name="engineIntrinsics">Not used.</param>
    /// <param name="inputData">A text, a thing, or a list of them.</param>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object? inputData)
    {
        return Unwrap(inputData) is IList list
            ? list.Cast<object?>().Select(TextOf).ToArray()
            : TextOf(inputData);
    }

    /// <summary>The text that names a thing; null where it is no such thing.</summary>
    private protected abstract string? NameOf(object thing);

    private static object? Unwrap(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;

    private string? TextOf(object? wrapped)
    {
        object? value = Unwrap(wrapped);
        if (value is null or string)
        {
            return (string?)value;
        }

        // Only the engine's wrapping knows how a number was typed.
        if (ArgumentAttribute.IsNumber(value))
        {
            return (string)LanguagePrimitives.ConvertTo(wrapped, typeof(string), CultureInfo.InvariantCulture);
        }

        if (NameOf(value) is { } name)
        {
            return name;
        }

        // The value itself is not repeated: whoever mixes parameters up may have passed a secret.
        string message = $"Expected {Noun} or text that names one, not a value of type {value.GetType()}.{AdviceOn(value)}";
        bool isOwn = value.GetType().Assembly == typeof(Token).Assembly || value is GrantedToken or FoundToken;
        throw isOwn && !LeavesOthers
            ? new ArgumentTransformationMetadataException(message)
            : new ArgumentTransformationMetadataException(message, new PSInvalidCastException(message));
    }
}

/// <summary>Takes token ids, and objects that belong to one token.</summary>
internal sealed class TokenIdAttribute : ReferenceAttribute
{
    /// <summary>How many characters a token's public id has.</summary>
    public const int Length = 12;

    private protected override string Noun => "a token";

    /// <summary>Says whether a text has the form of a public id.</summary>
    public static bool IsTokenId(string text) => text.Length == Length && text.All(char.IsAsciiLetterOrDigit);

    private protected override string AdviceOn(object thing) =>
        thing is Identity ? " Get-TesseraToken takes identities from the pipeline, and gives their tokens." : string.Empty;

    private protected override string? NameOf(object thing) => thing switch
    {
        Token token => token.Id,
        GrantedToken granted => granted.Id,
        TokenGrant grant => grant.Token.Id,
        Verdict verdict => verdict.Token?.Id,
        JsonWebToken token => token.Id,
        FoundToken found => found.Id,
        _ => null,
    };
}

/// <summary>Takes names of identities, and identities.</summary>
internal sealed class IdentityNameAttribute : ReferenceAttribute
{
    private protected override string Noun => "an identity";

    private protected override string? NameOf(object thing) => (thing as Identity)?.Name;
}

/// <summary>Takes names of roles, and roles.</summary>
internal sealed class RoleNameAttribute : ReferenceAttribute
{
    private protected override string Noun => "a role";

    private protected override string? NameOf(object thing) => (thing as Role)?.Name;
}

/// <summary>Takes names of profiles, and profiles.</summary>
internal sealed class ProfileNameAttribute : ReferenceAttribute
{
    private protected override string Noun => "a profile";

    private protected override string? NameOf(object thing) => (thing as Profile)?.Name;
}

/// <summary>Takes names of organisations, and organisations.</summary>
internal sealed class OrganizationNameAttribute : ReferenceAttribute
{
    private protected override string Noun => "an organization";

    private protected override string? NameOf(object thing) => (thing as Organization)?.Name;
}

/// <summary>Takes ids of signing keys, and signing keys.</summary>
internal sealed class KeyIdAttribute : ReferenceAttribute
{
    private protected override string Noun => "a signing key";

    private protected override string? NameOf(object thing) => (thing as SigningKey)?.KeyId;
}
