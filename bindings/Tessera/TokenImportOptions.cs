namespace Tessera;

/// <summary>How <see cref="TokenStore.Import"/> brings tokens over.</summary>
public sealed record TokenImportOptions
{
    /// <summary>The form of the file.</summary>
    public TokenTransferFormat Format { get; init; } = TokenTransferFormat.JsonLines;

    /// <summary>The name of the profile of tokens whose line names none. <see langword="null"/>:
    /// <c>Default</c>.</summary>
    public string? Profile { get; init; }

    /// <summary>Whether identities that are not there are made: with no roles, so that their tokens may do nothing until
    /// somebody gives them some. Otherwise their lines are bad.</summary>
    public bool CreateIdentities { get; init; }

    /// <summary>Whether the first bad line ends the import. What was brought over before it stays.</summary>
    public bool StopOnError { get; init; }
}
