using System.Text.Json.Serialization;

namespace Tessera;

/// <summary>A named set of rights.</summary>
public sealed record Role
{
    /// <summary>The name; it holds no comma, and compares without regard to case.</summary>
    public required string Name { get; init; }

    /// <summary>The names of the roles whose rights it has as well.</summary>
    public IReadOnlyList<string> Includes { get; init; } = [];

    /// <summary>Whether it comes with every store and cannot be changed.</summary>
    [JsonPropertyName("builtIn")]
    public bool IsBuiltIn { get; init; }
}
