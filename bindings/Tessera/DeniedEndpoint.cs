namespace Tessera;

/// <summary>Endpoints of a service that no token of a profile may call, by method and path.</summary>
public sealed record DeniedEndpoint
{
    /// <summary>The HTTP methods, at most 16; empty: all.</summary>
    public IReadOnlyList<string> Methods { get; init => field = value ?? EquatableList<string>.None; } = EquatableList<string>.None;

    /// <summary>The path, as a pattern of whole segments: <c>*</c> stands for any one, and <c>**</c> at the end for any
    /// number, none too.</summary>
    public required string Path { get; init; }
}
