using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Brings tokens from a file into the store.</summary>
/// <remarks>
/// <para>The file comes from <see cref="ExportTesseraTokenCommand"/>, or is a list of another system's tokens: JSON objects, one a line, or comma-separated values under a row of column names. Each names an identity and what the token is recognised by: value, or foreignDigest with the SHA-256 of the value in hexadecimal or a PBKDF2 or Argon2 string in PHC form, and for these two publicPart, the beginning of the value after the profile's prefix. Further members are id, profile, name, roles, tags, remark, audiences, organizations, conditions, createdBy, createdAt, notBefore, expiresAt, warnAfter, disabledAt, revokedAt and their By and Reason, and decoy.</para>
/// <para>A value of another system is recognised when the token's profile says how such values begin (foreignPrefix). At its first use its digest is replaced by one of this store's own. A JSON Web Token of the profiles PowerShellUniversal and UniversalDashboard must be signed with the profile's key, which New-TesseraSigningKey -Profile sets; its identity and roles are those of the line.</para>
/// <para>A bad line is an error with its number, leaves nothing behind, and does not keep the others from being brought over unless -StopOnError says so. To import the same file again changes nothing, and wakes nothing that was revoked since. Tokens go into the store up to 20,000 at a time, in memory that does not grow with the file, and within such a batch in no particular order. Other changes of the store, also revocations, wait while such a batch is written, mostly for some tenths of a second. Only administrators may import tokens.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Operator
/// $null = Grant-TesseraToken -Identity Adam
/// $null = Export-TesseraToken ./tokens.jsonl -Passphrase 'correct horse battery staple'
/// Connect-Tessera ./other.db
/// New-TesseraIdentity Adam -Role Operator
/// Import-TesseraToken ./tokens.jsonl -Passphrase 'correct horse battery staple'
/// </code>
/// <para>Brings the tokens of one store into another.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraSigningKey -Profile PowerShellUniversal -SigningKey 'a secret of at least 32 characters'
/// New-TesseraIdentity Admin -Role Administrator
/// Import-TesseraToken ./app-tokens.csv -Profile PowerShellUniversal -WhatIf
/// </code>
/// <para>Would migrate app tokens of PowerShell Universal from a list with the columns identity, roles, expiresAt and value.</para>
/// </example>
/// <seealso cref="ExportTesseraTokenCommand"/>
/// <seealso cref="NewTesseraSigningKeyCommand"/>
[Cmdlet(VerbsData.Import, "TesseraToken", SupportsShouldProcess = true)]
[OutputType(typeof(TokenImportResult))]
public sealed class ImportTesseraTokenCommand : StoreCmdlet, IDisposable
{
    // More would bury the rest: what is wrong with so many lines is mostly one thing.
    private const int MaximumErrors = 100;

    private readonly CancellationTokenSource _stop = new();

    /// <summary>The file to read. A relative path starts from PowerShell's current location; wildcards in it are ordinary characters.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName", "LiteralPath")]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = null!;

    /// <summary>What the file was exported with, as a SecureString or a string. A list of another system has none. Never leave the parameter's name out: PowerShell's own error repeats what is left over on the command line.</summary>
    [Parameter]
    [SecretText(nameof(Passphrase))]
    public SecretText? Passphrase { get; set; }

    /// <summary>The form: JsonLines or Csv. Without it: Csv for a path that ends with .csv, else JsonLines.</summary>
    [Parameter]
    [ValidateNotNull]
    [Choice<TokenTransferFormat>]
    public TokenTransferFormat? Format { get; set; }

    /// <summary>The profile of tokens whose line names none.</summary>
    /// <value>Default</value>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ProfileName]
    [ArgumentCompleter(typeof(ProfileNameCompleter))]
    public string? Profile { get; set; }

    /// <summary>Makes identities that are not there, with no roles: their tokens may do nothing until Set-TesseraIdentity gives them some. Without it their lines are bad.</summary>
    [Parameter]
    public SwitchParameter CreateIdentity { get; set; }

    /// <summary>Ends at the first bad line. What was brought over before it stays.</summary>
    [Parameter]
    public SwitchParameter StopOnError { get; set; }

    /// <summary>Reads each file.</summary>
    protected override void ProcessRecord()
    {
        string path = System.IO.Path.GetFullPath(ResolveFilePath(Path));
        if (!IsUsable(Passphrase, nameof(Passphrase)) || !ShouldProcess(path, "Import tokens"))
        {
            return;
        }

        TokenStore store = CurrentStore;
        var options = new TokenImportOptions
        {
            Format = Format ?? ExportTesseraTokenCommand.FormatOf(path),
            Profile = Profile,
            CreateIdentities = CreateIdentity,
            StopOnError = StopOnError,
        };
        Attempt(path, () =>
        {
            try
            {
                using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
                Import(store, file, path, options);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                WriteError(Errors.FileNotRead(path, exception));
            }
        });
    }

    /// <summary>Ends the import between two batches.</summary>
    protected override void StopProcessing() => _stop.Cancel();

    /// <summary>Lets go of what stops it.</summary>
    public void Dispose() => _stop.Dispose();

    private void Import(TokenStore store, FileStream file, string path, TokenImportOptions options)
    {
        // The length of a pipe is not known, and of a file that grows it says little.
        int errors = 0;
        long length = file.CanSeek ? file.Length : 0;
        var report = new ProgressReport<TokenImportProgress>(this, "Importing tokens", progress =>
            ($"{progress.Created} created, {progress.Unchanged} unchanged, {progress.Bad} bad", length > 0 ? (int)Math.Min(100, progress.BytesRead * 100 / length) : -1));
        try
        {
            TokenImportResult result = Passphrase is null
                ? store.Import(file, options, default, Tell, report, _stop.Token)
                : Passphrase.Read(passphrase => store.Import(file, options, passphrase, Tell, report, _stop.Token));
            if (result.Bad > MaximumErrors)
            {
                WriteWarning($"{result.Bad} lines of '{Redaction.Redact(path)}' were bad; the errors name the first {MaximumErrors}.");
            }

            WriteObject(result);
        }
        finally
        {
            report.Complete();
        }

        void Tell(TokenImportError error)
        {
            if (++errors <= MaximumErrors)
            {
                WriteError(Errors.BadLine(path, error));
            }
        }
    }
}
