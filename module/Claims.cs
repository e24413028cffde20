using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Numerics;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tessera.PowerShell;

/// <summary>Writes a script's table of claims as the JSON object that a token carries.</summary>
internal static class Claims
{
    // RFC 7519 section 4.1: the claims whose value is a NumericDate, seconds since 1970.
    private static readonly string[] NumericDates = ["exp", "nbf", "iat"];

    // Deeper objects would be refused when the token is read back.
    private const int MaximumDepth = 16;

    // Far more than a token can carry; ends a list that never does.
    private const int MaximumBytes = 1 << 20;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    // Nothing here is ever put into HTML, and every escape takes room in the token.
    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes claims in the table's order.</summary>
    /// <param name="claims">The claims: text, numbers, booleans, null, times, lists and tables of those.</param>
    /// <returns>The text of a JSON object.</returns>
    /// <exception cref="InvalidRequestException">A name is no text, a value has no form in JSON or can't be read, or the claims are nested too deep or too long.</exception>
    public static string ToJson(IDictionary claims)
    {
        using var buffer = new MemoryStream();
        try
        {
            using var writer = new Utf8JsonWriter(buffer, WriterOptions);
            WriteTable(writer, claims, depth: 1);
        }
        catch (EncoderFallbackException)
        {
            throw Refused("A claim's text is not well-formed Unicode: it holds half of a surrogate pair.");
        }
        // A list or a property may be code of the caller's own. Its message may say anything, so only its kind is kept.
        catch (Exception exception) when (exception is not (TesseraException or PipelineStoppedException or OutOfMemoryException))
        {
            throw Refused($"A claim could not be read: it failed with {(exception.InnerException ?? exception).GetType()}.");
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
    }

    private static void WriteTable(Utf8JsonWriter writer, IDictionary table, int depth)
    {
        ThrowIfTooDeep(depth);
        writer.WriteStartObject();
        foreach (DictionaryEntry entry in table)
        {
            if (ArgumentAttribute.Unwrap(entry.Key) is not string name)
            {
                throw Refused($"A claim's name must be text, not of type {entry.Key.GetType()}.");
            }

            writer.WritePropertyName(WellFormed(name));
            WriteValue(writer, name, entry.Value, depth);
        }

        writer.WriteEndObject();
    }

    // The writer would put the replacement character in the place of half a surrogate pair, and say nothing.
    private static string WellFormed(string text)
    {
        StrictUtf8.GetByteCount(text);
        return text;
    }

    private static void WriteList(Utf8JsonWriter writer, string name, IEnumerable list, int depth)
    {
        ThrowIfTooDeep(depth);
        writer.WriteStartArray();
        foreach (object? element in list)
        {
            WriteValue(writer, name, element, depth);
        }

        writer.WriteEndArray();
    }

    private static void WriteValue(Utf8JsonWriter writer, string name, object? wrapped, int depth)
    {
        if (writer.BytesCommitted + writer.BytesPending > MaximumBytes)
        {
            throw Refused("Claims may have 1 MiB at most.");
        }

        switch (ArgumentAttribute.Unwrap(wrapped))
        {
            case null:
                writer.WriteNullValue();
                break;
            case string text:
                writer.WriteStringValue(WellFormed(text));
                break;
            case char character:
                writer.WriteStringValue(WellFormed(character.ToString()));
                break;
            case bool truth:
                writer.WriteBooleanValue(truth);
                break;
            case DateTimeOffset time:
                WriteTime(writer, name, time);
                break;
            case DateTime time:
                WriteTime(writer, name, TimeAttribute.TryConvert(time)
                    ?? throw Refused($"The claim '{name}' is a time that lies outside the years 1 to 9999 in UTC."));
                break;
            case JsonElement element:
                WriteElement(writer, name, element, depth);
                break;
            case Guid id:
                writer.WriteStringValue(id);
                break;
            case Uri address:
                writer.WriteStringValue(WellFormed(address.OriginalString));
                break;
            case Enum choice:
                writer.WriteStringValue(choice.ToString());
                break;
            case byte or sbyte or short or ushort or int or uint or long:
                writer.WriteNumberValue(Convert.ToInt64(ArgumentAttribute.Unwrap(wrapped), CultureInfo.InvariantCulture));
                break;
            case ulong number:
                writer.WriteNumberValue(number);
                break;
            case decimal number:
                writer.WriteNumberValue(number);
                break;
            case double number when double.IsFinite(number):
                writer.WriteNumberValue(number);
                break;
            case float number when float.IsFinite(number):
                writer.WriteNumberValue(number);
                break;
            case BigInteger number:
                writer.WriteRawValue(number.ToString(CultureInfo.InvariantCulture));
                break;
            case IDictionary table:
                WriteTable(writer, table, depth + 1);
                break;
            case IEnumerable list:
                WriteList(writer, name, list, depth + 1);
                break;
            case PSObject { BaseObject: PSCustomObject } row:
                WriteRow(writer, row, depth + 1);
                break;
            case var other:
                throw Refused($"The claim '{name}' has a value of type {other.GetType()}, which has no form in JSON.");
        }
    }

    private static void WriteRow(Utf8JsonWriter writer, PSObject row, int depth)
    {
        ThrowIfTooDeep(depth);
        writer.WriteStartObject();
        foreach (PSPropertyInfo property in row.Properties)
        {
            writer.WritePropertyName(WellFormed(property.Name));
            WriteValue(writer, property.Name, property.Value, depth);
        }

        writer.WriteEndObject();
    }

    // As the payload of a token that was taken apart holds its tables and lists.
    private static void WriteElement(Utf8JsonWriter writer, string name, JsonElement element, int depth)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                ThrowIfTooDeep(depth + 1);
                writer.WriteStartObject();
                foreach (JsonProperty member in element.EnumerateObject())
                {
                    writer.WritePropertyName(WellFormed(member.Name));
                    WriteElement(writer, member.Name, member.Value, depth + 1);
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                ThrowIfTooDeep(depth + 1);
                writer.WriteStartArray();
                foreach (JsonElement entry in element.EnumerateArray())
                {
                    WriteElement(writer, name, entry, depth + 1);
                }

                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                writer.WriteStringValue(WellFormed(element.GetString()!));
                break;
            case JsonValueKind.Undefined:
                throw Refused($"The claim '{name}' is a JSON element without a value.");
            default:
                element.WriteTo(writer);
                break;
        }
    }

    private static void WriteTime(Utf8JsonWriter writer, string name, DateTimeOffset time)
    {
        if (NumericDates.Contains(name))
        {
            writer.WriteNumberValue(time.ToUnixTimeSeconds());
        }
        else
        {
            writer.WriteStringValue(time);
        }
    }

    // Also ends a table that holds itself.
    private static void ThrowIfTooDeep(int depth)
    {
        if (depth > MaximumDepth)
        {
            throw Refused($"Claims may be nested {MaximumDepth} deep at most.");
        }
    }

    private static InvalidRequestException Refused(string message) => new(ErrorCode.InvalidArgument, message, "Claims");
}
