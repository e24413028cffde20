namespace Tessera;

/// <summary>How to open a store.</summary>
public sealed record TokenStoreOptions
{
    /// <summary>
    /// The issuer that a new store's JSON Web Tokens name (RFC 7519 section 4.1.1): 1 to 256 characters, best a URL of
    /// yours. It is chosen once: an existing store must have just this one. <see langword="null"/>: a random
    /// <c>urn:uuid</c> for a new store, and for an existing one whatever it has.
    /// </summary>
    public string? Issuer { get; init; }

    /// <summary>Whether to make the store, and its key file, where there is none. <see langword="true"/> unless said
    /// otherwise.</summary>
    public bool CreateIfMissing { get; init; } = true;

    /// <summary>
    /// Gives the text of the store's key file, UTF-8, for a caller that keeps it elsewhere: in a vault, for example.
    /// Called once, while the store is opened; what it returns may be cleared afterwards. <see langword="null"/>: the
    /// environment variable <c>TESSERA_STORE_KEY</c> where it is set, or else the file beside the database,
    /// <c>&lt;store&gt;.key</c>.
    /// </summary>
    public Func<ReadOnlyMemory<byte>>? KeyProvider { get; init; }

    /// <summary>
    /// The clock that grants and checks go by, to the second, for tests and simulations. It is read before each call.
    /// <see langword="null"/>: the system's.
    /// </summary>
    public TimeProvider? TimeProvider { get; init; }

    /// <summary>
    /// How long uses and refusals of tokens are gathered in memory before they are written down: one second to one day. A
    /// crash loses at most those of one interval. <see langword="null"/>: 30 seconds.
    /// </summary>
    public TimeSpan? FlushInterval { get; init; }
}
