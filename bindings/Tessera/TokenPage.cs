namespace Tessera;

/// <summary>A page of a list of tokens, in ascending order of <see cref="Token.Sequence"/>: the newest comes
/// last.</summary>
public sealed record TokenPage
{
    /// <summary>The tokens; empty where none is left.</summary>
    public required IReadOnlyList<Token> Tokens { get; init; }

    /// <summary>Where the next page begins: what <see cref="TokenStore.GetTokenPage"/> takes as <c>after</c>.
    /// <see langword="null"/> after the last page.</summary>
    public long? Next { get; init; }
}
