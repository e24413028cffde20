using System.Management.Automation;
using System.Text;

namespace Tessera.PowerShell;

/// <summary>Gives the public halves of signing keys, with which others verify the store's JSON Web Tokens.</summary>
/// <remarks>
/// <para>Jwks is a JSON Web Key Set (RFC 7517), as web APIs fetch it; Pem is one PEM block for each key. Private halves are never given out, and an HS256 key has no public half. Without -KeyId, revoked keys are left out.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraSigningKey -Algorithm ES256
/// Export-TesseraSigningKey -As Jwks
/// </code>
/// <para>Shows the key set of the store.</para>
/// </example>
/// <example>
/// <code>
/// $key = New-TesseraSigningKey -Algorithm EdDSA
/// Export-TesseraSigningKey $key.KeyId -As Pem -Path ./tokens-public.pem
/// </code>
/// <para>Writes one public key to a file.</para>
/// </example>
/// <seealso cref="GetTesseraSigningKeyCommand"/>
/// <seealso cref="TestTesseraJsonWebTokenCommand"/>
[Cmdlet(VerbsData.Export, "TesseraSigningKey", SupportsShouldProcess = true)]
[OutputType(typeof(string), typeof(FileInfo))]
public sealed class ExportTesseraSigningKeyCommand : StoreCmdlet
{
    /// <summary>The id of the key, or a key from <see cref="GetTesseraSigningKeyCommand"/>. Without it: all active keys that have a public half.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [KeyId]
    [ArgumentCompleter(typeof(KeyIdCompleter))]
    public string? KeyId { get; set; }

    /// <summary>The form: Jwks or Pem.</summary>
    /// <value>Jwks</value>
    [Parameter]
    public SigningKeyExport As { get; set; } = SigningKeyExport.Jwks;

    /// <summary>A file to write, instead of giving the text; the file is given then. A relative path starts from PowerShell's current location; wildcards in it are ordinary characters.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Overwrites the file at -Path where there is one.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Gives or writes the keys.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        Attempt(KeyId, () =>
        {
            string text = store.ExportSigningKeys(As, KeyId);
            if (Path is null)
            {
                WriteObject(text);
            }
            else
            {
                WriteFile(ResolveFilePath(Path), text);
            }
        });
    }

    private void WriteFile(string path, string text)
    {
        if (!ShouldProcess(path, "Write public keys"))
        {
            return;
        }

        try
        {
            using (var file = new FileStream(path, Force ? FileMode.Create : FileMode.CreateNew, FileAccess.Write))
            {
                file.Write(Encoding.UTF8.GetBytes(text.EndsWith('\n') ? text : text + "\n"));
            }

            WriteObject(new FileInfo(path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            WriteError(File.Exists(path) && !Force
                ? Errors.FileExists(path)
                : Errors.FileNotWritten(path, exception));
        }
    }
}
