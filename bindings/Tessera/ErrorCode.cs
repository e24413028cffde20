namespace Tessera;

/// <summary>The kinds of failure. Names and numbers are fixed, the same in every language that Tessera
/// speaks.</summary>
/// <remarks>The outcome of a check is not a failure: see <see cref="Outcome"/>.</remarks>
public enum ErrorCode
{
    /// <summary>No failure. No exception carries it.</summary>
    None = 0,

    /// <summary>An argument is outside its stated form or limits.</summary>
    InvalidArgument = 1,

    /// <summary>There is no such token, identity, role or key.</summary>
    NotFound = 2,

    /// <summary>There is one of that name already.</summary>
    AlreadyExists = 3,

    /// <summary>The rules do not allow it, whatever the arguments' form.</summary>
    NotPermitted = 4,

    /// <summary>The thing is not in a state that allows it.</summary>
    Conflict = 5,

    /// <summary>Too much of this is going on at once; nothing was done, and a later try may succeed.</summary>
    Overloaded = 6,

    /// <summary>The store cannot be read or written for a reason that no other code names.</summary>
    StoreUnavailable = 10,

    /// <summary>Another process held the store's write lock for longer than the busy timeout.</summary>
    StoreBusy = 11,

    /// <summary>There is no space left for the store.</summary>
    StoreFull = 12,

    /// <summary>The store, or its folder, may only be read.</summary>
    StoreReadOnly = 13,

    /// <summary>The database file is damaged.</summary>
    StoreCorrupt = 14,

    /// <summary>The file is not a Tessera database; it was left untouched.</summary>
    StoreForeign = 15,

    /// <summary>A newer version of Tessera wrote the database; it was left untouched.</summary>
    StoreNewer = 16,

    /// <summary>The key does not belong to this store.</summary>
    StoreWrongKey = 17,

    /// <summary>The store exists and its key does not.</summary>
    StoreKeyMissing = 18,

    /// <summary>The path does not name a file that can be opened or created.</summary>
    StorePath = 19,

    /// <summary>Something else in this process holds the database file open.</summary>
    StoreHeldElsewhere = 20,

    /// <summary>The path lies on a network file system, where the database's locks cannot be relied on.</summary>
    StoreNetworkFileSystem = 21,

    /// <summary>The key file is readable by others, or not in the form of a key file.</summary>
    StoreKeyFile = 22,

    /// <summary>The text is not in the form of a token.</summary>
    MalformedToken = 30,

    /// <summary>The key material may not be used: its form, length, use or algorithm.</summary>
    KeyRefused = 31,

    /// <summary>A file of tokens cannot be read or written, or is not in the form of one.</summary>
    TransferFile = 32,

    /// <summary>The native handle was never given out, or has been closed.</summary>
    InvalidHandle = 40,

    /// <summary>A defect in Tessera. The process is unharmed.</summary>
    Internal = 41,

    /// <summary>The native library is missing, of another version, or for another kind of machine.</summary>
    NativeLibrary = 42,
}
