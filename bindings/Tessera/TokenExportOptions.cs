namespace Tessera;

/// <summary>Which tokens <see cref="TokenStore.Export"/> writes, and how.</summary>
public sealed record TokenExportOptions
{
    /// <summary>The form of the file.</summary>
    public TokenTransferFormat Format { get; init; } = TokenTransferFormat.JsonLines;

    /// <summary>Only tokens of the profile of this name. <see langword="null"/>: of all.</summary>
    public string? Profile { get; init; }

    /// <summary>Only tokens that speak for the identity of this name. <see langword="null"/>: for any.</summary>
    public string? Identity { get; init; }
}
