namespace Tessera;

/// <summary>A value of a token that lies in a file. The value itself is not in it.</summary>
public sealed record LeakedToken
{
    /// <summary>The full path of the file. A name that is no Unicode has U+FFFD in it.</summary>
    public required string Path { get; init; }

    /// <summary>The line in which the value begins, from 1.</summary>
    public required long Line { get; init; }

    /// <summary>Where the value begins, in bytes from the start of the file.</summary>
    public required long Offset { get; init; }

    /// <summary>What the value looks like.</summary>
    public required LeakKind Kind { get; init; }

    /// <summary>The token whose value it is, as it stood when the value was found; that is proved by the whole value.
    /// <see langword="null"/>: it is of no token in this store.</summary>
    public Token? Token { get; init; }

    /// <summary>The public id that the value states, where it has one. Anyone can write such a text, so it means nothing
    /// where <see cref="Token"/> is <see langword="null"/>: never revoke by it.</summary>
    public string? StatedId { get; init; }

    /// <summary>The id of the store's key that signed it, where it is a JSON Web Token. Where <see cref="Token"/> is
    /// <see langword="null"/>, it was made by hand or its token was removed.</summary>
    public string? KeyId { get; init; }

    /// <summary>Whether whoever has the value can use it, now or later: the token is active, pending or disabled, and is
    /// no decoy.</summary>
    public bool IsLive => Token is { IsDecoy: false, State: TokenState.Active or TokenState.Pending or TokenState.Disabled };
}

/// <summary>What a value in a file looks like.</summary>
public enum LeakKind
{
    /// <summary>An opaque value with the right check.</summary>
    Opaque = 0,

    /// <summary>A JSON Web Token.</summary>
    Jwt = 1,

    /// <summary>A value of another system.</summary>
    Foreign = 2,
}
