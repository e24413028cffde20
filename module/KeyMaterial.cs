namespace Tessera.PowerShell;

/// <summary>Reads a signing key that a user gave as text.</summary>
internal static class KeyMaterial
{
    private const string PemBeginning = "-----BEGIN";

    /// <summary>Reads a key.</summary>
    /// <param name="text">Its text.</param>
    /// <param name="kind">What the text is; null: told by how it begins.</param>
    /// <returns>The key, which the caller disposes of.</returns>
    /// <exception cref="InvalidRequestException">The text is empty or too long.</exception>
    public static JsonWebKeyMaterial Read(SecretText text, JsonWebKeyKind? kind) =>
        text.Read(characters => (kind ?? KindOf(characters)) switch
        {
            JsonWebKeyKind.Pem => JsonWebKeyMaterial.FromPem(characters),
            JsonWebKeyKind.Jwk => JsonWebKeyMaterial.FromJwk(characters),
            _ => JsonWebKeyMaterial.FromSecretText(characters),
        });

    private static JsonWebKeyKind KindOf(ReadOnlySpan<char> text)
    {
        ReadOnlySpan<char> beginning = text.TrimStart();
        return beginning.StartsWith(PemBeginning, StringComparison.Ordinal) ? JsonWebKeyKind.Pem
            : beginning.StartsWith('{') ? JsonWebKeyKind.Jwk
            : JsonWebKeyKind.Secret;
    }
}
