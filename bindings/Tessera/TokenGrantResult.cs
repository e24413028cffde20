using System.Diagnostics.CodeAnalysis;

namespace Tessera;

/// <summary>What became of one of several requests for a token: a grant, or an error.</summary>
/// <remarks>Disposing of it clears the token's value from memory.</remarks>
public sealed record TokenGrantResult : IDisposable
{
    /// <summary>The token with its value. <see langword="null"/> where the request failed.</summary>
    public TokenGrant? Grant { get; init; }

    /// <summary>Why the request failed, as <see cref="TokenStore.Grant"/> would have thrown it. <see langword="null"/>
    /// where it did not.</summary>
    public TesseraException? Error { get; init; }

    /// <summary>Whether there is a grant.</summary>
    [MemberNotNullWhen(true, nameof(Grant))]
    [MemberNotNullWhen(false, nameof(Error))]
    public bool IsGranted => Grant is not null;

    /// <summary>Clears the token's value from memory.</summary>
    public void Dispose() => Grant?.Dispose();
}
