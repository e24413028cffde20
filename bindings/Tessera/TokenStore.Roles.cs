using Tessera.Native;

namespace Tessera;

public sealed partial class TokenStore
{
    /// <summary>Lists the roles that the store knows.</summary>
    /// <returns>The roles, in the order of their making.</returns>
    /// <exception cref="InvalidRequestException">The one who acts may not read them.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public IReadOnlyList<Role> GetRoles() => Query(NativeCalls.RoleList, Wire.RoleListResponse).Roles;

    /// <summary>Makes a role, which brings the rights of those that it includes.</summary>
    /// <param name="name">Its name: 1 to 256 characters, no comma, no control characters, no white space at either end. No
    /// role may have it already, in whatever case.</param>
    /// <param name="includes">The names of the roles that it includes, at most 64. <see langword="null"/>: none.</param>
    /// <returns>The role.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">There is such a role already, an argument is outside its stated form or
    /// limits, or the one who acts is no Administrator.</exception>
    /// <exception cref="NotFoundException">There is no such role to include.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public Role CreateRole(string name, IEnumerable<string>? includes = null) =>
        Send(
            NativeCalls.RoleCreate,
            new RoleRequest(RoleName(name), RoleNames(includes)),
            Wire.RoleRequest,
            Wire.Role);

    /// <summary>Gives a role other inclusions. Identities and tokens that have it follow at once.</summary>
    /// <param name="name">Its name, compared without regard to case.</param>
    /// <param name="includes">The names of the roles that it includes from now on, in place of the old, at most 64.</param>
    /// <returns>The role after the change.</returns>
    /// <exception cref="ArgumentNullException">An argument is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">The role is built in, it would come to include itself, an argument is
    /// outside its stated form or limits, or the one who acts is no Administrator.</exception>
    /// <exception cref="NotFoundException">There is no such role.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public Role UpdateRole(string name, IEnumerable<string> includes)
    {
        ArgumentNullException.ThrowIfNull(includes);
        return Send(
            NativeCalls.RoleUpdate,
            new RoleRequest(RoleName(name), RoleNames(includes)),
            Wire.RoleRequest,
            Wire.Role);
    }

    /// <summary>Removes a role, from every identity, token and role that has it.</summary>
    /// <param name="name">Its name, compared without regard to case.</param>
    /// <returns>Whether there was such a role.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">The role is built in, or the one who acts is no
    /// Administrator.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public bool RemoveRole(string name) =>
        Send(NativeCalls.RoleRemove, new NameRequest(RoleName(name)), Wire.NameRequest, Wire.ChangeResponse).Changed;

    private static string RoleName(string name) => Argument.Text(name, TesseraLimits.NameCharacters);
}
