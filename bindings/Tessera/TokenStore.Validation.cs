using System.Buffers;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Unicode;
using Tessera.Native;

namespace Tessera;

public sealed partial class TokenStore
{
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
    [SkipLocalsInit]
    public unsafe Verdict Validate(ReadOnlySpan<char> value, in AccessContext context = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);

        // A character is at least one byte, so this bounds the work below before anything is copied.
        if (value.Length > TesseraLimits.TokenValueBytes)
        {
            return new Verdict { Outcome = Outcome.Malformed };
        }

        int mostBytes = value.Length * NativeText.MostBytesPerChar;
        byte[]? rented = null;
        Span<byte> utf8Value = mostBytes <= NativeText.StackBytes
            ? stackalloc byte[NativeText.StackBytes]
            : (rented = ArrayPool<byte>.Shared.Rent(mostBytes));
        NativeValidation answer;
        VerdictRecord? found;
        int written = 0;
        try
        {
            // Tokens are ASCII, which takes half the time; the rest is transcoded anew from its beginning.
            if (Ascii.FromUtf16(value, utf8Value, out written) != OperationStatus.Done
                && Utf8.FromUtf16(value, utf8Value, out _, out written, replaceInvalidSequences: false) != OperationStatus.Done)
            {
                return new Verdict { Outcome = Outcome.Malformed };
            }

            found = CheckFor(utf8Value[..written], context, out answer);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(utf8Value[..written]);
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }

        return new Verdict(found, answer);
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
    public unsafe Verdict Validate(ReadOnlySpan<byte> utf8Value, in AccessContext context = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (utf8Value.Length > TesseraLimits.TokenValueBytes)
        {
            return new Verdict { Outcome = Outcome.Malformed };
        }

        VerdictRecord? found = CheckFor(utf8Value, context, out NativeValidation answer);
        return new Verdict(found, answer);
    }

    /// <summary>Checks a value for a request, which may want nothing.</summary>
    /// <returns>As <see cref="CallNative"/>.</returns>
    private unsafe VerdictRecord? CheckFor(
        ReadOnlySpan<byte> utf8Value,
        in AccessContext context,
        out NativeValidation answer) =>
        context.IsEmpty ? CheckEncoded(utf8Value, null, out answer) : EncodeAndCheck(utf8Value, context, out answer);

    /// <summary>Checks a value for a request that wants something, whose texts it encodes.</summary>
    /// <returns>As <see cref="CallNative"/>.</returns>
    [SkipLocalsInit]
    private unsafe VerdictRecord? EncodeAndCheck(
        ReadOnlySpan<byte> utf8Value,
        in AccessContext context,
        out NativeValidation answer)
    {
        // What a request brings is laid end to end in one buffer that does not move while it is read.
        byte[]? rented = null;
        int mostBytes = MostBytes(context);
        Span<byte> texts = mostBytes <= NativeText.StackBytes
            ? stackalloc byte[NativeText.StackBytes]
            : (rented = ArrayPool<byte>.Shared.Rent(mostBytes));
        int used = 0;
        try
        {
            fixed (byte* pinned = texts)
            {
                var request = new NativeAccessRequest
                {
                    Role = Append(context.Role, TesseraLimits.NameCharacters, "role", texts, ref used),
                    Audience = Append(context.Audience, TesseraLimits.NameCharacters, "audience", texts, ref used),
                    Uri = Append(context.Uri, TesseraLimits.UriCharacters, "uri", texts, ref used),
                    Method = Append(context.Method, TesseraLimits.NameCharacters, "method", texts, ref used),
                    Referrer = Append(context.Referrer, TesseraLimits.UriCharacters, "referrer", texts, ref used),
                    RemoteAddress =
                        Append(context.RemoteAddress, TesseraLimits.NameCharacters, "remoteAddress", texts, ref used),
                    Organization =
                        Append(context.Organization, TesseraLimits.NameCharacters, "organization", texts, ref used),
                    Operation = Append(context.Operation, TesseraLimits.NameCharacters, "operation", texts, ref used),
                };
                return CheckEncoded(utf8Value, &request, out answer);
            }
        }
        finally
        {
            // A URI or a referrer may carry a token.
            CryptographicOperations.ZeroMemory(texts[..used]);
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }

    /// <summary>Checks a value for an encoded request, by the time that the store is to go by.</summary>
    /// <returns>As <see cref="CallNative"/>.</returns>
    private unsafe VerdictRecord? CheckEncoded(
        ReadOnlySpan<byte> utf8Value,
        NativeAccessRequest* request,
        out NativeValidation answer)
    {
        if (_clock is not null)
        {
            using NativeHandle.Lease lease = Borrow();
            return CallNative(lease.Number, utf8Value, request, out answer);
        }

        // No lease: the native library keeps the store open for the length of a call, and knows a number that it took
        // back. Counting here too would make threads wait for each other at each check.
        VerdictRecord? found = CallNative(_handle.Number, utf8Value, request, out answer);
        GC.KeepAlive(_handle);
        return found;
    }

    /// <summary>Asks the native library, which writes its answer where it stays until the verdict is made of it.</summary>
    /// <returns>What the verdict shows of the token. <see langword="null"/> where there is none.</returns>
    [SkipLocalsInit]
    private unsafe VerdictRecord? CallNative(
        ulong store,
        ReadOnlySpan<byte> utf8Value,
        NativeAccessRequest* request,
        out NativeValidation answer)
    {
        Span<byte> record = stackalloc byte[NativeText.StackBytes];
        uint code = NativeCalls.TokenValidate(
            store,
            utf8Value,
            request,
            record,
            out answer,
            out NativeBuffer response);
        if (code != 0)
        {
            ThrowIfClosed(code, response);
            NativeResponse.ThrowIfFailed(code, response);
        }

        if (answer.RowKey == 0)
        {
            return null;
        }

        TokenState state = StateOf((Outcome)answer.Outcome);
        return answer.RecordLength == 0
            ? _records.Find(answer.RowKey, answer.Version, state) ?? Describe(store, utf8Value, state)
            : Keep(FoundTokenReader.Read(record[..(int)answer.RecordLength], state));
    }

    private static int MostBytes(in AccessContext context)
    {
        static int Most(string? text) => (text?.Length ?? 0) * NativeText.MostBytesPerChar;
        return Most(context.Role) + Most(context.Audience) + Most(context.Method) + Most(context.RemoteAddress)
            + Most(context.Organization) + Most(context.Operation)

            // Longer ones are refused before they are copied.
            + Math.Min(Most(context.Uri), TesseraLimits.UriCharacters * 4)
            + Math.Min(Most(context.Referrer), TesseraLimits.UriCharacters * 4);
    }

    // Well-formed and within its limit after this, so that there is room.
    private static NativeText Append(
        string? text,
        int maximumCharacters,
        string subject,
        Span<byte> texts,
        ref int used) =>
        NativeText.Append(
            text is null ? null : Argument.Text(text, maximumCharacters, subject),
            texts,
            ref used);

    // What is found by now, which need not be what the check found a moment ago: so it is kept under its own version.
    private VerdictRecord? Describe(ulong store, ReadOnlySpan<byte> utf8Value, TokenState state)
    {
        uint code = NativeCalls.TokenDescribe(store, utf8Value, out NativeBuffer response);
        try
        {
            if (code == 0)
            {
                return response.Span.IsEmpty ? null : Keep(FoundTokenReader.Read(response.Span, state));
            }
        }
        finally
        {
            if (code == 0)
            {
                NativeCalls.BufferFree(response);
            }
        }

        ThrowIfClosed(code, response);
        NativeResponse.ThrowIfFailed(code, response);
        return null;
    }

    private VerdictRecord Keep(VerdictRecord record)
    {
        _records.Keep(record);
        return record;
    }

    /// <summary>Tells a store that was disposed of while the call began like one that was disposed of before it.</summary>
    private void ThrowIfClosed(uint code, in NativeBuffer response)
    {
        if (code == (uint)ErrorCode.InvalidHandle)
        {
            NativeCalls.BufferFree(response);
            throw new ObjectDisposedException(GetType().FullName);
        }
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
}
