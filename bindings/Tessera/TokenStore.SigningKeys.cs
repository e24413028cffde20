using Tessera.Native;

namespace Tessera;

public sealed partial class TokenStore
{
    /// <summary>Makes a signing key. From then on it signs the store's JSON Web Tokens that name no other
    /// key.</summary>
    /// <param name="algorithm">The one algorithm that the key is for.</param>
    /// <returns>What is public of the key. Its private half stays in the store, encrypted.</returns>
    /// <exception cref="InvalidRequestException"><paramref name="algorithm"/> is none that Tessera knows.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public SigningKey CreateSigningKey(SigningAlgorithm algorithm = SigningAlgorithm.ES256) =>
        Send(
            NativeCalls.KeyCreate,
            new CreateKeyRequest(Argument.Defined(algorithm)),
            Wire.CreateKeyRequest,
            Wire.SigningKey);

    /// <summary>Gives a profile a signing key that another system has too, so that its tokens are good in both: for the
    /// profiles PowerShellUniversal and UniversalDashboard, and those that are based on them. From then on it signs the
    /// profile's tokens.</summary>
    /// <param name="profile">The name of the profile.</param>
    /// <param name="secret">The other system's key: 1 to 4,096 bytes of UTF-8. The caller clears its own.</param>
    /// <returns>What is public of the key; the one that the profile has already, where that is the same.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="profile"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">An argument is outside its stated form or limits, the profile's tokens are
    /// signed with the store's own keys, or whoever acts is no administrator.</exception>
    /// <exception cref="KeyException"><paramref name="secret"/> is empty.</exception>
    /// <exception cref="NotFoundException">There is no such profile.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public SigningKey ImportSigningKey(string profile, ReadOnlySpan<char> secret)
    {
        using PooledBuffer key = Argument.Encode(secret, TesseraLimits.KeyMaterialBytes, nameof(secret));
        using PooledBuffer json = NativeResponse.Write(
            new ImportKeyRequest(Argument.Text(profile, TesseraLimits.NameCharacters)), Wire.ImportKeyRequest);
        using NativeHandle.Lease lease = Borrow();
        uint code = NativeCalls.KeyImport(lease.Number, json.Span, key.Span, out NativeBuffer response);
        return NativeResponse.Read(code, response, Wire.SigningKey);
    }

    /// <summary>Lists the store's signing keys, the newest last.</summary>
    /// <returns>What is public of each.</returns>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public IReadOnlyList<SigningKey> GetSigningKeys() => Query(NativeCalls.KeyList, Wire.KeyListResponse).Keys;

    /// <summary>Revokes a signing key, for good. What it signed is refused from then on; its record stays.</summary>
    /// <param name="keyId">The key's id.</param>
    /// <param name="reason">Why, for the record: at most 1,024 characters.</param>
    /// <returns>Whether this call revoked it; <see langword="false"/> where it was revoked already.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="keyId"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidRequestException">An argument is outside its stated form or limits.</exception>
    /// <exception cref="NotFoundException">There is no such key.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public bool RevokeSigningKey(string keyId, string? reason = null) =>
        Send(
            NativeCalls.KeyRevoke,
            new RevokeKeyRequest(KeyId(keyId), Argument.OptionalText(reason, TesseraLimits.RemarkCharacters)),
            Wire.RevokeKeyRequest,
            Wire.ChangeResponse).Changed;

    /// <summary>Removes a signing key, and revokes what it signed, in one transaction.</summary>
    /// <param name="keyId">The key's id.</param>
    /// <returns>Whether there was such a key, and how many tokens were revoked.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="keyId"/> is <see langword="null"/>.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public SigningKeyRemoval RemoveSigningKey(string keyId)
    {
        RemovalResponse response = Send(
            NativeCalls.KeyRemove, new KeyIdRequest(KeyId(keyId)), Wire.KeyIdRequest, Wire.RemovalResponse);
        return new SigningKeyRemoval { Removed = response.Changed, RevokedTokens = response.RevokedTokens };
    }

    /// <summary>Gives public keys out, for others to verify the store's JSON Web Tokens with.</summary>
    /// <param name="kind">The form to give them in.</param>
    /// <param name="keyId">The key's id. <see langword="null"/>: all active keys that have a public half.</param>
    /// <returns>The text. It holds no secret.</returns>
    /// <exception cref="InvalidRequestException">The key has no public half: it is for HMAC.</exception>
    /// <exception cref="NotFoundException">There is no such key.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public string ExportSigningKeys(SigningKeyExport kind, string? keyId = null) =>
        Send(
            NativeCalls.KeyExport,
            new ExportKeysRequest(keyId is null ? null : KeyId(keyId), Argument.Defined(kind)),
            Wire.ExportKeysRequest,
            Wire.ExportResponse).Text;

    // Longer than any key id is: whether it is one, the engine says.
    private static string KeyId(string keyId) => Argument.Text(keyId, TesseraLimits.NameCharacters);
}
