namespace Tessera;

/// <summary>What a request wants, for <see cref="TokenStore.Validate(ReadOnlySpan{char}, in AccessContext)"/> to hold a
/// token against.</summary>
/// <remarks>A member that is <see langword="null"/> is not checked; an empty one is refused, so that a setting left
/// blank cannot switch a check off.</remarks>
public readonly record struct AccessContext
{
    /// <summary>The role that the token must have, itself or through a role that includes it: 1 to 256 characters,
    /// compared without regard to case.</summary>
    public string? Role { get; init; }

    /// <summary>The audience that the token must be for: 1 to 256 characters, compared exactly (RFC 7519 section
    /// 4.1.3). A token that names no audience serves every one.</summary>
    public string? Audience { get; init; }
}
