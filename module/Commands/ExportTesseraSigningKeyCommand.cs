using System.Buffers;
using System.Management.Automation;
using System.Text;
using System.Text.Json;

namespace Tessera.PowerShell;

/// <summary>Gives the public halves of signing keys, with which others verify the store's JSON Web Tokens.</summary>
/// <remarks>
/// <para>Jwks is a JSON Web Key Set (RFC 7517), as web APIs fetch it; Pem is one PEM block for each key. Private halves are never given out, and an HS256 key has no public half. Without -KeyId, revoked keys are left out; to name one is an error.</para>
/// <para>However many keys are named, they make one text, or one file. A file takes its place as a whole. The files of the open store are never overwritten.</para>
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
/// <example>
/// <code>
/// $null = New-TesseraSigningKey -Algorithm ES256
/// $null = New-TesseraSigningKey -Algorithm EdDSA
/// Get-TesseraSigningKey | Export-TesseraSigningKey -Path ./jwks.json
/// </code>
/// <para>Writes several public keys to one file.</para>
/// </example>
/// <seealso cref="GetTesseraSigningKeyCommand"/>
/// <seealso cref="TestTesseraJsonWebTokenCommand"/>
[Cmdlet(VerbsData.Export, "TesseraSigningKey", SupportsShouldProcess = true)]
[OutputType(typeof(string), typeof(FileInfo))]
public sealed class ExportTesseraSigningKeyCommand : StoreCmdlet
{
    private readonly List<string> _keyIds = [];
    private bool _isNamed;

    /// <summary>The ids of the keys, or keys from <see cref="GetTesseraSigningKeyCommand"/>. Without it: all active keys that have a public half.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [KeyId]
    [ArgumentCompleter(typeof(KeyIdCompleter))]
    public string[]? KeyId { get; set; }

    /// <summary>The form: Jwks or Pem.</summary>
    /// <value>Jwks</value>
    [Parameter]
    [Choice<SigningKeyExport>]
    public SigningKeyExport As { get; set; } = SigningKeyExport.Jwks;

    /// <summary>A file to write, instead of giving the text; the file is given then. A relative path starts from PowerShell's current location; wildcards in it are ordinary characters.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Overwrites the file at -Path where there is one.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Notes whether keys are named, be it by a pipeline that brings none.</summary>
    protected override void BeginProcessing() => _isNamed = KeyId is not null || MyInvocation.ExpectingInput;

    /// <summary>Collects the keys.</summary>
    protected override void ProcessRecord() => _keyIds.AddRange(KeyId ?? []);

    /// <summary>Gives or writes the keys.</summary>
    protected override void EndProcessing()
    {
        TokenStore store = CurrentStore;
        if (!_isNamed)
        {
            Attempt(target: null, () => Give(store, store.ExportSigningKeys(As)));
            return;
        }

        List<string> texts = [];
        foreach (string keyId in _keyIds.Distinct())
        {
            if (TryGetSigningKey(store, keyId) is not { } key)
            {
                continue;
            }

            if (key.State == SigningKeyState.Revoked)
            {
                WriteError(Errors.KeyIsRevoked(keyId));
                continue;
            }

            Attempt(keyId, () => texts.Add(store.ExportSigningKeys(As, keyId)));
        }

        if (texts.Count > 0)
        {
            Attempt(target: null, () => Give(store, Combine(texts)));
        }
    }

    private string Combine(List<string> texts) =>
        texts.Count == 1 ? texts[0]
        : As == SigningKeyExport.Pem ? string.Concat(texts.Select(static text => text.TrimEnd('\n') + "\n"))
        : CombineKeySets(texts);

    private static string CombineKeySets(List<string> keySets)
    {
        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("keys");
            foreach (string keySet in keySets)
            {
                using JsonDocument document = JsonDocument.Parse(keySet);
                foreach (JsonElement key in document.RootElement.GetProperty("keys").EnumerateArray())
                {
                    key.WriteTo(writer);
                }
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(json.WrittenSpan);
    }

    private void Give(TokenStore store, string text)
    {
        if (Path is null)
        {
            WriteObject(text);
            return;
        }

        string path = System.IO.Path.GetFullPath(ResolveFilePath(Path));
        if (IsOfStore(store, path))
        {
            WriteError(Errors.FileOfStore(path));
        }
        else if (ShouldProcess(path, "Write public keys"))
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text.EndsWith('\n') ? text : text + "\n");
            if (OutputFile.Write(path, Force, isPrivate: false, file => file.Write(bytes)) is { } error)
            {
                WriteError(error);
            }
            else
            {
                WriteObject(new FileInfo(path));
            }
        }
    }
}
