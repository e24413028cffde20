using System.Globalization;
using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Finds the values of tokens that lie in files, says whose they are, and revokes those that are live on request.</summary>
/// <remarks>
/// <para>Searches files of any kind, and folders with all that is below them, in several threads. It tells the place, the public id and the state; never the value. Told is every value of a token of the store, whatever its state; every opaque value with the prefix of one of its profiles (State is Unknown where it is not the store's: it may be another store's); and every JSON Web Token that a key of the store signed. Values of other systems are told where a profile says how they begin and their tokens were brought over. To find a token is not to use it: nothing is counted, and no decoy raises its event. The audit log says that there was a search. Only administrators may search.</para>
/// <para>Values are found wherever they stand in a file: in text, UTF-16 included, in URLs and in binary files. Not found are values that are compressed (archives, the objects of a Git repository), encrypted, written in base64 (as in Kubernetes secrets) or folded over several lines. Links below a folder are not followed. Files of an open store are left out.</para>
/// <para>A value that was found stays in its file when its token is revoked. Where the store has no token with that value, Id is empty and StatedId is what the text claims: anyone can write such a text, so never revoke by it.</para>
/// </remarks>
/// <example>
/// <code>
/// $file = [IO.Path]::GetTempFileName()
/// New-TesseraIdentity Adam -Role Reader
/// $grant = Grant-TesseraToken Adam -AsPlainText
/// [IO.File]::WriteAllText($file, "key=$($grant.Token)")
/// Find-TesseraToken $file
/// Find-TesseraToken $file -Revoke -Confirm:$false
/// [IO.File]::Delete($file)
/// </code>
/// <para>Finds a token that was left in a configuration file, and revokes it.</para>
/// </example>
/// <example>
/// <code>
/// Find-TesseraToken . -Depth 0 | Where-Object State -ne Revoked
/// </code>
/// <para>Finds tokens in the files right in the current folder, but for those that are revoked.</para>
/// </example>
/// <seealso cref="RevokeTesseraTokenCommand"/>
/// <seealso cref="GetTesseraTokenCommand"/>
[Cmdlet(VerbsCommon.Find, "TesseraToken", DefaultParameterSetName = PathSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(FoundToken))]
public sealed class FindTesseraTokenCommand : StoreCmdlet, IDisposable
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    private readonly CancellationTokenSource _stopped = new();
    private readonly List<string> _paths = [];
    private readonly Dictionary<string, Token> _decided = new(StringComparer.Ordinal);
    private readonly HashSet<string> _warnedKeys = new(StringComparer.Ordinal);

    /// <summary>Files and folders to search, with wildcards.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>Files and folders to search, with no character in their names taken for a wildcard. Files from Get-ChildItem bind to it.</summary>
    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>How many folders below a path to enter: 0 for the files right in it. Without it, all.</summary>
    [Parameter]
    [ValidateNotNull]
    [ValidateRange(0, int.MaxValue)]
    public int? Depth { get; set; }

    /// <summary>Tells also of values that have nothing to do with the store: opaque ones with a prefix that no profile has, and JSON Web Tokens that none of its keys signed.</summary>
    [Parameter]
    public SwitchParameter IncludeUnknown { get; set; }

    /// <summary>Revokes the tokens that were found and are active, pending or disabled, each once. Decoys are left as they are.</summary>
    [Parameter]
    public SwitchParameter Revoke { get; set; }

    /// <summary>Why the tokens are revoked, for the record: at most 1,024 characters. Without it, the place of the value.</summary>
    [Parameter]
    public string? Reason { get; set; }

    /// <summary>Refuses a reason for nothing.</summary>
    protected override void BeginProcessing()
    {
        if (Reason is not null && !Revoke)
        {
            ThrowTerminatingError(Errors.InvalidArgument(nameof(Reason), "-Reason goes with -Revoke, whose reason it is."));
        }
    }

    /// <summary>Gathers the paths: all are searched at once.</summary>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == LiteralPathSet)
        {
            _paths.AddRange(LiteralPath.Select(ResolveFilePath));
            return;
        }

        foreach (string path in Path)
        {
            ResolveWildcards(path);
        }
    }

    /// <summary>Searches, and writes what is found.</summary>
    protected override void EndProcessing()
    {
        if (_paths.Count == 0)
        {
            return;
        }

        TokenStore store = CurrentStore;
        foreach (string[] paths in _paths.Chunk(TesseraLimits.SearchPaths))
        {
            Attempt(target: null, () => Search(store, paths));
        }
    }

    /// <summary>Ends the search: within a quarter of a second.</summary>
    protected override void StopProcessing() => _stopped.Cancel();

    /// <summary>Frees what the command holds.</summary>
    public void Dispose() => _stopped.Dispose();

    private void Search(TokenStore store, string[] paths)
    {
        var report = new ProgressReport<LeakSearchProgress>(this, "Searching for tokens", static progress =>
            (string.Create(CultureInfo.InvariantCulture, $"{progress.Files} files, {progress.Bytes / 1_000_000} MB read"), -1));
        var search = new LeakSearch
        {
            Paths = paths,
            MaximumDepth = Depth,
            IncludeUnknown = IncludeUnknown,
            NotRead = unread => WriteUnread(store, unread),
            Progress = report,
        };
        try
        {
            foreach (LeakedToken leak in store.FindLeaks(search, _stopped.Token))
            {
                WriteObject(new FoundToken(Revoke ? TryRevoke(store, leak) : leak));
            }
        }
        finally
        {
            report.Complete();
        }

        WriteVerbose(string.Create(CultureInfo.InvariantCulture, $"Read {report.Last.Files} files with {report.Last.Bytes} bytes."));
    }

    /// <summary>Revokes the token of a leak where it is live and the user agrees.</summary>
    /// <returns>The leak, with the token as it is now.</returns>
    private LeakedToken TryRevoke(TokenStore store, LeakedToken leak)
    {
        if (leak.Token is not { } token)
        {
            WarnOfKey(store, leak);
            return leak;
        }

        // One token may lie in many places: asked for once, it has one answer.
        if (!_decided.TryGetValue(token.Id, out Token? decided))
        {
            decided = token;
            string place = new FoundToken(leak).Place;
            if (leak.IsLive && ShouldEnd(store, token, "Revoke", $" in {place}"))
            {
                Attempt(token.Id, () =>
                {
                    store.Revoke(token.Id, Text.OrNull(Reason) ?? Truncated($"Found in {place}"));
                    decided = store.GetToken(token.Id);
                });
            }

            _decided.Add(token.Id, decided);
        }

        return leak with { Token = decided };
    }

    /// <summary>Says how to end a JSON Web Token that was made by hand, once for each key.</summary>
    private void WarnOfKey(TokenStore store, LeakedToken leak)
    {
        // One that states a token's id was granted, and with its record gone every check refuses it.
        if (leak is { KeyId: { } keyId, StatedId: null } && _warnedKeys.Add(keyId)
            && store.GetSigningKeys().Any(key => key.KeyId == keyId && key.State == SigningKeyState.Active))
        {
            WriteWarning($"A JSON Web Token that was made by hand with the key '{keyId}' lies in {new FoundToken(leak).Place}. No record of it is kept, so it can't be revoked by itself: where it has not expired, Revoke-TesseraSigningKey '{keyId}' ends it with everything else that the key signed.");
        }
    }

    private void ResolveWildcards(string path)
    {
        // Brackets are wildcards here too, as everywhere in PowerShell.
        if (!WildcardPattern.ContainsWildcardCharacters(path))
        {
            _paths.Add(ResolveFilePath(path));
            return;
        }

        try
        {
            IEnumerable<string> found = SessionState.Path.GetResolvedProviderPathFromPSPath(path, out ProviderInfo provider);
            if (provider.ImplementingType != typeof(Microsoft.PowerShell.Commands.FileSystemProvider))
            {
                WriteError(Errors.NotAFilePath(path, provider.Name));
                return;
            }

            int before = _paths.Count;
            _paths.AddRange(found);
            if (_paths.Count == before)
            {
                WriteError(Errors.FileNotRead(path, UnreadReason.NotFound, "No file or folder has a name that matches."));
            }
        }
        catch (Exception exception) when (exception is SessionStateException or ProviderInvocationException or PSInvalidOperationException)
        {
            WriteError(Errors.UnresolvedPath(path, exception));
        }
    }

    private void WriteUnread(TokenStore store, UnreadFile unread)
    {
        // The store's own files are never read, and hold no value.
        if (unread.Reason == UnreadReason.InUse && unread.Path.StartsWith(store.Path, StringComparison.Ordinal))
        {
            WriteVerbose($"Left out '{unread.Path}', a file of the open store.");
            return;
        }

        WriteError(Errors.FileNotRead(unread.Path, unread.Reason, unread.Message));
    }

    /// <summary>A reason within its limit. A character may have two units, and is not cut in half.</summary>
    private static string Truncated(string reason)
    {
        if (reason.Length <= TesseraLimits.RemarkCharacters)
        {
            return reason;
        }

        // The end says most: the name of the file, and the line.
        int start = reason.Length - TesseraLimits.RemarkCharacters;
        return reason[(char.IsLowSurrogate(reason[start]) ? start + 1 : start)..];
    }
}
