namespace Tessera;

/// <summary>What a verdict shows of a token, kept from one check to the next so that a repeated check allocates
/// nothing.</summary>
/// <remarks>
/// Only what is shown is kept here, never the answer: every check asks the native library, which names the token's row
/// and what it read there that its answer rests on. A record is used again only for that very row and reading.
/// </remarks>
internal sealed class VerdictRecords
{
    // Rows are numbered one after another: many tokens in use at the same time share the places evenly, and few lie on
    // few pages.
    private const int Pages = 64;
    private const int PlacesOfPage = 1_024;

    private readonly VerdictRecord?[]?[] _pages = new VerdictRecord?[Pages][];

    /// <summary>How many records can be kept. Rows that lie a multiple of it apart share a place.</summary>
    internal const int Places = Pages * PlacesOfPage;

    /// <summary>The record of a row as it was read at <paramref name="version"/>, where it is kept; else
    /// <see langword="null"/>.</summary>
    internal VerdictRecord? Find(long rowKey, ulong version, TokenState state)
    {
        ulong place = (ulong)rowKey % Places;
        if (Volatile.Read(ref _pages[place / PlacesOfPage]) is not { } page)
        {
            return null;
        }

        VerdictRecord? record = Volatile.Read(ref page[place % PlacesOfPage]);
        return record is not null && record.RowKey == rowKey && record.Version == version && record.State == state
            ? record
            : null;
    }

    /// <summary>Keeps a record in place of whatever has its place.</summary>
    internal void Keep(VerdictRecord record)
    {
        ulong place = (ulong)record.RowKey % Places;
        ref VerdictRecord?[]? kept = ref _pages[place / PlacesOfPage];
        VerdictRecord?[]? page = Volatile.Read(ref kept);
        if (page is null)
        {
            page = new VerdictRecord?[PlacesOfPage];
            page = Interlocked.CompareExchange(ref kept, page, null) ?? page;
        }

        Volatile.Write(ref page[place % PlacesOfPage], record);
    }
}

/// <summary>What a verdict shows of the token in a row, as it was read once.</summary>
/// <param name="RowKey">The row; never given to another token.</param>
/// <param name="Version">Names the reading.</param>
/// <param name="State">The state of the token. It changes with the clock, without another reading.</param>
/// <param name="Token">The token.</param>
/// <param name="Roles">The roles that it has now.</param>
internal sealed record VerdictRecord(
    long RowKey,
    ulong Version,
    TokenState State,
    Token Token,
    IReadOnlyList<string> Roles)
{
    /// <summary>The name of the token's identity, beside the rest so that a check need not look into the token.</summary>
    internal string Identity { get; } = Token.Identity;
}
