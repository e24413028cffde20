using System.Management.Automation;
using System.Runtime.InteropServices;
using System.Security;

namespace Tessera.PowerShell;

/// <summary>A secret given to a command as a string or a SecureString: a token's value, a password, a signing key.</summary>
/// <remarks>
/// PowerShell repeats a value in the errors of binding it, in traces of that, in module logs and in each error
/// record's bound parameters. It writes this type there instead, which shows <c>***</c>. Whatever is bound becomes
/// one of these, even a value of no use, so that the error about it is the command's own.
/// </remarks>
public sealed class SecretText
{
    private readonly string? _text;
    private readonly SecureString? _secureText;

    private SecretText(string? text, SecureString? secureText, string? refusal)
    {
        _text = text;
        _secureText = secureText;
        Refusal = refusal;
    }

    /// <summary>What reads the characters of a secret. They are cleared when it returns.</summary>
    internal delegate T Reader<T>(ReadOnlySpan<char> characters);

    /// <summary>Why there is nothing to read, as a sentence that does not repeat the value; null where there is.</summary>
    internal string? Refusal { get; }

    /// <summary>Whether it has no characters.</summary>
    internal bool IsEmpty => (_text?.Length ?? _secureText?.Length ?? 0) == 0;

    /// <summary>Shows that there is a secret, and nothing of it.</summary>
    /// <returns><c>***</c></returns>
    public override string ToString() => "***";

    internal static SecretText From(string text) => new(text, null, null);

    internal static SecretText From(SecureString text) => new(null, text, null);

    /// <summary>Stands for a value that is neither text nor secure text.</summary>
    /// <param name="value">The value; only its type is kept.</param>
    internal static SecretText Refuse(object? value) => new(null, null, value switch
    {
        null => "This was $null.",
        System.Collections.ICollection list and not System.Collections.IDictionary => $"This was a list of {list.Count}.",
        PSObject => "This was an object without such a property.",
        _ => $"This was a value of type {value.GetType()}.",
    });

    /// <summary>Lends the characters to a reader. A secure text is decrypted for that long only.</summary>
    /// <typeparam name="T">What the reader gives.</typeparam>
    /// <param name="reader">The reader. It must not keep the characters.</param>
    /// <returns>What <paramref name="reader"/> gave.</returns>
    /// <exception cref="InvalidOperationException">There is nothing to read: see <see cref="Refusal"/>.</exception>
    internal T Read<T>(Reader<T> reader)
    {
        if (_secureText is null)
        {
            return reader(_text ?? throw new InvalidOperationException(Refusal));
        }

        // Pinned, so that the garbage collector leaves no second copy behind when it compacts the heap.
        char[] characters = GC.AllocateUninitializedArray<char>(_secureText.Length, pinned: true);
        nint decrypted = Marshal.SecureStringToGlobalAllocUnicode(_secureText);
        try
        {
            Marshal.Copy(decrypted, characters, 0, characters.Length);
            return reader(characters);
        }
        finally
        {
            Marshal.ZeroFreeGlobalAllocUnicode(decrypted);
            Array.Clear(characters);
        }
    }
}

/// <summary>Makes a <see cref="SecretText"/> of what a parameter was given. It never fails: see there.</summary>
/// <param name="propertyName">The property that holds the secret in another object, such as a row from a CSV file.</param>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SecretTextAttribute(string propertyName) : ArgumentTransformationAttribute
{
    /// <summary>Makes a <see cref="SecretText"/>.</summary>
    /// <param name="engineIntrinsics">Not used.</param>
    /// <param name="inputData">A string, a SecureString, an object of Tessera's that holds a token, or anything else.</param>
    public override object Transform(EngineIntrinsics engineIntrinsics, object? inputData) => Of(inputData, propertyName);

    private static SecretText Of(object? value, string? propertyName) =>
        ArgumentAttribute.Unwrap(value) switch
        {
            SecretText secret => secret,
            string text => SecretText.From(text),
            SecureString text => SecretText.From(text),
            GrantedToken granted => Of(granted.Token, propertyName: null),
            TokenGrant grant => SecretText.From(grant.Value.ToSecureString()),
            TokenValue token => SecretText.From(token.ToSecureString()),
            JsonWebToken token => SecretText.From(token.RawData),
            { } row when propertyName is not null && TryRead(row, propertyName) is { } held => Of(held, propertyName: null),
            var other => SecretText.Refuse(other),
        };

    // A row of a table, or an object of a script's class.
    private static object? TryRead(object row, string propertyName)
    {
        try
        {
            return PSObject.AsPSObject(row).Properties[propertyName]?.Value;
        }
        catch (Exception exception) when (exception is GetValueException or ExtendedTypeSystemException)
        {
            return null;
        }
    }
}
