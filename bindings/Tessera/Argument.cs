using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Unicode;
using Tessera.Native;

namespace Tessera;

/// <summary>Checks of what a caller passes, made before anything is copied or handed to the native library.</summary>
internal static class Argument
{
    // The last second of the year 9999, which is also the last that DateTimeOffset knows.
    private const long LastSecond = 253_402_300_799;

    /// <summary>A required text of 1 to <paramref name="maximumCharacters"/> characters. Allocates nothing unless it
    /// fails.</summary>
    internal static string Text(
        [NotNull] string? value,
        int maximumCharacters,
        [CallerArgumentExpression(nameof(value))] string subject = "")
    {
        if (value is null)
        {
            throw new ArgumentNullException(SubjectOf(subject));
        }

        ThrowIfNotText(value, maximumCharacters, subject);
        return value.Length != 0 ? value : throw Invalid($"'{SubjectOf(subject)}' may not be empty.", subject);
    }

    /// <summary>A text of at most <paramref name="maximumCharacters"/> characters, or none. It may be empty.</summary>
    internal static string? OptionalText(
        string? value,
        int maximumCharacters,
        [CallerArgumentExpression(nameof(value))] string subject = "")
    {
        if (value is not null)
        {
            ThrowIfNotText(value, maximumCharacters, subject);
        }

        return value;
    }

    /// <summary>A list of at most <paramref name="maximumCount"/> texts, or none. It is read once, and no further than
    /// the limit.</summary>
    internal static string[]? OptionalTexts(
        IEnumerable<string>? values,
        int maximumCount,
        int maximumCharacters,
        [CallerArgumentExpression(nameof(values))] string subject = "")
    {
        if (values is null)
        {
            return null;
        }

        var texts = new List<string>();
        foreach (string? value in values)
        {
            if (texts.Count == maximumCount)
            {
                throw Invalid($"'{SubjectOf(subject)}' may have at most {maximumCount} entries.", subject);
            }

            if (string.IsNullOrEmpty(value))
            {
                throw Invalid($"'{SubjectOf(subject)}' may not have an empty entry.", subject);
            }

            ThrowIfNotText(value, maximumCharacters, subject);
            texts.Add(value);
        }

        return [.. texts];
    }

    /// <summary>The conditions of a token, or none: a copy, whose lists nobody changes meanwhile.</summary>
    internal static TokenConditions? Conditions(TokenConditions? conditions)
    {
        if (conditions is null)
        {
            return null;
        }

        static IReadOnlyList<string> List(
            IReadOnlyList<string> values,
            int maximumCount,
            [CallerArgumentExpression(nameof(values))] string subject = "") =>
            OptionalTexts(values, maximumCount, TesseraLimits.NameCharacters, subject) is { } list ? new EquatableList<string>(list) : [];

        return conditions with
        {
            Subject = OptionalText(conditions.Subject, TesseraLimits.UriCharacters),
            Referrer = OptionalText(conditions.Referrer, TesseraLimits.NameCharacters),
            AllowedAddresses = List(conditions.AllowedAddresses, TesseraLimits.ConditionEntries),
            DeniedAddresses = List(conditions.DeniedAddresses, TesseraLimits.ConditionEntries),
            Methods = List(conditions.Methods, TesseraLimits.ConditionMethods),
            Operations = List(conditions.Operations, TesseraLimits.ConditionEntries),
            RequiredRoles = List(conditions.RequiredRoles, TesseraLimits.ConditionEntries),
        };
    }

    /// <summary>The settings of a profile: a copy, whose lists nobody changes meanwhile.</summary>
    internal static ProfileSettings Settings(ProfileSettings settings)
    {
        var endpoints = new List<DeniedEndpoint>();
        foreach (DeniedEndpoint endpoint in settings.DeniedEndpoints)
        {
            if (endpoints.Count == TesseraLimits.ProfileEntries)
            {
                throw Invalid($"'deniedEndpoints' may have at most {TesseraLimits.ProfileEntries} entries.", "deniedEndpoints");
            }

            endpoints.Add(endpoint with
            {
                Methods = OptionalTexts(endpoint.Methods, TesseraLimits.ConditionMethods, TesseraLimits.NameCharacters, "deniedEndpoints") ?? [],
                Path = Text(endpoint.Path, TesseraLimits.UriCharacters, "deniedEndpoints"),
            });
        }

        return settings with
        {
            Format = Defined(settings.Format),
            JsonWebTokenKind = Defined(settings.JsonWebTokenKind),
            Prefix = Text(settings.Prefix, TesseraLimits.NameCharacters),
            RequiredRole = OptionalText(settings.RequiredRole, TesseraLimits.NameCharacters),
            DefaultTag = OptionalText(settings.DefaultTag, TesseraLimits.TagCharacters),
            DefaultRoles = OptionalTexts(settings.DefaultRoles, TesseraLimits.Roles, TesseraLimits.NameCharacters),
            DeniedOperations = OptionalTexts(settings.DeniedOperations, TesseraLimits.ProfileEntries, TesseraLimits.NameCharacters) ?? [],
            DeniedEndpoints = endpoints,
            BoundedBy = Defined(settings.BoundedBy),
            CreatorRemoved = Defined(settings.CreatorRemoved),
            DefaultSubject = OptionalText(settings.DefaultSubject, TesseraLimits.UriCharacters),
            ForeignPrefix = OptionalText(settings.ForeignPrefix, TesseraLimits.NameCharacters),
        };
    }

    /// <summary>A value that its enumeration names.</summary>
    internal static TEnum Defined<TEnum>(TEnum value, [CallerArgumentExpression(nameof(value))] string subject = "")
        where TEnum : struct, Enum
    {
        return Enum.IsDefined(value)
            ? value
            : throw Invalid($"'{SubjectOf(subject)}' is not a value of {typeof(TEnum).Name}.", subject);
    }

    /// <summary>A length of 1 to <paramref name="maximumBytes"/> bytes.</summary>
    internal static void ThrowIfOutsideBytes(int length, int maximumBytes, string subject)
    {
        if (length == 0)
        {
            throw Invalid($"'{subject}' may not be empty.", subject);
        }

        if (length > maximumBytes)
        {
            throw Invalid($"'{subject}' may have at most {maximumBytes} bytes of UTF-8.", subject);
        }
    }

    /// <summary>The UTF-8 bytes of a text, at most <paramref name="maximumBytes"/> of them. The caller disposes of the
    /// buffer, which clears it.</summary>
    internal static PooledBuffer Encode(ReadOnlySpan<char> text, int maximumBytes, string subject) =>
        TryEncode(text, maximumBytes, out PooledBuffer? buffer)
            ? buffer
            : throw Invalid(
                $"'{subject}' must be well-formed Unicode and have at most {maximumBytes} bytes of UTF-8.",
                subject);

    /// <summary>The UTF-8 bytes of a text, unless there are more than <paramref name="maximumBytes"/> or the text holds
    /// a lone surrogate.</summary>
    internal static bool TryEncode(ReadOnlySpan<char> text, int maximumBytes, [NotNullWhen(true)] out PooledBuffer? buffer)
    {
        buffer = null;

        // A character is at least one byte, so this bounds the work below before anything is rented.
        if (text.Length > maximumBytes)
        {
            return false;
        }

        var encoded = new PooledBuffer(Encoding.UTF8.GetMaxByteCount(text.Length));
        OperationStatus status = Utf8.FromUtf16(
            text, encoded.GetSpan(), out _, out int written, replaceInvalidSequences: false);
        if (status != OperationStatus.Done || written > maximumBytes)
        {
            encoded.Dispose();
            return false;
        }

        encoded.Advance(written);
        buffer = encoded;
        return true;
    }

    /// <summary>A duration of at least a second, in whole seconds. A fraction is cut off: nothing lives longer than was
    /// asked.</summary>
    internal static long? OptionalDurationSeconds(
        TimeSpan? duration,
        [CallerArgumentExpression(nameof(duration))] string subject = "")
    {
        if (duration < TimeSpan.FromSeconds(1))
        {
            throw Invalid($"'{SubjectOf(subject)}' must be at least one second.", subject);
        }

        return duration?.Ticks / TimeSpan.TicksPerSecond;
    }

    /// <summary>A time in seconds since 1970, a fraction cut off.</summary>
    internal static long? SecondsBefore(DateTimeOffset? time) => time?.ToUnixTimeSeconds();

    /// <summary>A time in seconds since 1970, a fraction rounded up.</summary>
    internal static long? SecondsAfter(DateTimeOffset? time)
    {
        if (time is not { } given)
        {
            return null;
        }

        long seconds = given.ToUnixTimeSeconds();
        bool hasFraction = given.Ticks % TimeSpan.TicksPerSecond != 0;
        return hasFraction ? Math.Min(seconds + 1, LastSecond) : seconds;
    }

    /// <summary>The failure that an argument is outside its stated form or limits.</summary>
    internal static InvalidRequestException Invalid(string message, string subject) =>
        new(ErrorCode.InvalidArgument, message, SubjectOf(subject));

    private static void ThrowIfNotText(string value, int maximumCharacters, string subject)
    {
        // What is in ASCII is well-formed, and has as many characters as units.
        if (value.Length <= maximumCharacters && Ascii.IsValid(value))
        {
            return;
        }

        // A scalar value has at most two UTF-16 units: a bound on the work before anything is counted.
        int count = 0;
        if (value.Length <= maximumCharacters * 2L && !TryCountScalars(value, out count))
        {
            throw Invalid($"'{SubjectOf(subject)}' is not well-formed Unicode: it holds half of a surrogate pair.", subject);
        }

        if (value.Length > maximumCharacters * 2L || count > maximumCharacters)
        {
            throw Invalid($"'{SubjectOf(subject)}' may have at most {maximumCharacters} characters.", subject);
        }
    }

    private static bool TryCountScalars(ReadOnlySpan<char> text, out int count)
    {
        count = 0;
        while (!text.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(text, out _, out int consumed) != OperationStatus.Done)
            {
                return false;
            }

            text = text[consumed..];
            count++;
        }

        return true;
    }

    // "request.ExpiresIn" is known to the caller, and to the native library, as "expiresIn".
    private static string SubjectOf(string expression)
    {
        string member = expression[(expression.LastIndexOf('.') + 1)..];
        return string.Concat(char.ToLowerInvariant(member[0]).ToString(), member.AsSpan(1));
    }
}
