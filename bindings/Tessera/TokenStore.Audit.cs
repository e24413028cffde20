using Tessera.Native;

namespace Tessera;

public sealed partial class TokenStore
{
    /// <summary>Lists events of the audit log. Only administrators may.</summary>
    /// <param name="filter">Which to list. <see langword="null"/>: all, the oldest first.</param>
    /// <returns>The events. They are read a page at a time while the list is enumerated, so it may be long.</returns>
    /// <exception cref="InvalidRequestException">A member of <paramref name="filter"/> is outside its stated form or
    /// limits, or whoever acts is no administrator.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of, now or during the enumeration.</exception>
    public IEnumerable<AuditEvent> GetAuditEvents(AuditEventFilter? filter = null)
    {
        // Here and not in the enumerator, so that bad arguments are refused by the call that was given them.
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        AuditListRequest request = AuditRequest(filter ?? new AuditEventFilter(), start: null, TesseraLimits.PageSize);
        return Pages(request);

        IEnumerable<AuditEvent> Pages(AuditListRequest next)
        {
            while (true)
            {
                AuditEventPage page = ReadPage(next);
                foreach (AuditEvent found in page.Events)
                {
                    yield return found;
                }

                if (page.Next is null)
                {
                    yield break;
                }

                next = next.NewestFirst is true ? next with { Before = page.Next } : next with { After = page.Next };
            }
        }
    }

    /// <summary>Gives a page of a list of audit events. Only administrators may.</summary>
    /// <param name="filter">Which to list.</param>
    /// <param name="start">Where the page begins: <see cref="AuditEventPage.Next"/> of the page before.
    /// <see langword="null"/>: with the first.</param>
    /// <param name="limit">The most events to give, 1 to 1,000.</param>
    /// <returns>The page.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="filter"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">An argument is outside its stated form or limits, or whoever acts is no
    /// administrator.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public AuditEventPage GetAuditEventPage(AuditEventFilter filter, long? start = null, int limit = 100)
    {
        ArgumentNullException.ThrowIfNull(filter);
        if (limit is < 1 or > TesseraLimits.PageSize)
        {
            throw Argument.Invalid("'limit' must be 1 to 1,000.", nameof(limit));
        }

        return ReadPage(AuditRequest(filter, start, limit));
    }

    /// <summary>Reads the whole audit log and checks that it is as it was written. Only administrators may.</summary>
    /// <remarks>
    /// <para>
    /// Each record carries the hash of the one before, and at intervals the newest record is signed with a key that is
    /// not in the database. So this finds every record up to the last signed one that was changed, removed, put in or
    /// exchanged by someone without the store's key, and names the first; and records that were cut off the end, as long
    /// as the signature that names them, or SQLite's own note of the highest number, is still there.
    /// </para>
    /// <para>
    /// It does not find that the whole file was exchanged for an earlier copy of itself, that records were cut off
    /// together with every note of them, that records were added at the end, with hashes that fit, since the last
    /// signature (<see cref="AuditLogCheck.SignedUpTo"/>), nor anything done with the store's key. Keep
    /// <see cref="AuditLogCheck.LastHash"/> elsewhere to find the first two.
    /// </para>
    /// </remarks>
    /// <returns>What was found.</returns>
    /// <exception cref="InvalidRequestException">Whoever acts is no administrator.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public AuditLogCheck CheckAuditLog()
    {
        AuditCheckResponse response = Query(NativeCalls.AuditCheck, Wire.AuditCheckResponse);
        return new AuditLogCheck
        {
            IsSound = response.Ok,
            Records = response.Records,
            LastHash = response.LastHash,
            Heads = response.Heads,
            SignedUpTo = response.SignedUpTo,
            BrokenRecord = response.Broken,
            Problem = response.Problem,
        };
    }

    private static AuditListRequest AuditRequest(AuditEventFilter filter, long? start, int limit) => new(
        Argument.OptionalText(filter.Event, TesseraLimits.NameCharacters),
        Argument.OptionalText(filter.Actor, TesseraLimits.NameCharacters),
        filter.SubjectKind is { } subjectKind ? Argument.Defined(subjectKind) : null,
        Argument.OptionalText(filter.Subject, TesseraLimits.NameCharacters),
        Argument.OptionalText(filter.Outcome, TesseraLimits.NameCharacters),
        Argument.SecondsAfter(filter.After),
        Argument.SecondsAfter(filter.Before),
        filter.NewestFirst ? null : start,
        filter.NewestFirst ? start : null,
        filter.NewestFirst ? true : null,
        limit);

    private AuditEventPage ReadPage(AuditListRequest request)
    {
        AuditListResponse response = Send(
            NativeCalls.AuditList, request, Wire.AuditListRequest, Wire.AuditListResponse);
        return new AuditEventPage { Events = response.Events, Next = response.Next };
    }
}
