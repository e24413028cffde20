using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Takes a JSON Web Token apart, for a person or a script to read.</summary>
/// <remarks>
/// <para>This is inspection, not verification: nothing here says that the signature is right, who issued the token or whether it is still good. <see cref="TestTesseraTokenCommand"/> and <see cref="TestTesseraJsonWebTokenCommand"/> verify. No store is needed.</para>
/// <para>The object has the properties that ConvertTo-UDJsonWebToken gave: Claims, Header, Payload, Audiences, Issuer, Subject, ValidFrom and ValidTo, and more. It holds the token itself in RawData, which is a secret while the token is good.</para>
/// </remarks>
/// <example>
/// <code>
/// $token = New-TesseraJsonWebToken -SigningKey 'a secret of at least 32 characters' -Kind JsonWebToken -Claims @{ iss = 'example'; sub = 'Adam'; aud = 'https://api.example' }
/// (ConvertTo-TesseraJsonWebToken $token).Subject
/// </code>
/// <para>Gives the subject that a token names.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Eve -Role Reader
/// New-TesseraSigningKey
/// $grant = Grant-TesseraToken -Identity Eve -Format Jwt -Audience https://api.example
/// ($grant | ConvertTo-TesseraJsonWebToken).Payload
/// </code>
/// <para>Lists the claims of a token that was granted.</para>
/// </example>
/// <seealso cref="TestTesseraJsonWebTokenCommand"/>
/// <seealso cref="TestTesseraTokenCommand"/>
[Cmdlet(VerbsData.ConvertTo, "TesseraJsonWebToken")]
[OutputType(typeof(JsonWebToken))]
public sealed class ConvertToTesseraJsonWebTokenCommand : TesseraCmdlet
{
    /// <summary>The token in compact form, as a string or a SecureString, or an object from <see cref="GrantTesseraTokenCommand"/>: at most 8,192 characters, with nothing before or after it.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SecretText(nameof(Token))]
    public SecretText Token { get; set; } = null!;

    /// <summary>Takes each token apart.</summary>
    protected override void ProcessRecord()
    {
        if (IsUsable(Token, nameof(Token)))
        {
            Attempt(target: null, () => WriteObject(Token.Read(JsonWebToken.Parse)));
        }
    }
}
