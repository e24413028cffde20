namespace Tessera;

/// <summary>What a verdict shows of a token, kept from one check to the next so that a repeated check allocates
/// nothing.</summary>
/// <remarks>
/// Only what is shown is kept here, never the answer: every check asks the native library, which names the token's row
/// and the state of the store that its answer rests on. A record is used again only for that very row and state.
/// </remarks>
internal sealed class VerdictRecords
{
    // Rows are numbered one after another, so that many tokens in use at the same time share the places evenly.
    private const int Places = 4_096;

    private readonly VerdictRecord?[] _records = new VerdictRecord?[Places];

    /// <summary>The record of a row in a state of the store, where it is kept; else <see langword="null"/>.</summary>
    internal VerdictRecord? Find(long rowKey, ulong version, TokenState state)
    {
        VerdictRecord? record = Volatile.Read(ref Place(rowKey));
        return record is not null && record.RowKey == rowKey && record.Version == version && record.State == state
            ? record
            : null;
    }

    /// <summary>Keeps a record in place of whatever has its place.</summary>
    internal void Keep(VerdictRecord record) => Volatile.Write(ref Place(record.RowKey), record);

    private ref VerdictRecord? Place(long rowKey) => ref _records[(int)((ulong)rowKey % Places)];
}

/// <summary>What a verdict shows of the token in a row, in one state of the store.</summary>
/// <param name="RowKey">The row; never given to another token.</param>
/// <param name="Version">The state of the store.</param>
/// <param name="State">The state of the token. It changes with the clock, while the store's does not.</param>
/// <param name="Token">The token.</param>
/// <param name="Identity">The identity that it speaks for.</param>
/// <param name="Roles">The roles that it has now.</param>
internal sealed record VerdictRecord(
    long RowKey,
    ulong Version,
    TokenState State,
    Token Token,
    string? Identity,
    IReadOnlyList<string> Roles);
