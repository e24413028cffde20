namespace Tessera;

/// <summary>The base of every failure that Tessera reports: a fixed code, a sentence for people, and the input it is
/// about.</summary>
/// <remarks>
/// Neither <see cref="Exception.Message"/> nor <see cref="Subject"/> ever holds a secret, so both may be shown and
/// logged. A call on a disposed object throws <see cref="ObjectDisposedException"/>, and a required argument that is
/// <see langword="null"/> <see cref="ArgumentNullException"/>, as everywhere in .NET.
/// </remarks>
public class TesseraException : Exception
{
    /// <summary>Makes an exception of kind <paramref name="code"/>.</summary>
    /// <param name="code">The kind of failure.</param>
    /// <param name="message">What was wrong, which input, and what to do; never a secret.</param>
    /// <param name="subject">The input that the failure is about, where there is one.</param>
    /// <param name="innerException">The exception that led to this one, where there is one.</param>
    public TesseraException(ErrorCode code, string message, string? subject = null, Exception? innerException = null)
        : base(message, innerException)
    {
        Code = code;
        Subject = subject;
    }

    /// <summary>The kind of failure.</summary>
    public ErrorCode Code { get; }

    /// <summary>The input that the failure is about, as the caller knows it (<c>name</c>, <c>expiresAt</c>,
    /// <c>path</c>); <see langword="null"/> where there is none.</summary>
    public string? Subject { get; }
}

/// <summary>A request that cannot be carried out as it was asked.</summary>
/// <remarks>
/// Codes: <see cref="ErrorCode.InvalidArgument"/>, <see cref="ErrorCode.AlreadyExists"/>,
/// <see cref="ErrorCode.NotPermitted"/> and <see cref="ErrorCode.Conflict"/>. Nothing was changed.
/// </remarks>
/// <inheritdoc cref="TesseraException(ErrorCode, string, string?, Exception?)"/>
public sealed class InvalidRequestException(
    ErrorCode code,
    string message,
    string? subject = null,
    Exception? innerException = null)
    : TesseraException(code, message, subject, innerException);

/// <summary>There is no such token, identity, role or key. Its code is <see cref="ErrorCode.NotFound"/>.</summary>
/// <inheritdoc cref="TesseraException(ErrorCode, string, string?, Exception?)"/>
public sealed class NotFoundException(
    string message,
    string? subject = null,
    Exception? innerException = null)
    : TesseraException(ErrorCode.NotFound, message, subject, innerException);

/// <summary>The store cannot be opened, read or written.</summary>
/// <remarks>Codes: <see cref="ErrorCode.StoreUnavailable"/> to <see cref="ErrorCode.StoreKeyFile"/>, 10 to
/// 22.</remarks>
/// <inheritdoc cref="TesseraException(ErrorCode, string, string?, Exception?)"/>
public sealed class StoreException(
    ErrorCode code,
    string message,
    string? subject = null,
    Exception? innerException = null)
    : TesseraException(code, message, subject, innerException);

/// <summary>A text is not in the form of a token. Its code is <see cref="ErrorCode.MalformedToken"/>.</summary>
/// <inheritdoc cref="TesseraException(ErrorCode, string, string?, Exception?)"/>
public sealed class TokenFormatException(
    string message,
    string? subject = null,
    Exception? innerException = null)
    : TesseraException(ErrorCode.MalformedToken, message, subject, innerException);

/// <summary>Key material may not be used: its form, length, use or algorithm. Its code is
/// <see cref="ErrorCode.KeyRefused"/>.</summary>
/// <inheritdoc cref="TesseraException(ErrorCode, string, string?, Exception?)"/>
public sealed class KeyException(
    string message,
    string? subject = null,
    Exception? innerException = null)
    : TesseraException(ErrorCode.KeyRefused, message, subject, innerException);

/// <summary>The native library is missing, of another version, or for another kind of machine.</summary>
/// <remarks>
/// Its code is <see cref="ErrorCode.NativeLibrary"/>. The message names each path that was tried, and
/// <see cref="TesseraException.Subject"/> the file that was looked for.
/// </remarks>
/// <inheritdoc cref="TesseraException(ErrorCode, string, string?, Exception?)"/>
public sealed class NativeLibraryException(
    string message,
    string? subject = null,
    Exception? innerException = null)
    : TesseraException(ErrorCode.NativeLibrary, message, subject, innerException);
