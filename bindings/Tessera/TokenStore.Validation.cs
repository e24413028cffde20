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
    private const int MostNameBytes = TesseraLimits.NameCharacters * 4;

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

        Span<byte> roleBytes = stackalloc byte[context.Role is null ? 0 : MostNameBytes];
        Span<byte> audienceBytes = stackalloc byte[context.Audience is null ? 0 : MostNameBytes];
        ReadOnlySpan<byte> role = EncodeName(context.Role, roleBytes, "role");
        ReadOnlySpan<byte> audience = EncodeName(context.Audience, audienceBytes, "audience");

        using StoreHandle.Lease lease = Borrow();
        uint code = NativeCalls.TokenValidate(lease.Store, utf8Value, role, audience, out NativeValidation answer);
        if (code != 0)
        {
            // The fast call has no room for words: the other says what was wrong.
            return DescribeVerdict(lease.Store, utf8Value, role, audience, answered: null);
        }

        var outcome = (Outcome)answer.Outcome;
        if (outcome is Outcome.Malformed or Outcome.Unknown or Outcome.StoreUnavailable)
        {
            return new Verdict { Outcome = outcome, EvidenceAge = EvidenceAge(answer.EvidenceAgeMilliseconds) };
        }

        if (_records.Find(answer.RowKey, answer.Version, StateOf(outcome)) is { } record)
        {
            return new Verdict
            {
                Outcome = outcome,
                Token = record.Token,
                Identity = record.Identity,
                Roles = record.Roles,
                EvidenceAge = EvidenceAge(answer.EvidenceAgeMilliseconds),
            };
        }

        // The store may change between the two calls, so the second answer stands by itself, record and all.
        return DescribeVerdict(lease.Store, utf8Value, role, audience, outcome);
    }

    private static ReadOnlySpan<byte> EncodeName(string? name, Span<byte> buffer, string subject)
    {
        if (name is null)
        {
            return default;
        }

        // Well-formed and at most 256 characters after this, so that the buffer is large enough.
        Argument.Text(name, TesseraLimits.NameCharacters, subject);
        Utf8.FromUtf16(name, buffer, out _, out int written);
        return buffer[..written];
    }

    /// <summary>Checks once more, for the token's record as well, and keeps that for the next check of the
    /// token.</summary>
    private Verdict DescribeVerdict(
        ulong store,
        ReadOnlySpan<byte> value,
        ReadOnlySpan<byte> role,
        ReadOnlySpan<byte> audience,
        Outcome? answered)
    {
        uint code = NativeCalls.TokenVerdict(store, value, role, audience, out NativeBuffer response);
        VerdictResponse answer;
        try
        {
            answer = NativeResponse.Read(code, response, Wire.VerdictResponse);
        }
        catch (StoreException)
        {
            return new Verdict { Outcome = Outcome.StoreUnavailable };
        }

        IReadOnlyList<string> roles = answer.Roles ?? EquatableList<string>.None;
        Token? token = answer.Token;
        if (token is not null)
        {
            // A check allows for other machines' clocks and a list does not: here the state is the check's.
            TokenState state = StateOf(answer.Outcome);
            token = token with { State = state };

            // The row's key is the token's number.
            _records.Keep(new VerdictRecord(token.Sequence, answer.Version, state, token, answer.Identity, roles));
        }

        return new Verdict
        {
            // Describing a refusal never makes it a yes.
            Outcome = answered is { } refused && refused != Outcome.Valid && answer.Outcome == Outcome.Valid ? refused : answer.Outcome,
            Token = token,
            Identity = answer.Identity,
            Roles = roles,
            EvidenceAge = EvidenceAge(answer.EvidenceAgeMilliseconds),
        };
    }

    // The checks run in a fixed order: whatever comes after the checks of state and time was asked of an active token.
    private static TokenState StateOf(Outcome outcome) => outcome switch
    {
        Outcome.Revoked => TokenState.Revoked,
        Outcome.NotYetValid => TokenState.Pending,
        Outcome.Expired => TokenState.Expired,
        _ => TokenState.Active,
    };

    private static TimeSpan EvidenceAge(ulong milliseconds) =>
        milliseconds < (ulong)TimeSpan.MaxValue.TotalMilliseconds
            ? TimeSpan.FromMilliseconds((long)milliseconds)
            : TimeSpan.MaxValue;
}
