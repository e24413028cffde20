using System.Diagnostics.CodeAnalysis;
using System.Text;
using Tessera.Native;

namespace Tessera;

public sealed partial class TokenStore
{
    /// <summary>Makes an identity.</summary>
    /// <param name="name">Its name: 1 to 256 characters, no control characters, no white space at either end. No
    /// identity may have it already, in whatever case.</param>
    /// <param name="roles">The names of its roles, at most 64. <see langword="null"/>: none.</param>
    /// <param name="password">A password to recognise it by: 1 to 1,024 bytes of UTF-8. Empty: none. Only a salted
    /// Argon2id hash is kept.</param>
    /// <returns>The identity.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">There is such an identity already, or an argument is outside its
    /// stated form or limits.</exception>
    /// <exception cref="NotFoundException">There is no such role.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public Identity CreateIdentity(string name, IEnumerable<string>? roles = null, ReadOnlySpan<char> password = default) =>
        SendWithPassword(
            NativeCalls.IdentityCreate,
            new IdentityRequest(IdentityName(name), RoleNames(roles), RemovePassword: null),
            password,
            Wire.IdentityRequest,
            Wire.Identity);

    /// <summary>Gives an identity.</summary>
    /// <param name="name">Its name, compared without regard to case.</param>
    /// <returns>The identity.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="name"/> is not in the form of a name.</exception>
    /// <exception cref="NotFoundException">There is no such identity.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public Identity GetIdentity(string name) =>
        Send(NativeCalls.IdentityGet, new NameRequest(IdentityName(name)), Wire.NameRequest, Wire.Identity);

    /// <summary>Gives an identity, where there is one.</summary>
    /// <param name="name">Its name, compared without regard to case.</param>
    /// <param name="identity">The identity, or <see langword="null"/>.</param>
    /// <returns>Whether there is such an identity.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="name"/> is not in the form of a name.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public bool TryGetIdentity(string name, [NotNullWhen(true)] out Identity? identity)
    {
        try
        {
            identity = GetIdentity(name);
            return true;
        }
        catch (NotFoundException)
        {
            identity = null;
            return false;
        }
    }

    /// <summary>Lists identities in order of their names.</summary>
    /// <param name="name">Which to list: a name, with <c>*</c> for any characters and <c>?</c> for one, compared
    /// without regard to case. <see langword="null"/>: all.</param>
    /// <returns>The identities. They are read a page at a time while the list is enumerated.</returns>
    /// <exception cref="InvalidRequestException"><paramref name="name"/> is outside its stated form or
    /// limits.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of, now or during the enumeration.</exception>
    public IEnumerable<Identity> GetIdentities(string? name = null)
    {
        // Here and not in the enumerator, so that bad arguments are refused by the call that was given them.
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        string? pattern = Argument.OptionalText(name, TesseraLimits.NameCharacters);
        return Pages(new IdentityListRequest(pattern, AfterName: null, TesseraLimits.PageSize));

        IEnumerable<Identity> Pages(IdentityListRequest next)
        {
            while (true)
            {
                IdentityListResponse page = Send(
                    NativeCalls.IdentityList, next, Wire.IdentityListRequest, Wire.IdentityListResponse);
                foreach (Identity identity in page.Identities)
                {
                    yield return identity;
                }

                if (page.Next is null)
                {
                    yield break;
                }

                next = next with { AfterName = page.Next };
            }
        }
    }

    /// <summary>Changes an identity's roles or its password. Its tokens follow at once: they may do no more than it
    /// may.</summary>
    /// <param name="name">Its name, compared without regard to case.</param>
    /// <param name="roles">The names of its roles from now on, in place of the old, at most 64; an empty list takes all
    /// away. <see langword="null"/>: as they were.</param>
    /// <param name="password">A new password: 1 to 1,024 bytes of UTF-8. Empty: as it was.</param>
    /// <param name="removePassword">Whether to take its password away; not together with a new one.</param>
    /// <returns>The identity after the change.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">An argument is outside its stated form or limits.</exception>
    /// <exception cref="NotFoundException">There is no such identity or role.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public Identity UpdateIdentity(
        string name,
        IEnumerable<string>? roles = null,
        ReadOnlySpan<char> password = default,
        bool removePassword = false)
    {
        if (removePassword && !password.IsEmpty)
        {
            throw Argument.Invalid("'removePassword' cannot be combined with a new password.", nameof(removePassword));
        }

        return SendWithPassword(
            NativeCalls.IdentityUpdate,
            new IdentityRequest(IdentityName(name), RoleNames(roles), removePassword ? true : null),
            password,
            Wire.IdentityRequest,
            Wire.Identity);
    }

    /// <summary>Removes an identity, and revokes its tokens with it, in one transaction.</summary>
    /// <param name="name">Its name, compared without regard to case.</param>
    /// <returns>Whether there was such an identity, and how many tokens were revoked.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public IdentityRemoval RemoveIdentity(string name)
    {
        RemovalResponse response = Send(
            NativeCalls.IdentityRemove, new NameRequest(IdentityName(name)), Wire.NameRequest, Wire.RemovalResponse);
        return new IdentityRemoval { Removed = response.Changed, RevokedTokens = response.RevokedTokens };
    }

    /// <summary>Checks a password. This takes tens of milliseconds by design, and as long where there is no such
    /// identity or it has no password.</summary>
    /// <param name="name">The identity's name, compared without regard to case.</param>
    /// <param name="password">The password: 1 to 1,024 bytes of UTF-8.</param>
    /// <returns>Whether there is such an identity with that password.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">An argument is outside its stated form or limits.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public bool VerifyPassword(string name, ReadOnlySpan<char> password) =>
        SendWithPassword(
            NativeCalls.IdentityVerify,
            new NameRequest(IdentityName(name)),
            password,
            Wire.NameRequest,
            Wire.PasswordResponse).Verified;

    private static string IdentityName(string name) => Argument.Text(name, TesseraLimits.NameCharacters);

    private static string[]? RoleNames(IEnumerable<string>? roles) =>
        Argument.OptionalTexts(roles, TesseraLimits.Roles, TesseraLimits.NameCharacters);
}
