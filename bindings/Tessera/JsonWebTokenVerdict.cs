using System.Buffers.Text;
using System.Text;

namespace Tessera;

/// <summary>What a check of a JSON Web Token found.</summary>
/// <remarks>The header and the payload are decoded when they are asked for: until then a verdict on a string keeps that
/// string.</remarks>
public sealed record JsonWebTokenVerdict
{
    // The header and the payload as they stand in the token, with or without what follows; null where it is none, or was
    // read to its end.
    private readonly string? _parts;
    private string? _header;
    private string? _payload;

    /// <summary>A verdict of the caller's own making.</summary>
    public JsonWebTokenVerdict()
    {
    }

    /// <summary>A verdict on a token that is well formed.</summary>
    internal JsonWebTokenVerdict(string? parts) => _parts = parts;

    /// <summary>The outcome. A signature by no key that is known, or of another issuer, is
    /// <see cref="Outcome.Unknown"/>.</summary>
    public required Outcome Outcome { get; init; }

    /// <summary>Whether the token is good.</summary>
    public bool IsValid => Outcome == Outcome.Valid;

    /// <summary>Why it was refused, for administrators and logs; <see langword="null"/> where it is good. Tell whoever
    /// presented it only that it was refused.</summary>
    public string? Reason { get; init; }

    /// <summary>The id of the key that was tried, where it has one.</summary>
    public string? KeyId { get; init; }

    /// <summary>The algorithm of the key that was tried, where one was.</summary>
    public SigningAlgorithm? Algorithm { get; init; }

    /// <summary>What is weak about it and was let pass, a sentence each: a short key, for example.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The header, decoded, as JSON text, where the token is well formed. Unless <see cref="IsValid"/> it may
    /// be anyone's.</summary>
    public string? Header
    {
        get => _header ??= Decode(0);
        init => _header = value;
    }

    /// <summary>The claims, decoded, as JSON text, where the token is well formed. Unless <see cref="IsValid"/> they
    /// may be anyone's.</summary>
    public string? Payload
    {
        get => _payload ??= Decode(1);
        init => _payload = value;
    }

    /// <summary>Whether two verdicts say the same.</summary>
    /// <param name="other">The other verdict.</param>
    /// <returns>True when each property of the one equals that of the other.</returns>
    public bool Equals(JsonWebTokenVerdict? other) =>
        other is not null
        && Outcome == other.Outcome
        && Reason == other.Reason
        && KeyId == other.KeyId
        && Algorithm == other.Algorithm
        && Equals(Warnings, other.Warnings)
        && Header == other.Header
        && Payload == other.Payload;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Outcome, Reason, KeyId, Algorithm, Header, Payload);

    // The native library found both to be canonical base64url of JSON in UTF-8.
    private string? Decode(int part)
    {
        if (_parts is null)
        {
            return null;
        }

        ReadOnlySpan<char> rest = _parts;
        for (int passed = 0; passed < part; passed++)
        {
            rest = rest[(rest.IndexOf('.') + 1)..];
        }

        int end = rest.IndexOf('.');
        return Encoding.UTF8.GetString(Base64Url.DecodeFromChars(end < 0 ? rest : rest[..end]));
    }
}
