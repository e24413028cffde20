using Tessera.Native;

namespace Tessera;

public sealed partial class TokenStore
{
    /// <summary>Lists the profiles of the store: the built-in ones first, then in the order of their making.</summary>
    /// <returns>The profiles.</returns>
    /// <exception cref="InvalidRequestException">The one who acts may not read them.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public IReadOnlyList<Profile> GetProfiles() => Query(NativeCalls.ProfileList, Wire.ProfileListResponse).Profiles;

    /// <summary>Gives a profile.</summary>
    /// <param name="name">Its name, compared without regard to case.</param>
    /// <returns>The profile.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException"><paramref name="name"/> is not in the form of a name, or the one who acts
    /// may not read it.</exception>
    /// <exception cref="NotFoundException">There is no such profile.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public Profile GetProfile(string name) =>
        Send(NativeCalls.ProfileGet, new NameRequest(ProfileName(name)), Wire.NameRequest, Wire.Profile);

    /// <summary>Makes a profile.</summary>
    /// <param name="name">Its name: 1 to 256 characters, no control characters, no white space at either end. No profile
    /// may have it already, in whatever case.</param>
    /// <param name="settings">Its rules: best those of another profile, changed.</param>
    /// <returns>The profile, with its settings in their normal form.</returns>
    /// <exception cref="ArgumentNullException">An argument is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">There is such a profile already, a setting is outside its limits, settings
    /// contradict each other, or the one who acts is no Administrator.</exception>
    /// <exception cref="NotFoundException">A setting names a role that does not exist.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public Profile CreateProfile(string name, ProfileSettings settings) => SendProfile(NativeCalls.ProfileCreate, name, settings);

    /// <summary>Gives a profile other rules. Its tokens follow them from their next check on.</summary>
    /// <param name="name">Its name, compared without regard to case.</param>
    /// <param name="settings">Its rules from now on, in place of all the old.</param>
    /// <returns>The profile after the change, with its settings in their normal form.</returns>
    /// <exception cref="ArgumentNullException">An argument is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">The profile is built in, a setting is outside its limits, settings
    /// contradict each other, or the one who acts is no Administrator.</exception>
    /// <exception cref="NotFoundException">There is no such profile, or a setting names a role that does not
    /// exist.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public Profile UpdateProfile(string name, ProfileSettings settings) => SendProfile(NativeCalls.ProfileUpdate, name, settings);

    /// <summary>Removes a profile that no token and no signing key follows.</summary>
    /// <param name="name">Its name, compared without regard to case.</param>
    /// <returns>Whether there was such a profile.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">The profile is built in, tokens or keys still follow it
    /// (<see cref="ErrorCode.Conflict"/>), or the one who acts is no Administrator.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public bool RemoveProfile(string name) =>
        Send(NativeCalls.ProfileRemove, new NameRequest(ProfileName(name)), Wire.NameRequest, Wire.ChangeResponse).Changed;

    private static string ProfileName(string name) => Argument.Text(name, TesseraLimits.NameCharacters);

    private Profile SendProfile(StoreRequest call, string name, ProfileSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return Send(
            call, new ProfileRequest(ProfileName(name), Argument.Settings(settings)), Wire.ProfileRequest, Wire.Profile);
    }
}
