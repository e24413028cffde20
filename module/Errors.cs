using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>
/// Makes every error record of the module. An id is <c>Tessera.</c> and the name of an <see cref="ErrorCode"/>, and
/// never changes; the six that have no such code (<c>Tessera.StoreClosed</c>, <c>Tessera.NotAFilePath</c>,
/// <c>Tessera.FileNotWritten</c>, <c>Tessera.FileNotRead</c>, <c>Tessera.VaultFailed</c>,
/// <c>Tessera.NotDelivered</c>) are made here only.
/// </summary>
/// <remarks>
/// An error never repeats a secret. Native messages and exceptions hold none by contract; but a user who passes a
/// token where an id or a name belongs would see it repeated as such, so whatever has the form of a token is struck
/// out here, and an <c>-Id</c> that is no id is not repeated at all.
/// </remarks>
internal static class Errors
{
    /// <summary>The record of a failure that Tessera reports.</summary>
    /// <param name="exception">The failure.</param>
    /// <param name="target">What the command was working on: an id, a name, a path; never a secret.</param>
    /// <param name="noun">The command's noun, where what it names by -Name may be missing.</param>
    public static ErrorRecord From(TesseraException exception, object? target, string? noun = null) =>
        Record(exception, exception.Code.ToString(), target, noun);

    /// <summary>An argument that the command itself refuses.</summary>
    /// <param name="parameter">The parameter's name.</param>
    /// <param name="message">What was wrong and what to do; not the argument.</param>
    public static ErrorRecord InvalidArgument(string parameter, string message) =>
        From(new InvalidRequestException(ErrorCode.InvalidArgument, message, parameter), target: null);

    /// <summary>A key for repeats with a second token.</summary>
    public static ErrorRecord KeyOfOneToken() =>
        InvalidArgument("IdempotencyKey", "A key for repeats goes with one token, and was used for the first. Give each token a key of its own, in a command of its own.");

    /// <summary>A token id that is none; perhaps a token's value, so it is not repeated.</summary>
    /// <param name="length">How many characters were given.</param>
    public static ErrorRecord NotATokenId(int length) =>
        InvalidArgument(
            "Id",
            $"-Id takes a token's public id: {TokenIdAttribute.Length} letters and digits, as Get-TesseraToken shows it. What was given has another form ({length} characters), and is not repeated here as it may be a token's value. To find a token by its name: Get-TesseraToken -Name.");

    /// <summary>Nothing of that name, found out by the command itself.</summary>
    /// <param name="noun">What was looked for.</param>
    /// <param name="name">Its name or id.</param>
    /// <param name="subject">The argument that named it, as the engine would call it.</param>
    public static ErrorRecord NotFound(string noun, string name, string subject) =>
        From(new NotFoundException($"There is no {noun} '{name}'.", subject), name);

    /// <summary>A value that no token of the store has.</summary>
    public static ErrorRecord UnknownValue() =>
        From(new NotFoundException("No token of this store has this value, so nothing was revoked. Is it complete, and of this store?", "token"), target: null);

    /// <summary>A vault that did not take the new value of a token. What it said is repeated but for values of tokens.</summary>
    /// <param name="exception">How its script block ended.</param>
    /// <param name="id">The id of the token that was to be rotated.</param>
    public static ErrorRecord VaultFailed(RuntimeException exception, string id) =>
        Record(
            // Without the exception itself: it holds what the script block was working on.
            new InvalidOperationException(
                $"The script block of -Vault did not take the new value, so the token {id} was not rotated and is good as before. It failed with: {Redaction.Redact(exception.Message)}"),
            "VaultFailed",
            ErrorCategory.WriteError,
            id);

    /// <summary>A rotation that was refused when the vault had the new value already.</summary>
    /// <param name="exception">The refusal.</param>
    /// <param name="id">The id of the token that was to be rotated.</param>
    public static ErrorRecord NotDelivered(TesseraException exception, string id) =>
        Record(
            Restate(exception, $"{exception.Message} The vault has the new value already, and no check will accept that.", exception.Subject),
            "NotDelivered",
            id,
            noun: null);

    /// <summary>A revoked key that was named for others to verify with.</summary>
    public static ErrorRecord KeyIsRevoked(string keyId) =>
        From(
            new InvalidRequestException(
                ErrorCode.Conflict,
                $"The signing key '{keyId}' is revoked, and nothing that it signed is good. Leave it out; without -KeyId all active keys are given.",
                "keyId"),
            keyId);

    /// <summary>A path at which writing would destroy a store.</summary>
    public static ErrorRecord FileOfStore(string path) =>
        From(
            new InvalidRequestException(
                ErrorCode.Conflict, $"'{path}' is a file of the open store, and is never overwritten, not even with -Force. Give another path.", "path"),
            path);

    /// <summary>A store that could not be opened. Unlike the failure itself it says which: the user may not have named it.</summary>
    public static ErrorRecord NotOpened(TesseraException exception, string path) =>
        From(
            exception is StoreException
                ? new StoreException(exception.Code, $"Cannot open the store '{path}'. {exception.Message}", exception.Subject, exception)
                : exception,
            path);

    /// <summary>A check for which the store could not be read.</summary>
    public static ErrorRecord StoreUnavailable() =>
        From(
            new StoreException(
                ErrorCode.StoreUnavailable,
                "The store could not be read, so nothing is known of the token. Refuse it for now and try again; Test-TesseraStore tells whether the store is sound."),
            target: null);

    /// <summary>A store that the script closed and then went on using.</summary>
    public static ErrorRecord StoreClosed(ObjectDisposedException exception) =>
        Record(
            new InvalidOperationException(
                "The store is closed. Open it again with Connect-Tessera; a store from -PassThru ends with Disconnect-Tessera, with the module and with its runspace.",
                exception),
            "StoreClosed",
            ErrorCategory.InvalidOperation,
            target: null);

    /// <summary>A path that lies in another provider, such as <c>Env:</c> or the registry.</summary>
    public static ErrorRecord NotAFilePath(string path, string provider) =>
        Record(
            new NotSupportedException(
                $"'{Redaction.Redact(path)}' is a path of the provider {provider}, not of the file system. Give a path to a file, or go to a folder first."),
            "NotAFilePath",
            ErrorCategory.InvalidArgument,
            path);

    /// <summary>A path that PowerShell cannot make sense of: an unknown drive or provider.</summary>
    public static ErrorRecord UnresolvedPath(string path, Exception exception) =>
        From(new StoreException(ErrorCode.StorePath, exception.Message, path, exception), path);

    /// <summary>A file that is there already.</summary>
    public static ErrorRecord FileExists(string path) =>
        From(new InvalidRequestException(ErrorCode.AlreadyExists, $"There is a file '{path}' already. Use -Force to overwrite it.", path), path);

    /// <summary>A file that could not be written, other than a store.</summary>
    public static ErrorRecord FileNotWritten(string path, Exception exception) =>
        Record(
            Redaction.Redact(exception.Message) is var message && message == exception.Message ? exception : new IOException(message),
            "FileNotWritten",
            ErrorCategory.WriteError,
            path);

    /// <summary>A file or folder that could not be searched.</summary>
    public static ErrorRecord FileNotRead(string path, UnreadReason reason, string message) =>
        Record(
            new IOException(Redaction.Redact($"'{path}' was not searched. {message}")),
            "FileNotRead",
            reason switch
            {
                UnreadReason.NotFound => ErrorCategory.ObjectNotFound,
                UnreadReason.NotPermitted => ErrorCategory.PermissionDenied,
                UnreadReason.InUse => ErrorCategory.ResourceBusy,
                _ => ErrorCategory.ReadError,
            },
            path);

    /// <summary>A file that could not be read, other than a store.</summary>
    public static ErrorRecord FileNotRead(string path, Exception exception) =>
        Record(
            Redaction.Redact(exception.Message) is var message && message == exception.Message ? exception : new IOException(message),
            "FileNotRead",
            ErrorCategory.ReadError,
            path);

    /// <summary>A line of a file of tokens that was not brought over.</summary>
    /// <param name="path">The file.</param>
    /// <param name="error">The line, and what is wrong with it.</param>
    public static ErrorRecord BadLine(string path, TokenImportError error)
    {
        string message = $"Line {error.Line}: {error.Message}";
        TesseraException exception = error.Code == ErrorCode.NotFound
            ? new NotFoundException(message, error.Subject)
            : new InvalidRequestException(error.Code, message, error.Subject);
        return From(exception, $"{path}:{error.Line}");
    }

    private static ErrorRecord Record(TesseraException exception, string id, object? target, string? noun)
    {
        string message = Redaction.Redact(exception.Message);
        string? subject = exception.Subject is { } named ? Redaction.Redact(named) : null;
        // Kept as it is, with its type and stack, unless it says too much.
        bool isClean = message == exception.Message && subject == exception.Subject;
        ErrorRecord record = Record(
            isClean ? exception : Restate(exception, message, subject),
            id,
            CategoryOf(exception.Code),
            target);
        if (AdviceOn(exception.Code, subject, noun) is { } advice)
        {
            record.ErrorDetails = new ErrorDetails($"{message} {advice}") { RecommendedAction = advice };
        }

        return record;
    }

    /// <summary>The same failure in other words, for scripts that catch it by its type.</summary>
    private static TesseraException Restate(TesseraException exception, string message, string? subject) => exception switch
    {
        InvalidRequestException => new InvalidRequestException(exception.Code, message, subject),
        NotFoundException => new NotFoundException(message, subject),
        StoreException => new StoreException(exception.Code, message, subject),
        TokenFormatException => new TokenFormatException(message, subject),
        KeyException => new KeyException(message, subject),
        NativeLibraryException => new NativeLibraryException(message, subject),
        _ => new TesseraException(exception.Code, message, subject),
    };

    /// <summary>The command that helps on; the engine's messages name none, as other languages have them too.</summary>
    private static string? AdviceOn(ErrorCode code, string? subject, string? noun) => (code, subject) switch
    {
        (ErrorCode.NotFound, "role") => "Get-TesseraRole lists them.",
        (ErrorCode.NotFound, "keyId") => "Get-TesseraSigningKey lists them, and New-TesseraSigningKey makes one.",
        (ErrorCode.NotFound, "id") => "Get-TesseraToken lists them.",
        (ErrorCode.Conflict, "force") => "Restore-TesseraStore -Force takes that risk.",
        (ErrorCode.NotFound, "identity" or "members") => "Get-TesseraIdentity lists them.",
        (ErrorCode.NotFound, "profile") => "Get-TesseraProfile lists them.",
        (ErrorCode.NotFound, "organization" or "organizations") => "Get-TesseraOrganization lists them.",
        (ErrorCode.NotFound, "name") when noun is not null => $"Get-{noun} lists them.",
        (ErrorCode.StoreCorrupt, _) => "Test-TesseraStore -Detailed says what was found.",
        _ => null,
    };

    private static ErrorRecord Record(Exception exception, string id, ErrorCategory category, object? target) =>
        new(exception, $"Tessera.{id}", category, target is string text ? Redaction.Redact(text) : target);

    private static ErrorCategory CategoryOf(ErrorCode code) => code switch
    {
        ErrorCode.InvalidArgument => ErrorCategory.InvalidArgument,
        ErrorCode.NotFound => ErrorCategory.ObjectNotFound,
        ErrorCode.AlreadyExists => ErrorCategory.ResourceExists,
        ErrorCode.NotPermitted => ErrorCategory.PermissionDenied,
        ErrorCode.Conflict => ErrorCategory.InvalidOperation,
        ErrorCode.StoreUnavailable => ErrorCategory.ResourceUnavailable,
        ErrorCode.Overloaded or ErrorCode.StoreBusy => ErrorCategory.ResourceBusy,
        ErrorCode.StoreFull => ErrorCategory.LimitsExceeded,
        ErrorCode.StoreReadOnly => ErrorCategory.PermissionDenied,
        ErrorCode.StoreCorrupt => ErrorCategory.InvalidData,
        ErrorCode.StoreForeign => ErrorCategory.InvalidData,
        ErrorCode.StoreNewer => ErrorCategory.InvalidData,
        ErrorCode.StoreWrongKey => ErrorCategory.SecurityError,
        ErrorCode.StoreKeyMissing => ErrorCategory.SecurityError,
        ErrorCode.StoreKeyFile => ErrorCategory.SecurityError,
        ErrorCode.StorePath => ErrorCategory.OpenError,
        ErrorCode.StoreHeldElsewhere => ErrorCategory.ResourceBusy,
        ErrorCode.StoreNetworkFileSystem => ErrorCategory.OpenError,
        ErrorCode.MalformedToken => ErrorCategory.InvalidData,
        ErrorCode.KeyRefused => ErrorCategory.SecurityError,
        ErrorCode.TransferFile => ErrorCategory.InvalidData,
        ErrorCode.InvalidHandle => ErrorCategory.InvalidOperation,
        ErrorCode.NativeLibrary => ErrorCategory.NotInstalled,
        _ => ErrorCategory.NotSpecified,
    };
}
