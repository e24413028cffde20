using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Revokes tokens: from then on every check refuses them.</summary>
/// <remarks>
/// <para>A revocation is on disk before the command ends, and holds in every process that uses the store. It can't be taken back; grant a new token instead, or use <see cref="DisableTesseraTokenCommand"/> for a token that is to come back. What a token granted is revoked with it. The record stays in the list, with the time and the reason; <see cref="RemoveTesseraTokenCommand"/> deletes it.</para>
/// <para>-Identity, -Profile, -KeyId and -All revoke with one row, however many tokens there are, those that were granted so far; tokens granted later are not touched. -Tag and -Organization take a row each.</para>
/// <para>To revoke a token again does nothing and is no error.</para>
/// <para>-WhatIf and the question before it say who would feel it: when a token was last used, how often in seven days, from how many addresses, and how many tokens that it granted would end with it; of several tokens, how many there are.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// $grant = Grant-TesseraToken -Identity Adam -Name laptop
/// Revoke-TesseraToken $grant.Id -Reason 'Laptop lost' -Confirm:$false
/// </code>
/// <para>Revokes a token by its id, without asking.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Eve -Role Reader
/// Grant-TesseraToken -Identity Eve -Tag pilot
/// Revoke-TesseraToken -Tag pilot -Reason 'Pilot over' -Confirm:$false
/// </code>
/// <para>Revokes all tokens with a tag.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// Revoke-TesseraToken -Identity Adam -WhatIf
/// </code>
/// <para>Says how many tokens would end if all of Adam's were revoked.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// $found = (Grant-TesseraToken Adam).Token
/// Revoke-TesseraToken -Token $found -Reason 'Seen in a log' -Confirm:$false
/// </code>
/// <para>Revokes the token whose value turned up where it does not belong.</para>
/// </example>
/// <seealso cref="GetTesseraTokenCommand"/>
/// <seealso cref="DisableTesseraTokenCommand"/>
/// <seealso cref="RemoveTesseraTokenCommand"/>
[Cmdlet(VerbsSecurity.Revoke, "TesseraToken", DefaultParameterSetName = IdSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(void))]
public sealed class RevokeTesseraTokenCommand : StoreCmdlet
{
    private const string IdSet = "Id";
    private const string IdentitySet = "Identity";
    private const string ProfileSet = "Profile";
    private const string KeySet = "KeyId";
    private const string TagSet = "Tag";
    private const string OrganizationSet = "Organization";
    private const string AllSet = "All";
    private const string ValueSet = "Token";

    /// <summary>The public ids of the tokens, or tokens from <see cref="GetTesseraTokenCommand"/> or <see cref="GrantTesseraTokenCommand"/>. Never a token's value.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, ParameterSetName = IdSet)]
    [TokenId]
    [ArgumentCompleter(typeof(TokenIdCompleter))]
    public string[] Id { get; set; } = null!;

    /// <summary>Revokes all tokens that speak for this identity.</summary>
    [Parameter(Mandatory = true, ParameterSetName = IdentitySet)]
    [IdentityName]
    [ArgumentCompleter(typeof(IdentityNameCompleter))]
    public string Identity { get; set; } = null!;

    /// <summary>Revokes all tokens that follow this profile.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ProfileSet)]
    [ProfileName]
    [ArgumentCompleter(typeof(ProfileNameCompleter))]
    public string Profile { get; set; } = null!;

    /// <summary>Revokes all tokens that the key with this id signed. The key itself stays good: see <see cref="RevokeTesseraSigningKeyCommand"/>.</summary>
    [Parameter(Mandatory = true, ParameterSetName = KeySet)]
    [KeyId]
    [ArgumentCompleter(typeof(KeyIdCompleter))]
    public string KeyId { get; set; } = null!;

    /// <summary>Revokes all tokens with this tag, compared exactly.</summary>
    [Parameter(Mandatory = true, ParameterSetName = TagSet)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(TagCompleter))]
    public string Tag { get; set; } = null!;

    /// <summary>Revokes all tokens whose own list of organisations has this one. Those that have access to all organisations of their identity are not among them.</summary>
    [Parameter(Mandatory = true, ParameterSetName = OrganizationSet)]
    [OrganizationName]
    [ArgumentCompleter(typeof(OrganizationNameCompleter))]
    public string Organization { get; set; } = null!;

    /// <summary>Revokes every token of the store.</summary>
    [Parameter(Mandatory = true, ParameterSetName = AllSet)]
    public SwitchParameter All { get; set; }

    /// <summary>Revokes the token that has this value: a string or a SecureString, or an object from <see cref="GrantTesseraTokenCommand"/>. Whoever holds a value may end it.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ValueSet)]
    [SecretText(nameof(Token))]
    public SecretText Token { get; set; } = null!;

    /// <summary>Why, for the record: at most 1,024 characters.</summary>
    [Parameter]
    public string? Reason { get; set; }

    /// <summary>Revokes the tokens.</summary>
    protected override void ProcessRecord()
    {
        switch (ParameterSetName)
        {
            case IdSet:
                RevokeEach();
                break;
            case ValueSet:
                RevokeByValue();
                break;
            case IdentitySet:
                RevokeAll(Identity, $"all tokens of the identity '{Identity}'", new TokenFilter { Identity = Identity }, () => TokenSet.OfIdentity(Identity));
                break;
            case ProfileSet:
                RevokeAll(Profile, $"all tokens of the profile '{Profile}'", new TokenFilter { Profile = Profile }, () => TokenSet.OfProfile(Profile));
                break;
            case KeySet:
                RevokeAll(KeyId, $"all tokens that the key '{KeyId}' signed", new TokenFilter { KeyId = KeyId }, () => TokenSet.OfKey(KeyId));
                break;
            case TagSet:
                RevokeAll(Tag, $"all tokens with the tag '{Tag}'", new TokenFilter { Tag = Tag }, () => TokenSet.WithTag(Tag));
                break;
            case OrganizationSet:
                RevokeAll(Organization, $"all tokens of the organization '{Organization}'", new TokenFilter { Organization = Organization }, () => TokenSet.OfOrganization(Organization));
                break;
            case AllSet when All:
                RevokeAll(target: null, "all tokens of the store", new TokenFilter(), static () => TokenSet.All);
                break;
            default:
                WriteError(Errors.InvalidArgument(nameof(All), "-All:$false names no tokens. Leave it out, and name the tokens otherwise."));
                break;
        }
    }

    private void RevokeEach()
    {
        TokenStore store = CurrentStore;
        foreach (string id in Id)
        {
            if (TryGetToken(store, id) is { } token && ShouldEnd(store, token, "Revoke"))
            {
                Attempt(id, () => WriteVerbose(store.Revoke(id, Text.OrNull(Reason))
                    ? $"Revoked {Text.Describe(token)}."
                    : $"Nothing to do: {Text.Describe(token)} was revoked before."));
            }
        }
    }

    private void RevokeAll(string? target, string description, TokenFilter filter, Func<TokenSet> set)
    {
        TokenStore store = CurrentStore;
        if (ShouldEnd(store, filter, description, "Revoke"))
        {
            Attempt(target, () => WriteVerbose($"Revoked {description}, which were {store.RevokeAll(set(), Text.OrNull(Reason))}."));
        }
    }

    private void RevokeByValue()
    {
        if (!IsUsable(Token, nameof(Token)) || !ShouldProcess("the token that has the given value", "Revoke"))
        {
            return;
        }

        TokenStore store = CurrentStore;
        Attempt(target: null, () =>
        {
            Token? token = null;
            bool isChanged = Token.Read(value => store.RevokeValue(value, out token, Text.OrNull(Reason)));
            if (token is null)
            {
                WriteError(Errors.UnknownValue());
                return;
            }

            WriteVerbose(isChanged
                ? $"Revoked {Text.Describe(token)}."
                : $"Nothing to do: {Text.Describe(token)} was revoked before.");
        });
    }
}
