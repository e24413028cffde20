using System.Buffers;
using System.Security.Cryptography;
using Tessera.Native;

namespace Tessera;

public sealed partial class TokenStore
{
    // What the native library takes at once.
    private const int PieceBytes = 65_536;

    /// <summary>Writes tokens to a file for another store: their records, with the digests by which they are recognised,
    /// and never their values. Only administrators may.</summary>
    /// <remarks>The key of the digests is in the file too, sealed under the passphrase: whoever has both can tell whether
    /// a value that they guess is right, and whoever has the file can try passphrases for as long as they like. The lines
    /// are not signed; keep the file as you keep the store.</remarks>
    /// <param name="destination">Where to write. It is not closed.</param>
    /// <param name="passphrase">What the other store will be told to open it: at least 12 characters, and at most 1,024
    /// bytes of UTF-8.</param>
    /// <param name="options">Which tokens, and in which form. <see langword="null"/>: all, as JSON Lines.</param>
    /// <param name="progress">Hears how many tokens were written so far, on the calling thread or as it chooses.</param>
    /// <param name="cancellationToken">Ends it between two pieces.</param>
    /// <returns>How many tokens were written.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="destination"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">An argument is outside its stated form or limits, or whoever acts is no
    /// administrator.</exception>
    /// <exception cref="NotFoundException">There is no such profile or identity.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was canceled. What was written is
    /// no whole file.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public long Export(
        Stream destination,
        ReadOnlySpan<char> passphrase,
        TokenExportOptions? options = null,
        IProgress<long>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        options ??= new TokenExportOptions();
        ulong transfer = OpenTransfer(
            NativeCalls.ExportOpen,
            new ExportTokensRequest(
                Argument.Defined(options.Format),
                Argument.OptionalText(options.Profile, TesseraLimits.NameCharacters),
                Argument.OptionalText(options.Identity, TesseraLimits.NameCharacters)),
            passphrase,
            Wire.ExportTokensRequest);
        try
        {
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                uint code = NativeCalls.ExportNext(transfer, out NativeBuffer piece, out NativeBuffer response);
                try
                {
                    long tokens = NativeResponse.Read(code, response, Wire.ExportTokensResponse).Tokens;
                    if (piece.Span.IsEmpty)
                    {
                        return tokens;
                    }

                    destination.Write(piece.Span);
                    progress?.Report(tokens);
                }
                finally
                {
                    NativeCalls.BufferFree(piece);
                }
            }
        }
        finally
        {
            NativeCalls.ExportClose(transfer);
        }
    }

    /// <summary>Brings the tokens of a file over, from another store or another system, in memory that does not grow with
    /// the file. Only administrators may.</summary>
    /// <remarks>
    /// <para>A second import of the same file changes nothing. A bad line is told and leaves nothing behind, and the
    /// others are brought over all the same. Tokens go into the store up to 20,000 at a time, and within such a batch in no
    /// particular order. What was brought over before a failure stays; of the batch in which the source fails nothing
    /// is.</para>
    /// <para>A token of another system is recognised when its profile says how such values begin. It may come as its
    /// value, or as its SHA-256, PBKDF2 or Argon2 digest, which its first use replaces by one of this store's own. A JSON
    /// Web Token of the profiles PowerShellUniversal and UniversalDashboard must be signed by the profile's key: see
    /// <see cref="ImportSigningKey"/>.</para>
    /// </remarks>
    /// <param name="source">The file. It is read to its end, or to where the import ends, and not closed.</param>
    /// <param name="options">How. <see langword="null"/>: as JSON Lines, under the profile Default.</param>
    /// <param name="passphrase">What the file was exported with; empty for a list of another system.</param>
    /// <param name="onBadLine">Hears of each bad line, in their order, on the calling thread.</param>
    /// <param name="progress">Hears how far it has come, on the calling thread or as it chooses.</param>
    /// <param name="cancellationToken">Ends it between two pieces. What was brought over by then stays.</param>
    /// <returns>What it came to.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">An argument is outside its stated form or limits, the passphrase is
    /// missing, or whoever acts is no administrator.</exception>
    /// <exception cref="KeyException">The passphrase is not the one that the file was exported with, or the file was
    /// damaged.</exception>
    /// <exception cref="NotFoundException">There is no such profile.</exception>
    /// <exception cref="TesseraException">With <see cref="ErrorCode.TransferFile"/>: the source is no file of
    /// tokens.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was canceled.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public TokenImportResult Import(
        Stream source,
        TokenImportOptions? options = null,
        ReadOnlySpan<char> passphrase = default,
        Action<TokenImportError>? onBadLine = null,
        IProgress<TokenImportProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        options ??= new TokenImportOptions();
        ulong transfer = OpenTransfer(
            NativeCalls.ImportOpen,
            new ImportTokensRequest(
                Argument.Defined(options.Format),
                Argument.OptionalText(options.Profile, TesseraLimits.NameCharacters),
                options.CreateIdentities ? true : null,
                options.StopOnError ? true : null),
            passphrase,
            Wire.ImportTokensRequest);
        byte[] piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            long bytesRead = 0;
            ImportTokensResponse response;
            do
            {
                cancellationToken.ThrowIfCancellationRequested();
                int read = source.Read(piece, 0, PieceBytes);
                uint code = read == 0
                    ? NativeCalls.ImportFinish(transfer, out NativeBuffer answer)
                    : NativeCalls.ImportWrite(transfer, piece.AsSpan(0, read), out answer);
                response = NativeResponse.Read(code, answer, Wire.ImportTokensResponse);
                if (read != 0 && response.IsOver)
                {
                    // It ended before the file did; this says why.
                    Tell(response);
                    code = NativeCalls.ImportFinish(transfer, out answer);
                    response = NativeResponse.Read(code, answer, Wire.ImportTokensResponse);
                }

                bytesRead += read;
                Tell(response);
                progress?.Report(new TokenImportProgress(bytesRead, response.Created, response.Unchanged, response.Bad));
            }
            while (!response.IsOver);

            return new TokenImportResult
            {
                Created = response.Created,
                Unchanged = response.Unchanged,
                Bad = response.Bad,
                Identities = response.Identities,
                IsComplete = response.IsComplete,
            };
        }
        finally
        {
            NativeCalls.ImportClose(transfer);
            // There may be values in it.
            CryptographicOperations.ZeroMemory(piece);
            ArrayPool<byte>.Shared.Return(piece);
        }

        void Tell(ImportTokensResponse told)
        {
            foreach (TokenImportError error in told.BadLines)
            {
                onBadLine?.Invoke(error);
            }
        }
    }

    private ulong OpenTransfer<TRequest>(
        TransferOpen call,
        TRequest request,
        ReadOnlySpan<char> passphrase,
        System.Text.Json.Serialization.Metadata.JsonTypeInfo<TRequest> requestType)
    {
        using PooledBuffer secret = Argument.Encode(passphrase, TesseraLimits.PassphraseBytes, nameof(passphrase));
        using PooledBuffer json = NativeResponse.Write(request, requestType);
        using NativeHandle.Lease lease = Borrow();
        uint code = call(lease.Number, json.Span, secret.Span, out ulong transfer, out NativeBuffer response);
        NativeResponse.ThrowIfFailed(code, response);
        return transfer;
    }
}
