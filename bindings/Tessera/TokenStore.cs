using System.Text.Json.Serialization.Metadata;
using Tessera.Native;

namespace Tessera;

/// <summary>A store of tokens, identities and signing keys in an embedded database, open in this process.</summary>
/// <remarks>
/// <para>
/// Grants, revocations and every other change are durable before the call that made them returns. A check that
/// starts after a revocation has returned refuses the token, in any process on that store.
/// </para>
/// <para>
/// All members are safe to call on any thread, at the same time. <see cref="Dispose"/> may be called at any time, by
/// several threads, more than once, and during other calls, which then end normally; the database is closed when the
/// last has ended. Whatever is called later throws <see cref="ObjectDisposedException"/>. A store that nobody disposed
/// of is closed when the garbage collector finds it.
/// </para>
/// <para>
/// Text is limited as <see cref="TesseraLimits"/> states, and must be well-formed Unicode. What does not keep to that
/// is refused with an <see cref="InvalidRequestException"/> that names the argument; a token's value that does not is
/// <see cref="Outcome.Malformed"/>. Every member but <see cref="Validate(ReadOnlySpan{char}, in AccessContext)"/> can
/// throw a <see cref="StoreException"/> when the store cannot be read or written.
/// </para>
/// <para>
/// Every member but those that check a token or a password can throw an <see cref="InvalidRequestException"/> with the
/// code <see cref="ErrorCode.NotPermitted"/> when the identity or token that acts may not do it
/// (<see cref="SignedInIdentity"/>, <see cref="SignedInTokenId"/>). What it may not see is not found.
/// </para>
/// </remarks>
public sealed partial class TokenStore : IDisposable
{
    private static readonly WireContext Wire = WireContext.Default;

    private readonly StoreHandle _handle;
    private readonly TimeProvider? _clock;
    private readonly VerdictRecords _records = new();

    // The handle counts as closed only when its last call has ended, and takes new calls until then: threads that call
    // without a pause would keep a disposed store open for ever.
    private volatile bool _isDisposed;

    private TokenStore(string path, StoreHandle handle, TimeProvider? clock, SignInResponse? actor = null)
    {
        Path = path;
        _handle = handle;
        _clock = clock;
        SignedInIdentity = actor?.Identity;
        SignedInTokenId = actor?.TokenId;
    }

    /// <summary>The full path of the database file.</summary>
    public string Path { get; }

    /// <summary>The name of the identity that acts with this object. <see langword="null"/>: the owner of the store's file
    /// and its key, who may do everything.</summary>
    public string? SignedInIdentity { get; }

    /// <summary>The id of the token that acts with this object. <see langword="null"/>: no token does.</summary>
    public string? SignedInTokenId { get; }

    /// <summary>Whether <see cref="Dispose"/> was called.</summary>
    public bool IsDisposed => _isDisposed;

    /// <summary>Opens a store, and makes it where there is none.</summary>
    /// <param name="path">
    /// The path of the database file, at most 4,096 characters; a relative one starts at the current folder of the
    /// process. Its folder must exist. The key that protects the store lies beside it, as <c>&lt;path&gt;.key</c>,
    /// unless <see cref="TokenStoreOptions.KeyProvider"/> or the environment gives it.
    /// </param>
    /// <param name="options">How to open it. <see langword="null"/>: made where it is missing, on the system's
    /// clock.</param>
    /// <returns>The open store; the caller disposes of it.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="path"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">An argument is outside its stated form or limits.</exception>
    /// <exception cref="StoreException">The store cannot be opened; <see cref="TesseraException.Code"/> says why, and
    /// an existing file was left untouched.</exception>
    /// <exception cref="NativeLibraryException">The native library is missing or of another version.</exception>
    public static TokenStore Open(string path, TokenStoreOptions? options = null)
    {
        string fullPath = FullPath(path);
        options ??= new TokenStoreOptions();
        string? issuer = options.Issuer is null ? null : Argument.Text(options.Issuer, TesseraLimits.NameCharacters);
        ReadOnlyMemory<byte> key = options.KeyProvider?.Invoke() ?? default;
        if (options.KeyProvider is not null)
        {
            // Nothing given must not look like no provider given, and fall back to the file.
            Argument.ThrowIfOutsideBytes(key.Length, TesseraLimits.KeyMaterialBytes, "keyProvider");
        }

        TimeProvider? clock = options.TimeProvider == TimeProvider.System ? null : options.TimeProvider;
        NativeLibraryLoader.EnsureUsable();
        using PooledBuffer request = NativeResponse.Write(
            new OpenRequest(
                fullPath,
                issuer,
                options.CreateIfMissing,
                clock?.GetUtcNow().ToUnixTimeSeconds(),
                Argument.OptionalDurationSeconds(options.FlushInterval)),
            Wire.OpenRequest);
        uint code = NativeCalls.StoreOpen(request.Span, key.Span, out ulong store, out NativeBuffer response);
        var handle = new StoreHandle(store);
        try
        {
            NativeResponse.ThrowIfFailed(code, response);
            return new TokenStore(fullPath, handle, clock);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Signs an identity in: gives the same store again, with which that identity acts.</summary>
    /// <remarks>What it may do is found anew at each call, so a change of its roles is felt at once. Each of the two
    /// objects is disposed of by itself, and works on when the other is closed. A check of a token is the same with both:
    /// whoever presents it acts.</remarks>
    /// <param name="name">The identity's name, compared without regard to case.</param>
    /// <param name="password">Its password: 1 to 1,024 bytes of UTF-8.</param>
    /// <returns>The store for that identity; the caller disposes of it.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">The name and the password do not go together
    /// (<see cref="ErrorCode.NotPermitted"/>): a wrong password, an unknown identity and one without a password are not
    /// told apart. Or an argument is outside its stated form or limits.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public TokenStore SignIn(string name, ReadOnlySpan<char> password)
    {
        string identity = Argument.Text(name, TesseraLimits.NameCharacters);
        using PooledBuffer secret = Argument.Encode(password, TesseraLimits.PasswordBytes, nameof(password));
        return SignIn(identity, secret.Span);
    }

    /// <summary>Signs a token in: gives the same store again, with which that token acts. It is a use of the
    /// token.</summary>
    /// <remarks>What the token may do is found anew at each call, so that its revocation is felt at once. What it grants is
    /// never wider than itself, and ends with it. A token that its profile denies the operation <c>session.create</c>, or
    /// that is tied to something that a request must state, an address for example, signs in nowhere.</remarks>
    /// <param name="token">The token's value: at most 8,192 bytes of UTF-8.</param>
    /// <returns>The store for that token; the caller disposes of it.</returns>
    /// <exception cref="InvalidRequestException">The token is refused (<see cref="ErrorCode.NotPermitted"/>); the message
    /// names the <see cref="Outcome"/>. Or it is too long.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public TokenStore SignIn(ReadOnlySpan<char> token)
    {
        using PooledBuffer secret = Argument.Encode(token, TesseraLimits.TokenValueBytes, nameof(token));
        return SignIn(identity: null, secret.Span);
    }

    /// <summary>Says what the store is and how much it holds.</summary>
    /// <returns>The status.</returns>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public StoreStatus GetStatus() => Query(NativeCalls.StoreStatus, Wire.StoreStatus);

    /// <summary>Checks the integrity of the whole database. This reads all of it: about a tenth of a second for each
    /// 100 MB.</summary>
    /// <returns>What was found.</returns>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public StoreCheck Check()
    {
        CheckResponse response = Query(NativeCalls.StoreCheck, Wire.CheckResponse);
        return new StoreCheck { IsSound = response.Ok, Problems = response.Problems };
    }

    /// <summary>Copies the database while it stays in use. The key file is not copied: without it the copy opens for
    /// nobody.</summary>
    /// <param name="path">The path of the copy, at most 4,096 characters. There must be no such file yet, and its
    /// folder must exist.</param>
    /// <returns>Where the copy is, and its size.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="path"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">There is such a file already, or <paramref name="path"/> is not in the
    /// form of a path.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public StoreBackup Backup(string path) =>
        Send(NativeCalls.StoreBackup, new PathRequest(FullPath(path)), Wire.PathRequest, Wire.StoreBackup);

    /// <summary>Puts a backup in the place of a store that nobody has open, and brings over what was ended in that store
    /// since the backup was made: revocations, removals, rotations, tokens that were switched off, uses that were spent.
    /// What was granted or changed since is lost. The key file is neither read nor written: the store's own goes
    /// on.</summary>
    /// <param name="path">The path of the backup, at most 4,096 characters.</param>
    /// <param name="destination">The path of the store, likewise. It is as it was until the new file takes its place at
    /// one stroke.</param>
    /// <param name="force">Whether to go on where it cannot be known what was ended since, because the store is missing,
    /// damaged, another one or no continuation of the backup. Tokens that were revoked since may be good again
    /// then.</param>
    /// <returns>What was restored.</returns>
    /// <exception cref="ArgumentNullException">A path is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">A path is not in its stated form. With
    /// <see cref="ErrorCode.Conflict"/>: <paramref name="force"/> is needed, and off.</exception>
    /// <exception cref="StoreException">Somebody has the store open (<see cref="ErrorCode.StoreBusy"/>), or one of the
    /// files cannot be used.</exception>
    /// <exception cref="NativeLibraryException">The native library is missing or of another version.</exception>
    public static StoreRestoration Restore(string path, string destination, bool force = false)
    {
        var request = new RestoreRequest(FullPath(path), FullPath(destination, nameof(destination)), force ? true : null);
        NativeLibraryLoader.EnsureUsable();
        using PooledBuffer json = NativeResponse.Write(request, Wire.RestoreRequest);
        uint code = NativeCalls.StoreRestore(json.Span, out NativeBuffer response);
        return NativeResponse.Read(code, response, Wire.StoreRestoration);
    }

    /// <summary>Removes the tokens that their profiles do not keep any longer, in batches between which others may write,
    /// and puts the database in order.</summary>
    /// <param name="compact">Whether to write the file anew without its gaps too. All writers wait for that; those who
    /// wait for ten seconds fail.</param>
    /// <returns>What was tidied up.</returns>
    /// <exception cref="InvalidRequestException">Whoever acts is no administrator.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public StoreOptimization Optimize(bool compact = false) =>
        Send(NativeCalls.StoreOptimize, new OptimizeRequest(compact ? true : null), Wire.OptimizeRequest, Wire.StoreOptimization);

    /// <summary>Closes the store as soon as the calls that are under way have ended. A second call does
    /// nothing.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        _handle.Dispose();
    }

    private TokenStore SignIn(string? identity, ReadOnlySpan<byte> secret)
    {
        using PooledBuffer request = NativeResponse.Write(new SignInRequest(identity), Wire.SignInRequest);
        using NativeHandle.Lease lease = Borrow();
        uint code = NativeCalls.StoreSignIn(lease.Number, request.Span, secret, out ulong store, out NativeBuffer response);
        var handle = new StoreHandle(store);
        try
        {
            return new TokenStore(Path, handle, _clock, NativeResponse.Read(code, response, Wire.SignInResponse));
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private static string FullPath(string path, string subject = "path")
    {
        Argument.Text(path, TesseraLimits.PathCharacters, subject);
        if (path.Contains('\0', StringComparison.Ordinal))
        {
            throw Argument.Invalid($"'{subject}' may not contain a null character.", subject);
        }

        return System.IO.Path.GetFullPath(path);
    }

    /// <summary>Keeps the store open for a call, and sets its clock where the caller gave one.</summary>
    private NativeHandle.Lease Borrow()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (_clock is null)
        {
            return _handle.Borrow();
        }

        // Before the handle is counted: the provider is the caller's code, and may throw.
        long nowSeconds = _clock.GetUtcNow().ToUnixTimeSeconds();
        NativeHandle.Lease lease = _handle.Borrow();
        NativeCalls.StoreSetClock(lease.Number, nowSeconds);
        return lease;
    }

    private TResponse Query<TResponse>(StoreQuery call, JsonTypeInfo<TResponse> responseType)
    {
        using NativeHandle.Lease lease = Borrow();
        uint code = call(lease.Number, out NativeBuffer response);
        return NativeResponse.Read(code, response, responseType);
    }

    private TResponse Send<TRequest, TResponse>(
        StoreRequest call,
        TRequest request,
        JsonTypeInfo<TRequest> requestType,
        JsonTypeInfo<TResponse> responseType)
    {
        using PooledBuffer json = NativeResponse.Write(request, requestType);
        using NativeHandle.Lease lease = Borrow();
        uint code = call(lease.Number, json.Span, out NativeBuffer response);
        return NativeResponse.Read(code, response, responseType);
    }

    private TResponse SendWithPassword<TRequest, TResponse>(
        StoreSecretRequest call,
        TRequest request,
        ReadOnlySpan<char> password,
        JsonTypeInfo<TRequest> requestType,
        JsonTypeInfo<TResponse> responseType)
    {
        using PooledBuffer secret = Argument.Encode(password, TesseraLimits.PasswordBytes, nameof(password));
        using PooledBuffer json = NativeResponse.Write(request, requestType);
        using NativeHandle.Lease lease = Borrow();
        uint code = call(lease.Number, json.Span, secret.Span, out NativeBuffer response);
        return NativeResponse.Read(code, response, responseType);
    }
}
