using System.Buffers;
using System.Security.Cryptography;
using System.Text.Unicode;
using Tessera.Native;

namespace Tessera;

public sealed partial class TokenStore
{
    // What is transcoded on the stack and not in a rented array: enough for every opaque token, and little even for a
    // thread whose stack is small.
    private const int StackBytes = 1_024;

    private const int MostBytesPerChar = 3;

    /// <summary>Checks a token's value: whether it is good for a request, for whom it speaks, and what it may
    /// do.</summary>
    /// <param name="value">The value as it was presented. One that is longer than 8,192 bytes of UTF-8, or holds a lone
    /// surrogate, is <see cref="Outcome.Malformed"/>.</param>
    /// <param name="context">What the request wants. By default the token need only be good.</param>
    /// <returns>
    /// The verdict. A token that is refused is no exception, and neither is a store that cannot be read
    /// (<see cref="Outcome.StoreUnavailable"/>): whatever is not <see cref="Outcome.Valid"/> is to be refused.
    /// </returns>
    /// <remarks>Writes nothing to the store. A repeated check of a token in a store that did not change allocates
    /// nothing.</remarks>
    /// <exception cref="InvalidRequestException">A member of <paramref name="context"/> is empty or outside its
    /// limits.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public Verdict Validate(ReadOnlySpan<char> value, in AccessContext context = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);

        // A character is at least one byte, so this bounds the work below before anything is copied.
        if (value.Length > TesseraLimits.TokenValueBytes)
        {
            return new Verdict { Outcome = Outcome.Malformed };
        }

        int mostBytes = value.Length * MostBytesPerChar;
        byte[]? rented = null;
        Span<byte> utf8Value = mostBytes <= StackBytes
            ? stackalloc byte[StackBytes]
            : (rented = ArrayPool<byte>.Shared.Rent(mostBytes));
        int written = 0;
        try
        {
            OperationStatus status = Utf8.FromUtf16(value, utf8Value, out _, out written, replaceInvalidSequences: false);
            return status == OperationStatus.Done
                ? Validate(utf8Value[..written], context)
                : new Verdict { Outcome = Outcome.Malformed };
        }
        finally
        {
            CryptographicOperations.ZeroMemory(utf8Value[..written]);
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }

    /// <summary>Checks a token's value, given as the bytes that came over the wire: whether it is good for a request,
    /// for whom it speaks, and what it may do.</summary>
    /// <param name="utf8Value">The value as it was presented, in UTF-8. One that is longer than 8,192 bytes, or not
    /// UTF-8, is <see cref="Outcome.Malformed"/>.</param>
    /// <param name="context">What the request wants. By default the token need only be good.</param>
    /// <returns>
    /// The verdict. A token that is refused is no exception, and neither is a store that cannot be read
    /// (<see cref="Outcome.StoreUnavailable"/>): whatever is not <see cref="Outcome.Valid"/> is to be refused.
    /// </returns>
    /// <remarks>Writes nothing to the store. A repeated check of a token in a store that did not change allocates
    /// nothing.</remarks>
    /// <exception cref="InvalidRequestException">A member of <paramref name="context"/> is empty or outside its
    /// limits.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public Verdict Validate(ReadOnlySpan<byte> utf8Value, in AccessContext context = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (utf8Value.Length > TesseraLimits.TokenValueBytes)
        {
            return new Verdict { Outcome = Outcome.Malformed };
        }

        // What a request brings is laid end to end in one buffer that does not move while it is read.
        byte[]? rented = null;
        int mostBytes = MostBytes(context);
        Span<byte> texts = mostBytes <= StackBytes
            ? stackalloc byte[context.IsEmpty ? 0 : StackBytes]
            : (rented = ArrayPool<byte>.Shared.Rent(mostBytes));
        try
        {
            return Validate(utf8Value, context, texts);
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }

    private unsafe Verdict Validate(ReadOnlySpan<byte> utf8Value, in AccessContext context, Span<byte> texts)
    {
        fixed (byte* pinned = texts)
        {
            int used = 0;
            var request = new NativeAccessRequest
            {
                Role = Encode(context.Role, TesseraLimits.NameCharacters, "role", texts, ref used),
                Audience = Encode(context.Audience, TesseraLimits.NameCharacters, "audience", texts, ref used),
                Uri = Encode(context.Uri, TesseraLimits.UriCharacters, "uri", texts, ref used),
                Method = Encode(context.Method, TesseraLimits.NameCharacters, "method", texts, ref used),
                Referrer = Encode(context.Referrer, TesseraLimits.UriCharacters, "referrer", texts, ref used),
                RemoteAddress =
                    Encode(context.RemoteAddress, TesseraLimits.NameCharacters, "remoteAddress", texts, ref used),
                Organization =
                    Encode(context.Organization, TesseraLimits.NameCharacters, "organization", texts, ref used),
                Operation = Encode(context.Operation, TesseraLimits.NameCharacters, "operation", texts, ref used),
            };
            using StoreHandle.Lease lease = Borrow();
            uint code = NativeCalls.TokenValidate(
                lease.Store,
                utf8Value,
                request,
                out NativeValidation answer,
                out NativeBuffer response);
            if (code != 0)
            {
                NativeResponse.ThrowIfFailed(code, response);
            }

            return Describe(lease.Store, utf8Value, answer);
        }
    }

    private static int MostBytes(in AccessContext context)
    {
        static int Most(string? text) => (text?.Length ?? 0) * MostBytesPerChar;
        return Most(context.Role) + Most(context.Audience) + Most(context.Method) + Most(context.RemoteAddress)
            + Most(context.Organization) + Most(context.Operation)

            // Longer ones are refused before they are copied.
            + Math.Min(Most(context.Uri), TesseraLimits.UriCharacters * 4)
            + Math.Min(Most(context.Referrer), TesseraLimits.UriCharacters * 4);
    }

    private static NativeText Encode(
        string? text,
        int maximumCharacters,
        string subject,
        Span<byte> texts,
        ref int used)
    {
        if (text is null)
        {
            return default;
        }

        // Well-formed and within its limit after this, so that there is room.
        Argument.Text(text, maximumCharacters, subject);
        Utf8.FromUtf16(text, texts[used..], out _, out int written);
        var encoded = new NativeText(texts.Slice(used, written));
        used += written;
        return encoded;
    }

    /// <summary>The verdict of a check that was made, with the token's record where there is one.</summary>
    private Verdict Describe(ulong store, ReadOnlySpan<byte> value, in NativeValidation answer)
    {
        var outcome = (Outcome)answer.Outcome;
        TimeSpan age = EvidenceAge(answer.EvidenceAgeMilliseconds);
        if (answer.RowKey == 0)
        {
            return new Verdict { Outcome = outcome, EvidenceAge = age };
        }

        TokenState state = StateOf(outcome);
        if (_records.Find(answer.RowKey, answer.Version, state) is not { } record)
        {
            uint code = NativeCalls.TokenDescribe(store, value, out NativeBuffer response);
            DescribeResponse description;
            try
            {
                description = NativeResponse.Read(code, response, Wire.DescribeResponse);
            }
            catch (StoreException)
            {
                return new Verdict { Outcome = Outcome.StoreUnavailable };
            }

            if (description.Token is not { } token)
            {
                // It was there a moment ago and is gone: what nobody can be named for is not valid.
                return new Verdict { Outcome = outcome == Outcome.Valid ? Outcome.Unknown : outcome, EvidenceAge = age };
            }

            // A check allows for other machines' clocks and a list does not: here the state is the check's.
            record = new VerdictRecord(
                token.Sequence,
                description.Version,
                state,
                token with { State = state },
                token.Identity,
                description.Roles ?? EquatableList<string>.None);
            _records.Keep(record);
        }

        return new Verdict
        {
            Outcome = outcome,
            Token = record.Token,
            Identity = record.Identity,
            Roles = record.Roles,
            IsExpiring = answer.IsExpiring != 0,
            EvidenceAge = age,
        };
    }

    // The checks run in a fixed order: whatever comes after the checks of state and time was asked of an active token.
    private static TokenState StateOf(Outcome outcome) => outcome switch
    {
        Outcome.Revoked => TokenState.Revoked,
        Outcome.NotYetValid => TokenState.Pending,
        Outcome.Expired => TokenState.Expired,
        Outcome.Disabled => TokenState.Disabled,
        _ => TokenState.Active,
    };

    private static TimeSpan EvidenceAge(ulong milliseconds) =>
        milliseconds < (ulong)TimeSpan.MaxValue.TotalMilliseconds
            ? TimeSpan.FromMilliseconds((long)milliseconds)
            : TimeSpan.MaxValue;
}
