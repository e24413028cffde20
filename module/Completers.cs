using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace Tessera.PowerShell;

/// <summary>Offers what is in the store that the command would work on.</summary>
/// <remarks>
/// Completion never creates a store, connects to none but the default one where it exists, and never fails: where
/// the store cannot be read there is nothing to offer.
/// </remarks>
public abstract class StoreCompleter : IArgumentCompleter
{
    /// <summary>How many completions are offered at most: what a person can still look through.</summary>
    private const int MaximumCount = 100;

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        string word = (wordToComplete ?? string.Empty).Trim('\'', '"');
        try
        {
            // A list, not a query: the store may only fail in here.
            return FindStore(fakeBoundParameters) is { } store
                ? [.. Complete(store, word).Take(MaximumCount)]
                : [];
        }
        catch (Exception exception) when (exception is TesseraException or ObjectDisposedException)
        {
            return [];
        }
    }

    /// <summary>Finds what begins with a word.</summary>
    /// <param name="store">The store to look in.</param>
    /// <param name="word">What was typed so far, without quotes; perhaps empty.</param>
    private protected abstract IEnumerable<CompletionResult> Complete(TokenStore store, string word);

    /// <summary>Whether a name begins with what was typed so far.</summary>
    private protected static bool Matches(string? name, string word) =>
        name?.StartsWith(word, StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>Makes a completion, quoted where PowerShell would not read the text as one word.</summary>
    private protected static CompletionResult Result(string text, string toolTip)
    {
        bool isWord = char.IsAsciiLetterOrDigit(text[0])
            && text.All(static character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.');
        string completion = isWord ? text : $"'{CodeGeneration.EscapeSingleQuotedStringContent(text)}'";
        return new CompletionResult(completion, text, CompletionResultType.ParameterValue, toolTip);
    }

    private static TokenStore? FindStore(IDictionary? boundParameters)
    {
        object? given = boundParameters?[nameof(StoreCmdlet.Store)];
        if ((given is PSObject wrapped ? wrapped.BaseObject : given) is TokenStore bound)
        {
            return bound;
        }

        if (Session.Current.Store is { } current)
        {
            return current;
        }

        if (!DefaultStore.TryFindExisting(out string? path))
        {
            return null;
        }

        TokenStore store = DefaultStore.Open(path, createIfMissing: false);
        Session.Current.Adopt(store, isHandedOut: false);
        return store;
    }
}

/// <summary>Completes names of identities.</summary>
public sealed class IdentityNameCompleter : StoreCompleter
{
    private protected override IEnumerable<CompletionResult> Complete(TokenStore store, string word) =>
        store.GetIdentities()
            .Where(identity => Matches(identity.Name, word))
            .Select(static identity => Result(identity.Name, $"{identity.Name}: {Text.List(identity.Roles)}"));
}

/// <summary>Completes names of roles.</summary>
public sealed class RoleNameCompleter : StoreCompleter
{
    private protected override IEnumerable<CompletionResult> Complete(TokenStore store, string word) =>
        store.GetRoles()
            .Where(role => Matches(role.Name, word))
            .Select(static role => Result(
                role.Name, role.Includes.Count == 0 ? role.Name : $"{role.Name}: includes {Text.List(role.Includes)}"));
}

/// <summary>Completes names of profiles.</summary>
public sealed class ProfileNameCompleter : StoreCompleter
{
    private protected override IEnumerable<CompletionResult> Complete(TokenStore store, string word) =>
        store.GetProfiles()
            .Where(profile => Matches(profile.Name, word))
            .Select(static profile => Result(
                profile.Name, $"{profile.Name}: {profile.Settings.Format}, lifetime {Text.Lifetime(profile.Settings.DefaultLifetime)}"));
}

/// <summary>Completes names of organisations.</summary>
public sealed class OrganizationNameCompleter : StoreCompleter
{
    private protected override IEnumerable<CompletionResult> Complete(TokenStore store, string word) =>
        store.GetOrganizations()
            .Where(organization => Matches(organization.Name, word))
            .Select(static organization => Result(
                organization.Name, $"{organization.Name}: {Text.List([.. organization.Members.Select(static member => member.Identity)])}"));
}

/// <summary>Completes names of operations: Tessera's own, and those that the store's profiles deny.</summary>
public sealed class OperationCompleter : StoreCompleter
{
    private static readonly string[] Own =
    [
        "audit.check", "audit.read",
        "identity.create", "identity.read", "identity.remove", "identity.update",
        "jwt.mint",
        "key.create", "key.import", "key.read", "key.remove", "key.revoke",
        "organization.create", "organization.read", "organization.remove", "organization.update",
        "profile.create", "profile.read", "profile.remove", "profile.update",
        "role.create", "role.read", "role.remove", "role.update",
        "session.create",
        "store.backup", "store.check", "store.optimize", "store.read", "store.restore",
        "token.disable", "token.enable", "token.export", "token.find", "token.grant", "token.import", "token.read",
        "token.remove", "token.revoke", "token.rotate", "token.update",
    ];

    private protected override IEnumerable<CompletionResult> Complete(TokenStore store, string word) =>
        store.GetProfiles()
            .SelectMany(static profile => profile.Settings.DeniedOperations)
            .Concat(Own)
            .Distinct(StringComparer.Ordinal)
            .Where(operation => Matches(operation, word))
            .Order(StringComparer.Ordinal)
            .Select(static operation => Result(operation, operation));
}

/// <summary>Completes ids of tokens: from the beginning of the id or of the token's name.</summary>
public sealed class TokenIdCompleter : StoreCompleter
{
    // Bounds the wait for an answer in a large store.
    private const int MaximumTokensRead = 10_000;

    private protected override IEnumerable<CompletionResult> Complete(TokenStore store, string word) =>
        store.GetTokens()
            .Take(MaximumTokensRead)
            .Where(token => token.Id.StartsWith(word, StringComparison.Ordinal) || Matches(token.Name, word))
            .Select(static token => Result(
                token.Id, $"{token.Name ?? "(no name)"}: {token.Identity}, {token.State}, {Text.Expiry(token.ExpiresAt)}"));
}

/// <summary>Completes tags: those of the first tokens.</summary>
public sealed class TagCompleter : StoreCompleter
{
    // As above.
    private const int MaximumTokensRead = 10_000;

    private protected override IEnumerable<CompletionResult> Complete(TokenStore store, string word) =>
        store.GetTokens()
            .Take(MaximumTokensRead)
            .SelectMany(static token => token.Tags)
            .Distinct(StringComparer.Ordinal)
            .Where(tag => Matches(tag, word))
            .Order(StringComparer.Ordinal)
            .Select(static tag => Result(tag, tag));
}

/// <summary>Completes ids of signing keys.</summary>
public sealed class KeyIdCompleter : StoreCompleter
{
    private protected override IEnumerable<CompletionResult> Complete(TokenStore store, string word) =>
        store.GetSigningKeys()
            .Where(key => key.KeyId.StartsWith(word, StringComparison.Ordinal))
            .Select(static key => Result(key.KeyId, $"{key.Algorithm}, {key.State}, since {Text.Day(key.CreatedAt)}"));
}

/// <summary>Completes names of audit events: those among the newest of the log.</summary>
public sealed class AuditEventNameCompleter : StoreCompleter
{
    // Bounds the wait for an answer in a large log.
    private const int MaximumEventsRead = 10_000;

    private protected override IEnumerable<CompletionResult> Complete(TokenStore store, string word) =>
        store.GetAuditEvents(new AuditEventFilter { NewestFirst = true })
            .Take(MaximumEventsRead)
            .Select(static found => found.Event)
            .Distinct(StringComparer.Ordinal)
            .Where(name => Matches(name, word))
            .Order(StringComparer.Ordinal)
            .Select(static name => Result(name, name));
}

/// <summary>Completes how what an audit event tells of ended.</summary>
public sealed class AuditOutcomeCompleter : IArgumentCompleter
{
    private static readonly string[] Names =
    [
        "Success",
        .. Enum.GetNames<Outcome>().Where(static name => name != nameof(Outcome.Valid)),
        nameof(ErrorCode.NotPermitted),
    ];

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters) =>
        Names.Where(name => name.StartsWith(wordToComplete, StringComparison.OrdinalIgnoreCase))
            .Select(static name => new CompletionResult(name));
}
