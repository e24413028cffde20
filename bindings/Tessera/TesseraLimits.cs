namespace Tessera;

/// <summary>The limits of every input. What exceeds one is refused before anything is done with it.</summary>
/// <remarks>Characters are Unicode scalar values; bytes are those of UTF-8.</remarks>
public static class TesseraLimits
{
    /// <summary>The most bytes of a token's value. A longer value is <see cref="Outcome.Malformed"/>.</summary>
    public const int TokenValueBytes = 8_192;

    /// <summary>The most characters of a name: of a token, an identity, a role or an audience.</summary>
    public const int NameCharacters = 256;

    /// <summary>The most characters of a remark, or of a reason for a revocation.</summary>
    public const int RemarkCharacters = 1_024;

    /// <summary>The most characters of a tag.</summary>
    public const int TagCharacters = 64;

    /// <summary>The most tags of a token.</summary>
    public const int TagsPerToken = 16;

    /// <summary>The most roles of a token or an identity.</summary>
    public const int Roles = 64;

    /// <summary>The most audiences of a token.</summary>
    public const int Audiences = 16;

    /// <summary>The most organisations in a token's list.</summary>
    public const int OrganizationsPerToken = 64;

    /// <summary>The most members that one call gives an organisation.</summary>
    public const int OrganizationMembers = 10_000;

    /// <summary>The most operations, or endpoints, that a profile denies.</summary>
    public const int ProfileEntries = 64;

    /// <summary>The most characters of a key for repeats of a request.</summary>
    public const int IdempotencyKeyCharacters = 256;

    /// <summary>The most addresses, operations or roles in a list of a token's conditions.</summary>
    public const int ConditionEntries = 64;

    /// <summary>The most methods in a token's conditions.</summary>
    public const int ConditionMethods = 16;

    /// <summary>The most characters of a URI that a token is tied to, or that a request names.</summary>
    public const int UriCharacters = 2_048;

    /// <summary>The most records in a page of results.</summary>
    public const int PageSize = 1_000;

    /// <summary>The most tokens that one call grants.</summary>
    public const int TokensPerGrant = 1_000;

    /// <summary>The most bytes of a password.</summary>
    public const int PasswordBytes = 1_024;

    /// <summary>The most bytes of the passphrase of a file of tokens.</summary>
    public const int PassphraseBytes = 1_024;

    /// <summary>The most bytes of key material given to a call: a secret, a PEM text or a JSON Web Key.</summary>
    public const int KeyMaterialBytes = 16_384;

    /// <summary>The most characters of a path.</summary>
    public const int PathCharacters = 4_096;

    /// <summary>The most paths of a search for leaks.</summary>
    public const int SearchPaths = 1_000;
}
