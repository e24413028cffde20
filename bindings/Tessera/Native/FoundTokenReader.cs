using System.Buffers.Binary;
using System.Text;

namespace Tessera.Native;

/// <summary>Reads tokens as a check found them, and what became of requests for tokens, in the native library's own form
/// for that (<c>src/ffi/found.rs</c>): the members in their order, without names, so that reading costs no more than the
/// texts.</summary>
internal ref struct FoundTokenReader
{
    private const long NoNumber = long.MinValue;
    private const uint NoLength = uint.MaxValue;

    private static readonly TokenConditions NoConditions = new();

    private ReadOnlySpan<byte> _rest;

    private FoundTokenReader(ReadOnlySpan<byte> record) => _rest = record;

    /// <summary>Reads a record.</summary>
    /// <param name="record">All of it and no more.</param>
    /// <param name="state">The token's state, which the check has told.</param>
    /// <exception cref="TesseraException">It is not in that form.</exception>
    internal static VerdictRecord Read(ReadOnlySpan<byte> record, TokenState state)
    {
        var reader = new FoundTokenReader(record);
        try
        {
            VerdictRecord found = reader.Found(state);
            return reader._rest.IsEmpty ? found : throw Unreadable(null);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException)
        {
            throw Unreadable(exception);
        }
    }

    /// <summary>Reads what became of requests for tokens.</summary>
    /// <param name="records">One for each, and no more.</param>
    /// <param name="values">The values of the tokens that were granted, one behind the other; the caller clears
    /// them.</param>
    /// <param name="count">How many there are.</param>
    /// <exception cref="TesseraException">They are not in that form.</exception>
    internal static TokenGrantResult[] ReadGrants(ReadOnlySpan<byte> records, ReadOnlySpan<byte> values, int count)
    {
        var results = new TokenGrantResult[count];
        var reader = new FoundTokenReader(records);
        try
        {
            for (int place = 0; place < results.Length; place++)
            {
                if (!reader.IsSet())
                {
                    results[place] = new TokenGrantResult { Error = NativeResponse.Failure(reader.Error()) };
                    continue;
                }

                int length = reader.Length() ?? throw new FormatException();
                Token token = reader.Token(Enum.Parse<TokenState>(reader.RequiredText()));
                results[place] = new TokenGrantResult { Grant = new TokenGrant { Token = token, Value = new TokenValue(values[..length]) } };
                values = values[length..];
            }

            return reader._rest.IsEmpty && values.IsEmpty ? results : throw Unreadable(null);
        }
        catch (Exception exception)
        {
            // Nobody else has them, and each holds a secret.
            foreach (TokenGrantResult? result in results)
            {
                result?.Dispose();
            }

            if (exception is ArgumentException or FormatException or OverflowException)
            {
                throw Unreadable(exception);
            }

            throw;
        }
    }

    private static TesseraException Unreadable(Exception? innerException) =>
        new(
            ErrorCode.Internal,
            "The native library's record of a token could not be read. Are Tessera.dll and the native library of the same build?",
            innerException: innerException);

    private VerdictRecord Found(TokenState state)
    {
        ulong version = unchecked((ulong)RequiredNumber());
        EquatableList<string> roles = RequiredList();
        Token token = Token(state);
        return new VerdictRecord(token.Sequence, version, state, token, roles);
    }

    private NativeError Error() => new(RequiredText(), RequiredText(), Text());

    // Initialisers run in the order in which they stand: that of the record.
    private Token Token(TokenState state) => new()
    {
        State = state,
        Sequence = RequiredNumber(),
        Id = RequiredText(),
        Name = Text(),
        Identity = RequiredText(),
        Format = IsSet() ? TokenFormat.Jwt : TokenFormat.Opaque,
        Roles = RequiredList(),
        Tags = RequiredList(),
        Remark = Text(),
        Profile = RequiredText(),
        KeyId = Text(),
        Audiences = RequiredList(),
        Organizations = List(),
        Conditions = IsSet() ? Conditions() : NoConditions,
        HasReferrer = IsSet(),
        UsesLeft = Number(),
        IsDecoy = IsSet(),
        CreatedBy = RequiredText(),
        Parent = Text(),
        CreatedAt = Time() ?? throw new FormatException(),
        NotBefore = Time(),
        ExpiresAt = Time(),
        WarnAfter = Time(),
        LastUsedAt = Time(),
        DisabledAt = Time(),
        DisabledBy = Text(),
        DisabledReason = Text(),
        RevokedAt = Time(),
        RevokedBy = Text(),
        RevokedReason = Text(),
        Predecessor = Text(),
        Successor = Text(),
        RotationStage = Text() is { } stage ? Enum.Parse<RotationStage>(stage) : null,
        RetiresAt = Time(),
    };

    private TokenConditions Conditions() => new()
    {
        Subject = Text(),
        AllowedAddresses = RequiredList(),
        DeniedAddresses = RequiredList(),
        Methods = RequiredList(),
        Operations = RequiredList(),
        RequiredRoles = RequiredList(),
        Uses = Number(),
        RateLimit = RateLimit(Number(), Number()),
    };

    private static TokenRateLimit? RateLimit(long? uses, long? periodSeconds) =>
        uses is { } most && periodSeconds is { } seconds
            ? new TokenRateLimit { Uses = checked((int)most), Period = TimeSpan.FromSeconds(seconds) }
            : null;

    private DateTimeOffset? Time() => Number() is { } seconds ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;

    private bool IsSet() => RequiredNumber() != 0;

    private long RequiredNumber() => Number() ?? throw new FormatException();

    private long? Number()
    {
        long number = BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long)));
        return number == NoNumber ? null : number;
    }

    private string RequiredText() => Text() ?? throw new FormatException();

    private string? Text() => Length() is { } length ? Encoding.UTF8.GetString(Take(length)) : null;

    private EquatableList<string> RequiredList() => List() ?? throw new FormatException();

    private EquatableList<string>? List()
    {
        if (Length() is not { } length)
        {
            return null;
        }

        if (length == 0)
        {
            return EquatableList<string>.None;
        }

        // Each takes some room, so that a wrong number asks for no memory.
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, _rest.Length);
        string[] texts = new string[length];
        for (int place = 0; place < texts.Length; place++)
        {
            texts[place] = RequiredText();
        }

        return new EquatableList<string>(texts);
    }

    private int? Length()
    {
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)));
        return length == NoLength ? null : checked((int)length);
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        ReadOnlySpan<byte> taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }
}
