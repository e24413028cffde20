using System.Text.Json.Serialization;

namespace Tessera;

/// <summary>A named set of rules for tokens. A token names the profile that it was granted under, and follows the rules
/// that the profile has at each use.</summary>
public sealed record Profile
{
    /// <summary>The name; it compares without regard to case.</summary>
    public required string Name { get; init; }

    /// <summary>Whether it comes with every store and cannot be changed.</summary>
    [JsonPropertyName("builtIn")]
    public bool IsBuiltIn { get; init; }

    /// <summary>Its rules.</summary>
    public required ProfileSettings Settings { get; init; }
}
