using System.Text.Json.Serialization;

namespace Tessera;

/// <summary>How often a token may be used in a period of time. Each process counts for itself.</summary>
public sealed record TokenRateLimit
{
    /// <summary>The most uses in one period: 1 to 1,000,000.</summary>
    public required int Uses { get; init; }

    /// <summary>The length of the period: 1 second to 1 day. A fraction of a second is cut off.</summary>
    [JsonPropertyName("periodSeconds")]
    public required TimeSpan Period { get; init; }
}
