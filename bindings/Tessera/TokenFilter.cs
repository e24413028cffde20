namespace Tessera;

/// <summary>Which tokens to list. Each member that is given narrows the list.</summary>
public sealed record TokenFilter
{
    /// <summary>Tokens that speak for this identity, compared without regard to case.</summary>
    public string? Identity { get; init; }

    /// <summary>Tokens with this name, with <c>*</c> for any characters and <c>?</c> for one, compared without regard
    /// to case.</summary>
    public string? Name { get; init; }

    /// <summary>Tokens in this state now.</summary>
    public TokenState? State { get; init; }

    /// <summary>Tokens with this tag.</summary>
    public string? Tag { get; init; }

    /// <summary>Tokens of this profile, compared without regard to case.</summary>
    public string? Profile { get; init; }

    /// <summary>Tokens whose list of organisations has this one, compared without regard to case.</summary>
    public string? Organization { get; init; }

    /// <summary>Tokens that the key with this id signed.</summary>
    public string? KeyId { get; init; }

    /// <summary>Tokens that expire at this time or later. A fraction of a second is rounded up.</summary>
    public DateTimeOffset? ExpiresAfter { get; init; }

    /// <summary>Tokens that expire before this time. A fraction of a second is rounded up.</summary>
    public DateTimeOffset? ExpiresBefore { get; init; }
}
