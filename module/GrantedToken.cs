using System.Security;

namespace Tessera.PowerShell;

/// <summary>A token with its value: one that was just granted, or whose profile keeps values.</summary>
public class GrantedToken
{
    private readonly Token _record;

    internal GrantedToken(TokenGrant grant, bool asPlainText)
        : this(grant.Token, grant.HasValue ? grant.Value : null, asPlainText)
    {
    }

    internal GrantedToken(Token record, TokenValue? value, bool asPlainText)
    {
        _record = record;
        Token = asPlainText ? value?.Reveal() : value?.ToSecureString();
    }

    /// <summary>The public id, by which the token is found and revoked. It may be shown and logged.</summary>
    public string Id => _record.Id;

    /// <summary>What its owner calls it, where it was named.</summary>
    public string? Name => _record.Name;

    /// <summary>The name of the identity that it speaks for.</summary>
    public string Identity => _record.Identity;

    /// <summary>The names of the roles that it was granted, sorted.</summary>
    public IReadOnlyList<string> Roles => _record.Roles;

    /// <summary>The organisations that it has access to, sorted. Null: all that its bound has, now and later.</summary>
    public IReadOnlyList<string>? Organizations => _record.Organizations;

    /// <summary>Its tags, sorted.</summary>
    public IReadOnlyList<string> Tags => _record.Tags;

    /// <summary>Free text, where there is some.</summary>
    public string? Remark => _record.Remark;

    /// <summary>The name of the profile whose rules it follows.</summary>
    public string Profile => _record.Profile;

    /// <summary>The form of its value.</summary>
    public TokenFormat Format => _record.Format;

    /// <summary>The audiences that it is for, where it names any.</summary>
    public IReadOnlyList<string> Audiences => _record.Audiences;

    /// <summary>The id of the key that signed it, where it is a JSON Web Token.</summary>
    public string? KeyId => _record.KeyId;

    /// <summary>When it was granted; UTC.</summary>
    public DateTimeOffset CreatedAt => _record.CreatedAt;

    /// <summary>When its time begins; UTC. Null: at once.</summary>
    public DateTimeOffset? NotBefore => _record.NotBefore;

    /// <summary>The first second at which its time is over; UTC. Null: never.</summary>
    public DateTimeOffset? ExpiresAt => _record.ExpiresAt;

    /// <summary>The value: a <see cref="SecureString"/>, or a string where plain text was asked for. A secret. Null where a repeat of a grant or a rotation finds it in use already, or where a rotation handed it to a vault.</summary>
    public object? Token { get; }

    /// <summary>Names the token by its public id.</summary>
    public override string ToString() => Id;
}
