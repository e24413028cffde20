using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Writes tokens to a file, for another store.</summary>
/// <remarks>
/// <para>The file holds what the store knows of each token, with the digest by which it is recognised, and never its value. <see cref="ImportTesseraTokenCommand"/> brings the tokens into another store, where they are good as they are here. Identities, roles, organisations and profiles are named in the file and not part of it.</para>
/// <para>The key of the digests is in the file too, sealed under the passphrase (Argon2id and AES-256-GCM): whoever has the file can try to guess the passphrase for as long as they like, so make it long. The lines are not signed: who can write the file can change what its tokens may do. Keep it as you keep the store. On Linux and macOS only its owner may read it.</para>
/// <para>Only administrators may export tokens, and each export is in the audit log. A file takes its place as a whole; the files of the open store are never overwritten.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Operator
/// $null = Grant-TesseraToken -Identity Adam
/// Export-TesseraToken ./tokens.jsonl -Passphrase 'correct horse battery staple'
/// </code>
/// <para>Writes all tokens of the store.</para>
/// </example>
/// <example>
/// <code>
/// Export-TesseraToken ./default.csv -Profile Default -Passphrase 'correct horse battery staple'
/// </code>
/// <para>Writes the tokens of one profile as comma-separated values, as the file's name says.</para>
/// </example>
/// <seealso cref="ImportTesseraTokenCommand"/>
/// <seealso cref="BackupTesseraStoreCommand"/>
[Cmdlet(VerbsData.Export, "TesseraToken", SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportTesseraTokenCommand : StoreCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stop = new();

    /// <summary>The file to write. A relative path starts from PowerShell's current location; wildcards in it are ordinary characters.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = null!;

    /// <summary>What the file is opened with again, as a SecureString or a string: at least 12 characters. Never leave the parameter's name out: PowerShell's own error repeats what is left over on the command line.</summary>
    [Parameter(Mandatory = true)]
    [SecretText(nameof(Passphrase))]
    public SecretText? Passphrase { get; set; }

    /// <summary>The form: JsonLines or Csv. Without it: Csv for a path that ends with .csv, else JsonLines.</summary>
    [Parameter]
    [ValidateNotNull]
    [Choice<TokenTransferFormat>]
    public TokenTransferFormat? Format { get; set; }

    /// <summary>Only tokens of this profile.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ProfileName]
    [ArgumentCompleter(typeof(ProfileNameCompleter))]
    public string? Profile { get; set; }

    /// <summary>Only tokens that speak for this identity: its name, or an identity from <see cref="GetTesseraIdentityCommand"/>.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [IdentityName]
    [ArgumentCompleter(typeof(IdentityNameCompleter))]
    public string? Identity { get; set; }

    /// <summary>Overwrites the file at -Path where there is one.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Writes the file.</summary>
    protected override void EndProcessing()
    {
        string path = System.IO.Path.GetFullPath(ResolveFilePath(Path));
        if (!IsUsable(Passphrase, nameof(Passphrase)) || !ShouldProcess(path, "Write tokens"))
        {
            return;
        }

        TokenStore store = CurrentStore;
        if (IsOfStore(store, path))
        {
            WriteError(Errors.FileOfStore(path));
            return;
        }

        var options = new TokenExportOptions { Format = Format ?? FormatOf(path), Profile = Profile, Identity = Identity };
        var report = new ProgressReport<long>(this, "Exporting tokens", static tokens => ($"{tokens} tokens", -1));
        long written = 0;
        Attempt(path, () =>
        {
            try
            {
                ErrorRecord? error = OutputFile.Write(path, Force, isPrivate: true, file =>
                    written = Passphrase!.Read(passphrase => store.Export(file, passphrase, options, report, _stop.Token)));
                if (error is not null)
                {
                    WriteError(error);
                    return;
                }
            }
            finally
            {
                report.Complete();
            }

            WriteVerbose($"Wrote {written} tokens to '{path}'.");
            WriteObject(new FileInfo(path));
        });
    }

    /// <summary>Ends the export; no file is left then.</summary>
    protected override void StopProcessing() => _stop.Cancel();

    /// <summary>Lets go of what stops it.</summary>
    public void Dispose() => _stop.Dispose();

    /// <summary>The form that a file's name says.</summary>
    internal static TokenTransferFormat FormatOf(string path) =>
        path.EndsWith(".csv", StringComparison.OrdinalIgnoreCase) ? TokenTransferFormat.Csv : TokenTransferFormat.JsonLines;
}
