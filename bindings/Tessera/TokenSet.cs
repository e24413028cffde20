namespace Tessera;

/// <summary>All tokens that have one thing in common.</summary>
/// <remarks>Tokens that are granted later do not belong to it: what is done to a set is done to those that are
/// there.</remarks>
public sealed record TokenSet
{
    private TokenSet()
    {
    }

    /// <summary>Every token of the store.</summary>
    public static TokenSet All { get; } = new() { IsAll = true };

    internal string? Identity { get; private init; }

    internal string? Profile { get; private init; }

    internal string? KeyId { get; private init; }

    internal string? Tag { get; private init; }

    internal string? Organization { get; private init; }

    internal bool IsAll { get; private init; }

    /// <summary>The tokens that speak for an identity.</summary>
    /// <param name="name">Its name, compared without regard to case.</param>
    /// <returns>The set.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="name"/> is outside its limits.</exception>
    public static TokenSet OfIdentity(string name) => new() { Identity = Argument.Text(name, TesseraLimits.NameCharacters) };

    /// <summary>The tokens that follow a profile.</summary>
    /// <param name="name">Its name, compared without regard to case.</param>
    /// <returns>The set.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="name"/> is outside its limits.</exception>
    public static TokenSet OfProfile(string name) => new() { Profile = Argument.Text(name, TesseraLimits.NameCharacters) };

    /// <summary>The JSON Web Tokens that a key signed.</summary>
    /// <param name="keyId">The key's id. There need be no such key any more.</param>
    /// <returns>The set.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="keyId"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="keyId"/> is outside its limits.</exception>
    public static TokenSet OfKey(string keyId) => new() { KeyId = Argument.Text(keyId, TesseraLimits.NameCharacters) };

    /// <summary>The tokens with a tag.</summary>
    /// <param name="tag">The tag, compared exactly.</param>
    /// <returns>The set.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="tag"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="tag"/> is outside its limits.</exception>
    public static TokenSet WithTag(string tag) => new() { Tag = Argument.Text(tag, TesseraLimits.TagCharacters) };

    /// <summary>The tokens whose own list of organisations has one. Those that have access to all that their bound has
    /// do not belong to it.</summary>
    /// <param name="name">The organisation's name, compared without regard to case.</param>
    /// <returns>The set.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="name"/> is outside its limits.</exception>
    public static TokenSet OfOrganization(string name) =>
        new() { Organization = Argument.Text(name, TesseraLimits.NameCharacters) };
}
