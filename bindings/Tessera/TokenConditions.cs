namespace Tessera;

/// <summary>What the use of a token is tied to. Nothing set: no condition.</summary>
/// <remarks>A condition refuses a request that does not state the fact it is about: without an address, a token that is
/// tied to addresses is <see cref="Outcome.AddressDenied"/>.</remarks>
public sealed record TokenConditions
{
    /// <summary>The absolute URI that the token reaches, at most 2,048 bytes: a whole site
    /// (<c>https://example.com/</c>), or a path with all that lies under it, by whole segments.</summary>
    public string? Subject { get; init; }

    /// <summary>The domain that requests must come from, itself or one below it, at most 253 characters. No read of a
    /// token gives it back: see <see cref="Token.HasReferrer"/>.</summary>
    public string? Referrer { get; init; }

    /// <summary>The networks that requests must come from, in CIDR form, at most 64; empty: any that is not
    /// denied.</summary>
    public IReadOnlyList<string> AllowedAddresses { get; init => field = value ?? EquatableList<string>.None; } = EquatableList<string>.None;

    /// <summary>The networks that requests must not come from, in CIDR form, at most 64. They win over the allowed
    /// ones.</summary>
    public IReadOnlyList<string> DeniedAddresses { get; init => field = value ?? EquatableList<string>.None; } = EquatableList<string>.None;

    /// <summary>The HTTP methods that the token may be used with, at most 16; empty: all.</summary>
    public IReadOnlyList<string> Methods { get; init => field = value ?? EquatableList<string>.None; } = EquatableList<string>.None;

    /// <summary>The operations that the token may do, at most 64; empty: all.</summary>
    public IReadOnlyList<string> Operations { get; init => field = value ?? EquatableList<string>.None; } = EquatableList<string>.None;

    /// <summary>The roles that the token's identity must have at the time of use, at most 64.</summary>
    public IReadOnlyList<string> RequiredRoles { get; init => field = value ?? EquatableList<string>.None; } = EquatableList<string>.None;

    /// <summary>How often the token may be used at all: 1 to 2^53.</summary>
    public long? Uses { get; init; }

    /// <summary>How often the token may be used in a period of time.</summary>
    public TokenRateLimit? RateLimit { get; init; }
}
