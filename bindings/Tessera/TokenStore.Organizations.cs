using Tessera.Native;

namespace Tessera;

public sealed partial class TokenStore
{
    /// <summary>Makes an organisation.</summary>
    /// <param name="name">Its name: 1 to 256 characters, no comma, no control characters, no white space at either end. No
    /// organisation may have it already, in whatever case.</param>
    /// <param name="members">Who belongs to it, at most 10,000. <see langword="null"/>: nobody.</param>
    /// <returns>The organisation.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">There is such an organisation already, an argument is outside its stated
    /// form or limits, or the one who acts is no Administrator.</exception>
    /// <exception cref="NotFoundException">A member is no identity.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public Organization CreateOrganization(string name, IEnumerable<OrganizationMember>? members = null) =>
        Send(
            NativeCalls.OrganizationCreate,
            new OrganizationRequest(OrganizationName(name), Members(members ?? [])),
            Wire.OrganizationRequest,
            Wire.Organization);

    /// <summary>Gives an organisation.</summary>
    /// <param name="name">Its name, compared without regard to case.</param>
    /// <returns>The organisation.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="name"/> is not in the form of a name, or the one who acts
    /// may not read it.</exception>
    /// <exception cref="NotFoundException">There is no such organisation.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public Organization GetOrganization(string name) =>
        Send(NativeCalls.OrganizationGet, new NameRequest(OrganizationName(name)), Wire.NameRequest, Wire.Organization);

    /// <summary>Lists organisations in order of their names.</summary>
    /// <param name="name">Which to list: a name, with <c>*</c> for any characters and <c>?</c> for one, compared
    /// without regard to case. <see langword="null"/>: all.</param>
    /// <returns>The organisations. They are read a page at a time while the list is enumerated.</returns>
    /// <exception cref="InvalidRequestException"><paramref name="name"/> is outside its stated form or limits, or the one
    /// who acts may not read them.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of, now or during the enumeration.</exception>
    public IEnumerable<Organization> GetOrganizations(string? name = null)
    {
        // Here and not in the enumerator, so that bad arguments are refused by the call that was given them.
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        string? pattern = Argument.OptionalText(name, TesseraLimits.NameCharacters);
        return Pages(new OrganizationListRequest(pattern, AfterName: null, TesseraLimits.PageSize));

        IEnumerable<Organization> Pages(OrganizationListRequest next)
        {
            while (true)
            {
                OrganizationListResponse page = Send(
                    NativeCalls.OrganizationList, next, Wire.OrganizationListRequest, Wire.OrganizationListResponse);
                foreach (Organization organization in page.Organizations)
                {
                    yield return organization;
                }

                if (page.Next is null)
                {
                    yield break;
                }

                next = next with { AfterName = page.Next };
            }
        }
    }

    /// <summary>Gives an organisation other members. Tokens follow at once.</summary>
    /// <param name="name">Its name, compared without regard to case.</param>
    /// <param name="members">Who belongs to it from now on, in place of the old, at most 10,000. Of one who is named twice
    /// the last entry counts.</param>
    /// <returns>The organisation after the change.</returns>
    /// <exception cref="ArgumentNullException">An argument is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">An argument is outside its stated form or limits, or the one who acts is
    /// no Administrator.</exception>
    /// <exception cref="NotFoundException">There is no such organisation, or a member is no identity.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public Organization UpdateOrganization(string name, IEnumerable<OrganizationMember> members)
    {
        ArgumentNullException.ThrowIfNull(members);
        return Send(
            NativeCalls.OrganizationUpdate,
            new OrganizationRequest(OrganizationName(name), Members(members)),
            Wire.OrganizationRequest,
            Wire.Organization);
    }

    /// <summary>Removes an organisation, and with it the access that tokens have to it. A token that was granted a list
    /// keeps what is left of the list, be it nothing.</summary>
    /// <param name="name">Its name, compared without regard to case.</param>
    /// <returns>Whether there was such an organisation.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">The one who acts is no Administrator.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public bool RemoveOrganization(string name) =>
        Send(
            NativeCalls.OrganizationRemove, new NameRequest(OrganizationName(name)), Wire.NameRequest, Wire.ChangeResponse)
        .Changed;

    private static string OrganizationName(string name) => Argument.Text(name, TesseraLimits.NameCharacters);

    private static OrganizationMember[] Members(IEnumerable<OrganizationMember> members)
    {
        // Read once, and no further than the limit.
        OrganizationMember[] taken = [.. members.Take(TesseraLimits.OrganizationMembers + 1)];
        if (taken.Length > TesseraLimits.OrganizationMembers)
        {
            throw Argument.Invalid($"'members' may have at most {TesseraLimits.OrganizationMembers} entries.", nameof(members));
        }

        foreach (OrganizationMember member in taken)
        {
            ArgumentNullException.ThrowIfNull(member, nameof(members));
            Argument.Text(member.Identity, TesseraLimits.NameCharacters, nameof(members));
        }

        return taken;
    }
}
