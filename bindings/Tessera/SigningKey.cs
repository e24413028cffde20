namespace Tessera;

/// <summary>What is known of a signing key to everyone who may read the store; never its private half.</summary>
public sealed record SigningKey
{
    /// <summary>The <c>kid</c> (RFC 7517 section 4.5): the RFC 7638 thumbprint of the public half, or random for an
    /// HMAC key.</summary>
    public required string KeyId { get; init; }

    /// <summary>The one algorithm that the key is for.</summary>
    public required SigningAlgorithm Algorithm { get; init; }

    /// <summary>When it was made; UTC, in whole seconds.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Its state when it was read.</summary>
    public required SigningKeyState State { get; init; }

    /// <summary>When it was revoked; UTC, in whole seconds. <see langword="null"/> where it was not.</summary>
    public DateTimeOffset? RevokedAt { get; init; }

    /// <summary>Who revoked it: the name of an identity, or <c>local owner</c>. <see langword="null"/> where it was not
    /// revoked.</summary>
    public string? RevokedBy { get; init; }

    /// <summary>Why it was revoked, where a reason was given.</summary>
    public string? RevokedReason { get; init; }

    /// <summary>The profile whose tokens alone it signs. <see langword="null"/>: it serves every profile whose tokens name
    /// their key.</summary>
    public string? Profile { get; init; }

    /// <summary>The RFC 7638 thumbprint of the public half; <see langword="null"/> for an HMAC key, which has
    /// none.</summary>
    public string? Thumbprint { get; init; }
}
