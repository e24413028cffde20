using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Numerics;

namespace Tessera.PowerShell;

/// <summary>Reads one argument, or refuses it without repeating it.</summary>
/// <remarks>
/// PowerShell's own conversions go by the current culture, in which 2025-01-01 may be a day of another year, and their
/// errors repeat what they can't convert: perhaps a secret that took the wrong place.
/// </remarks>
[AttributeUsage(AttributeTargets.Property)]
internal abstract class ArgumentAttribute : ArgumentTransformationAttribute
{
    /// <summary>What is taken, as the end of a sentence.</summary>
    private protected abstract string Expected { get; }

    /// <summary>Reads an argument. Leaves $null to the parameter's validation.</summary>
    /// <param name="engineIntrinsics">Not used.</param>
    /// <param name="inputData">What was given.</param>
    public sealed override object? Transform(EngineIntrinsics engineIntrinsics, object? inputData)
    {
        object? value = Unwrap(inputData);
        return value is null ? null : Read(value) ?? throw new ArgumentTransformationMetadataException(Refusal(value));
    }

    /// <summary>Says what was expected instead of a value.</summary>
    private protected string Refusal(object value) =>
        $"Expected {Expected}. What was given, of type {value.GetType()}, is none, and is not repeated here as it may be a secret.";

    /// <summary>The value as the parameter takes it; null where it is to be refused.</summary>
    private protected abstract object? Read(object value);

    /// <summary>A value without the engine's wrapping.</summary>
    internal static object? Unwrap(object? value) =>
        value is PSObject { BaseObject: not PSCustomObject } wrapped ? wrapped.BaseObject : value;

    /// <summary>Whether a value is a number, which stands for its text where a name belongs.</summary>
    internal static bool IsNumber(object value) =>
        value is byte or sbyte or short or ushort or int or uint or long or ulong or float or double or decimal or BigInteger;
}

/// <summary>Takes a time; text in the form of the invariant culture, and as local time where it has no offset.</summary>
internal sealed class TimeAttribute : ArgumentAttribute
{
    private protected override string Expected => "a time, such as 2038-01-19T03:14:07Z, from the year 1 to the year 9999";

    private protected override object? Read(object value) => value switch
    {
        DateTimeOffset time => time,
        DateTime time when TryConvert(time) is { } converted => converted,
        string text when DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out DateTimeOffset time) => time,
        _ => null,
    };

    /// <summary>The time with its offset; null where that puts it before the year 1 or after the year 9999.</summary>
    internal static DateTimeOffset? TryConvert(DateTime time)
    {
        try
        {
            return new DateTimeOffset(time);
        }
        catch (ArgumentOutOfRangeException)
        {
            return null;
        }
    }
}

/// <summary>Takes a length of time; text in the form of the invariant culture.</summary>
internal sealed class DurationAttribute : ArgumentAttribute
{
    private protected override string Expected => "a length of time, such as 30.00:00:00 for 30 days or 0.01:00:00 for an hour";

    private protected override object? Read(object value) => value switch
    {
        TimeSpan duration => duration,
        string text when TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out TimeSpan duration) => duration,
        // As everywhere in PowerShell: a number counts ticks.
        int ticks => TimeSpan.FromTicks(ticks),
        long ticks => TimeSpan.FromTicks(ticks),
        _ => null,
    };
}

/// <summary>Takes one of an enumeration's values, or its name.</summary>
/// <typeparam name="T">The enumeration.</typeparam>
internal sealed class ChoiceAttribute<T> : ArgumentAttribute
    where T : struct, Enum
{
    private protected override string Expected => $"one of {string.Join(", ", Enum.GetNames<T>())}";

    private protected override object? Read(object value) => Choose(value);

    /// <summary>The value that is meant; null where it is none.</summary>
    internal static object? Choose(object? value) =>
        LanguagePrimitives.TryConvertTo(value, CultureInfo.InvariantCulture, out T choice) && Enum.IsDefined(choice) ? choice : null;
}

/// <summary>Takes a script block.</summary>
internal sealed class ScriptAttribute : ArgumentAttribute
{
    private protected override string Expected => "a script block, such as { Set-Secret nightly $_ }";

    private protected override object? Read(object value) => value as ScriptBlock;
}

/// <summary>Takes any number of an enumeration's values, or their names.</summary>
/// <typeparam name="T">The enumeration.</typeparam>
internal sealed class ChoicesAttribute<T> : ArgumentAttribute
    where T : struct, Enum
{
    private protected override string Expected => $"any of {string.Join(", ", Enum.GetNames<T>())}";

    private protected override object? Read(object value)
    {
        IEnumerable<object?> values = value is IList list ? list.Cast<object?>() : [value];
        object?[] choices = [.. values.Select(ChoiceAttribute<T>.Choose)];
        return choices.Contains(null) ? null : choices.Cast<T>().ToArray();
    }
}

/// <summary>Takes a whole number; text in digits alone.</summary>
internal sealed class CountAttribute : ArgumentAttribute
{
    private protected override string Expected => "a whole number";

    private protected override object? Read(object value) => value switch
    {
        byte or sbyte or short or ushort or int or uint or long => Convert.ToInt64(value, CultureInfo.InvariantCulture),
        string text when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) => number,
        _ => null,
    };
}

/// <summary>Takes endpoints as text: a path, or methods and a path, as in <c>DELETE,PUT /users/*</c>.</summary>
internal sealed class EndpointAttribute : ArgumentAttribute
{
    private protected override string Expected => "endpoints as text, such as '/users/**' or 'DELETE,PUT /users/*'";

    private protected override object? Read(object value)
    {
        IEnumerable<object?> values = value is IList list ? list.Cast<object?>() : [value];
        DeniedEndpoint?[] endpoints = [.. values.Select(entry => Parse(Unwrap(entry)))];
        return endpoints.Contains(null) ? null : endpoints;
    }

    private static DeniedEndpoint? Parse(object? value)
    {
        if (value is not string text)
        {
            return value as DeniedEndpoint;
        }

        return text.Split(' ', StringSplitOptions.RemoveEmptyEntries) switch
        {
            [string path] => new DeniedEndpoint { Path = path },
            [string methods, string path] => new DeniedEndpoint { Methods = methods.Split(','), Path = path },
            _ => null,
        };
    }
}

/// <summary>Takes a name with its password.</summary>
internal sealed class CredentialObjectAttribute : ArgumentAttribute
{
    private protected override string Expected => "a credential, from Get-Credential or [pscredential]::new(name, password)";

    private protected override object? Read(object value) => value as PSCredential;
}

/// <summary>Takes a store.</summary>
internal sealed class OpenStoreAttribute : ArgumentAttribute
{
    private protected override string Expected => "a store from Connect-Tessera -PassThru";

    private protected override object? Read(object value) => value as TokenStore;
}

/// <summary>Takes a table of claims. It never fails, as the engine's error about input from the pipeline holds that input.</summary>
internal sealed class ClaimTableAttribute : ArgumentAttribute
{
    private protected override string Expected => "claims as a hash table or an ordered one";

    private protected override object? Read(object value) => value as IDictionary ?? new Refused(Refusal(value));

    /// <summary>Stands for what is no table, so that the command itself refuses it.</summary>
    /// <param name="reason">Why, as sentences.</param>
    internal sealed class Refused(string reason) : Hashtable
    {
        /// <summary>Why there are no claims.</summary>
        public string Reason => reason;
    }
}

/// <summary>Takes an identity from the pipeline, not its name. Text doesn't fail here: see <see cref="ClaimTableAttribute"/>.</summary>
internal sealed class IdentityObjectAttribute : ArgumentAttribute
{
    /// <summary>Stands for what is no identity, so that the command itself refuses it.</summary>
    public static readonly Identity None = new() { Id = 0, Name = string.Empty, CreatedAt = default };

    private protected override string Expected => "an identity";

    private protected override object? Read(object value)
    {
        bool isOwn = value is string or GrantedToken || value.GetType().Assembly == typeof(Identity).Assembly;
        // The one exception that lets the engine go on to a row's property Id.
        return value as Identity ?? (isOwn ? None : throw new ArgumentTransformationMetadataException(
            Refusal(value), new PSInvalidCastException(Refusal(value))));
    }
}
