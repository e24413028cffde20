using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Connects this session to a token store, and creates the store where there is none.</summary>
/// <remarks>
/// <para>A store is one file, an embedded SQLite database, with its key in a second file beside it (path and <c>.key</c>). Tokens are kept as keyed digests only, so neither file alone gives a usable token away. Keep the key file out of backups of the database.</para>
/// <para>The commands of this session work on the store until <see cref="DisconnectTesseraCommand"/>, another <see cref="ConnectTesseraCommand"/>, or the end of the session. Each runspace has its own connection. Several processes may use a store at once; what one revokes, the others refuse from then on.</para>
/// <para>Who connects by the files alone may do everything: whoever can read the store's key is its owner. With -Credential or -Token the commands of the session act as an identity, or as a token, and may do what that one may, found anew at each command. The store must be there already.</para>
/// <para>A command that runs before any <see cref="ConnectTesseraCommand"/> opens the default store: the path in the environment variable TESSERA_STORE or, without it, Tessera/tokens.db in the user's data folder.</para>
/// </remarks>
/// <example>
/// <code>
/// Connect-Tessera ./tokens.db
/// Get-TesseraStore
/// </code>
/// <para>Creates tokens.db and its key in the current location, connects to it and shows what it holds.</para>
/// </example>
/// <example>
/// <code>
/// $staging = Connect-Tessera ./staging.db -Issuer https://staging.example -PassThru
/// Connect-Tessera ./live.db -Issuer https://live.example
/// Get-TesseraToken -Store $staging
/// </code>
/// <para>Works with two stores at once. The one from -PassThru stays open while the session is connected to the other.</para>
/// </example>
/// <example>
/// <code>
/// Connect-Tessera ./tokens.db
/// New-TesseraIdentity Adam -Role Reader -Password 'correct horse battery'
/// $credential = [pscredential]::new('Adam', [System.Net.NetworkCredential]::new('', 'correct horse battery').SecurePassword)
/// Connect-Tessera ./tokens.db -Credential $credential
/// Grant-TesseraToken Adam
/// </code>
/// <para>Acts as Adam, who may grant tokens to himself and see no others. At a prompt use Get-Credential.</para>
/// </example>
/// <seealso cref="DisconnectTesseraCommand"/>
/// <seealso cref="GetTesseraStoreCommand"/>
/// <seealso cref="BackupTesseraStoreCommand"/>
[Cmdlet(VerbsCommunications.Connect, "Tessera", DefaultParameterSetName = OwnerSet, SupportsShouldProcess = true)]
[OutputType(typeof(TokenStore))]
public sealed class ConnectTesseraCommand : TesseraCmdlet
{
    private const string OwnerSet = "Owner";
    private const string CredentialSet = "Credential";
    private const string TokenSet = "Token";

    /// <summary>The path of the store's file. A relative one starts from PowerShell's current location; wildcards in it are ordinary characters. Without it: the default store.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>The name and the password of the identity to act as, from Get-Credential.</summary>
    [Parameter(Mandatory = true, ParameterSetName = CredentialSet)]
    [CredentialObject]
    public PSCredential Credential { get; set; } = null!;

    /// <summary>The value of the token to act as, as a string or a SecureString, or an object from <see cref="GrantTesseraTokenCommand"/>. It is a use of the token. Never leave the parameter's name out: PowerShell's own error repeats what is left over on the command line.</summary>
    [Parameter(Mandatory = true, ParameterSetName = TokenSet)]
    [SecretText(nameof(Token))]
    public SecretText Token { get; set; } = null!;

    /// <summary>The issuer that the store's JSON Web Tokens name: 1 to 256 characters, best a URL of yours. Without it: the one that the store was made with.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Issuer { get; set; }

    /// <summary>Gives the open store as well, for the parameter -Store of the other commands. It then stays open when the session connects to another, until <see cref="DisconnectTesseraCommand"/> -Store.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Connects.</summary>
    protected override void ProcessRecord()
    {
        if (!IsUsable(Token, nameof(Token)))
        {
            return;
        }

        string path = Path is null ? DefaultPath() : ResolveFilePath(Path);
        if (!ShouldProcess(path, MayCreate && !File.Exists(path) ? "Create store and connect" : "Connect to store"))
        {
            return;
        }

        TokenStore store = ParameterSetName == OwnerSet ? Open(path) : SignIn(path);
        Session.Current.Adopt(store, PassThru);
        WriteVerbose($"Connected to the store '{path}' as {store.SignedInIdentity ?? "its owner"}.");
        if (PassThru)
        {
            WriteObject(store);
        }
    }

    // A store that was just made knows nobody who could sign in.
    private bool MayCreate => ParameterSetName == OwnerSet;

    private TokenStore Open(string path)
    {
        try
        {
            return Path is null
                ? DefaultStore.Open(path, MayCreate, Issuer)
                : TokenStore.Open(path, new TokenStoreOptions { CreateIfMissing = MayCreate, Issuer = Issuer });
        }
        catch (TesseraException exception)
        {
            ThrowTerminatingError(Errors.NotOpened(exception, path));
            throw;
        }
    }

    private TokenStore SignIn(string path)
    {
        using TokenStore opened = Open(path);
        try
        {
            return ParameterSetName == TokenSet
                ? Token.Read(opened.SignIn)
                : SecretText.From(Credential.Password).Read(password => opened.SignIn(Credential.UserName, password));
        }
        catch (TesseraException exception)
        {
            ThrowTerminatingError(Errors.From(exception, path));
            throw;
        }
    }
}
