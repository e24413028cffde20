using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>A cmdlet that works on a store: the one it is given, or the session's.</summary>
public abstract class StoreCmdlet : TesseraCmdlet
{
    /// <summary>The store to work on, from <see cref="ConnectTesseraCommand"/> -PassThru. Without it: the store that this session is connected to, or else the default store, which is opened at first use.</summary>
    [Parameter]
    [ValidateNotNull]
    [OpenStore]
    public TokenStore? Store { get; set; }

    /// <summary>The store to work on. Opens the default store where the session has none; a failure to do so ends the command.</summary>
    /// <remarks>Ask for it after ShouldProcess wherever nothing needs to be read before: -WhatIf must not even create a store.</remarks>
    private protected TokenStore CurrentStore => Store ?? Session.Current.Store ?? OpenDefaultStore();

    /// <summary>Says whether a path leads to a file of the store that is worked on, or of the session's.</summary>
    private protected static bool IsOfStore(TokenStore store, string path) =>
        OutputFile.IsOf(store, path) || (Session.Current.Store is { } current && OutputFile.IsOf(current, path));

    /// <summary>Reads the token that the user named, and writes an error where there is none.</summary>
    /// <param name="store">The store to look in.</param>
    /// <param name="id">What the user gave as an id.</param>
    /// <returns>The token, or null after an error.</returns>
    private protected Token? TryGetToken(TokenStore store, string? id)
    {
        if (id is null || !TokenIdAttribute.IsTokenId(id))
        {
            WriteError(Errors.NotATokenId(id?.Length ?? 0));
            return null;
        }

        Token? token = null;
        Attempt(id, () => token = store.GetToken(id));
        return token;
    }

    /// <summary>Asks whether to go on with what ends a token or switches it off, and says who would feel it.</summary>
    /// <param name="store">The token's store.</param>
    /// <param name="token">The token.</param>
    /// <param name="action">What would be done to it.</param>
    /// <param name="place">Where it was found, to go behind its name.</param>
    /// <param name="endsChildren">Whether the tokens that it granted end with it.</param>
    private protected bool ShouldEnd(TokenStore store, Token token, string action, string place = "", bool endsChildren = true)
    {
        string target = Text.Describe(token) + place;
        if (MayAsk)
        {
            try
            {
                target = $"{target}, {Text.Describe(store.GetImpact(token.Id), endsChildren)}";
            }
            catch (TesseraException)
            {
                // It only adds to the question. What is wrong shows in what is done next.
            }
        }

        return ShouldProcess(target, action);
    }

    /// <summary>As above, for all tokens of a set: says how many there are.</summary>
    /// <param name="store">The tokens' store.</param>
    /// <param name="filter">Which tokens.</param>
    /// <param name="target">What they are called.</param>
    /// <param name="action">What would be done to them.</param>
    private protected bool ShouldEnd(TokenStore store, TokenFilter filter, string target, string action)
    {
        if (MayAsk)
        {
            try
            {
                int count = store.GetTokens(filter).TakeWhile(_ => !Stopping).Count(token => token.State != TokenState.Revoked);
                target = $"{target}, not revoked so far: {count}";
            }
            catch (Exception exception) when (exception is TesseraException or ObjectDisposedException)
            {
                // As above.
            }
        }

        return ShouldProcess(target, action);
    }

    /// <summary>Reads the signing key that the user named, and writes an error where there is none.</summary>
    /// <param name="store">The store to look in.</param>
    /// <param name="keyId">What the user gave as an id.</param>
    /// <returns>The key, or null after an error.</returns>
    private protected SigningKey? TryGetSigningKey(TokenStore store, string? keyId)
    {
        SigningKey? key = null;
        Attempt(keyId, () =>
        {
            key = store.GetSigningKeys().FirstOrDefault(candidate => candidate.KeyId == keyId);
            if (key is null)
            {
                WriteError(Errors.NotFound("signing key", keyId ?? string.Empty, "keyId"));
            }
        });
        return key;
    }

    /// <summary>Reads the role that the user named, and writes an error where there is none.</summary>
    /// <param name="store">The store to look in.</param>
    /// <param name="name">What the user gave as a name, in any case.</param>
    /// <returns>The role, or null after an error.</returns>
    private protected Role? TryGetRole(TokenStore store, string name)
    {
        Role? role = null;
        Attempt(name, () =>
        {
            role = store.GetRoles().FirstOrDefault(candidate => string.Equals(candidate.Name, name.Normalize(), StringComparison.OrdinalIgnoreCase));
            if (role is null)
            {
                WriteError(Errors.NotFound("role", name, "role"));
            }
        });
        return role;
    }

    private TokenStore OpenDefaultStore()
    {
        string path = DefaultPath();
        try
        {
            TokenStore store = DefaultStore.Open(path, createIfMissing: !IsRehearsal);
            Session.Current.Adopt(store, isHandedOut: false);
            WriteVerbose($"Opened the default store '{path}'.");
            return store;
        }
        catch (TesseraException exception)
        {
            ThrowTerminatingError(Errors.NotOpened(exception, path));
            throw;
        }
    }

    /// <summary>Whether the user may be told what would be done: not under -Confirm:$false, which a script gives that does much.</summary>
    private bool MayAsk =>
        IsRehearsal || !MyInvocation.BoundParameters.TryGetValue("Confirm", out object? confirm) || LanguagePrimitives.IsTrue(confirm);

    /// <summary>Whether the user may be asked before each change, by -Confirm or by preference.</summary>
    private protected bool MayAskForConfirmation =>
        MyInvocation.BoundParameters.TryGetValue("Confirm", out object? confirm)
            ? LanguagePrimitives.IsTrue(confirm)
            : LanguagePrimitives.TryConvertTo(SessionState.PSVariable.GetValue("ConfirmPreference"), out ConfirmImpact preference)
                && preference is (ConfirmImpact.Low or ConfirmImpact.Medium);

    /// <summary>Whether the command runs under -WhatIf, its own or inherited.</summary>
    private bool IsRehearsal =>
        LanguagePrimitives.IsTrue(
            MyInvocation.BoundParameters.TryGetValue("WhatIf", out object? own)
                ? own
                : SessionState.PSVariable.GetValue("WhatIfPreference"));
}
