using System.Buffers;
using System.Collections.ObjectModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tessera;

/// <summary>The members of a token's header and payload: from JSON to the values that <see cref="JsonWebToken"/> shows,
/// and back to JSON.</summary>
/// <remarks>Which CLR type a value gets is a promise to scripts: the one it has in JwtSecurityToken.</remarks>
internal static class JsonWebTokenMembers
{
    // Duplicates were refused before by the native front end; this makes sure that no other reading can slip in.
    private static readonly JsonDocumentOptions ReadOptions = new() { AllowDuplicateProperties = false };

    // The reference writes quotes and backslashes escaped, and everything that is no control character as it is.
    private static readonly JsonWriterOptions WriteOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads the decoded first segment.</summary>
    internal static OrderedDictionary<string, object?> ReadHeader(byte[] json) =>
        Read(json, static (name, value) =>
            value.ValueKind == JsonValueKind.Array ? HeaderArray(name, value) : Value(name, value));

    /// <summary>Reads the decoded second segment.</summary>
    internal static OrderedDictionary<string, object?> ReadPayload(byte[] json) =>
        Read(json, static (name, value) => name switch
        {
            "aud" => value.ValueKind == JsonValueKind.Array
                ? value.EnumerateArray().Select(audience => AudienceInArray(audience)).ToList()
                : StringOrNull(name, value),
            "exp" or "iat" or "nbf" => JsonWebTokenTimes.Seconds(name, value),
            "iss" or "jti" => StringOrNull(name, value),
            "sub" => value.ValueKind == JsonValueKind.Number
                ? ((IFormattable)Number(value)).ToString(null, CultureInfo.InvariantCulture)
                : StringOrNull(name, value),
            _ => Value(name, value),
        });

    /// <summary>Writes the members as compact JSON, in their order.</summary>
    internal static ReadOnlySpan<byte> Write(OrderedDictionary<string, object?> members)
    {
        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json, WriteOptions))
        {
            writer.WriteStartObject();
            foreach ((string name, object? value) in members)
            {
                writer.WritePropertyName(name);
                WriteValue(writer, value);
            }
            writer.WriteEndObject();
        }
        return json.WrittenSpan;
    }

    /// <summary>A copy that shares nothing that can change.</summary>
    internal static OrderedDictionary<string, object?> Copy(OrderedDictionary<string, object?> members)
    {
        var copy = new OrderedDictionary<string, object?>(members.Count, members.Comparer);
        foreach ((string name, object? value) in members)
        {
            copy.Add(name, value switch
            {
                List<string> strings => new List<string>(strings),
                List<object?> values => new List<object?>(values),
                _ => value,
            });
        }
        return copy;
    }

    /// <summary>A header member as one text; arrays and objects as their JSON, other kinds as nothing.</summary>
    internal static string? HeaderText(OrderedDictionary<string, object?> header, string name) =>
        header.GetValueOrDefault(name) switch
        {
            null => null,
            string text => text,
            JsonElement element => element.ToString(),
            List<object?> values => JsonOf([.. values.Select(value => value as string ?? throw Malformed(
                $"The header's member '{name}' is an array of something else than strings."))]),
            _ => string.Empty,
        };

    /// <summary>A claim as one text; what is no string as an empty one.</summary>
    internal static string? PayloadText(OrderedDictionary<string, object?> payload, string name) =>
        payload.GetValueOrDefault(name) switch
        {
            null => null,
            string text => text,
            _ => string.Empty,
        };

    /// <summary>The audiences that the payload names.</summary>
    internal static IReadOnlyList<string?> Audiences(OrderedDictionary<string, object?> payload)
    {
        if (!payload.TryGetValue("aud", out object? value))
        {
            return [];
        }
        if (value is List<string> audiences)
        {
            return audiences.AsReadOnly();
        }
        return new ReadOnlyCollection<string?>([(string?)value]);
    }

    /// <summary>The error for a text that is no token. The message holds nothing of the token's value.</summary>
    internal static TokenFormatException Malformed(string message) => new(message);

    private static OrderedDictionary<string, object?> Read(byte[] json, Func<string, JsonElement, object?> read)
    {
        using var document = JsonDocument.Parse(json, ReadOptions);
        var members = new OrderedDictionary<string, object?>(StringComparer.Ordinal);
        foreach (JsonProperty member in document.RootElement.EnumerateObject())
        {
            members.Add(member.Name, read(member.Name, member.Value));
        }
        return members;
    }

    private static object? Value(string name, JsonElement value) => value.ValueKind switch
    {
        // The reference keeps the text of the member without a name, though the claim made of it is a date's.
        JsonValueKind.String when name.Length > 0 && JsonWebTokenTimes.TryReadDate(name, value.GetString()!, out DateTime date) => date,
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number => Number(value),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null => null,
        // A clone, since the document's memory goes back to its pool.
        _ => value.Clone(),
    };

    private static List<object?> HeaderArray(string name, JsonElement array) =>
        [.. array.EnumerateArray()
            .Where(value => value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            .Select(value => Value(name, value))];

    // The smallest type that holds it, as the reference chooses.
    private static object Number(JsonElement value)
    {
        if (value.TryGetInt32(out int small))
        {
            return small;
        }
        if (value.TryGetInt64(out long large))
        {
            return large;
        }
        // Strict JSON has no number beyond the range of a double, so this one is finite.
        return value.GetDouble();
    }

    private static string? StringOrNull(string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Null => null,
        _ => throw Malformed($"The claim '{name}' is of a kind that it can't have: it must be a string."),
    };

    private static string AudienceInArray(JsonElement value) => value.ValueKind == JsonValueKind.String
        ? value.GetString()!
        : throw Malformed("The claim 'aud' is an array of something else than strings.");

    private static string JsonOf(string[] strings)
    {
        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json, WriteOptions))
        {
            WriteValue(writer, strings);
        }
        return Encoding.UTF8.GetString(json.WrittenSpan);
    }

    private static void WriteValue(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null:
                writer.WriteNullValue();
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case int number:
                writer.WriteNumberValue(number);
                break;
            case long number:
                writer.WriteNumberValue(number);
                break;
            case double number:
                writer.WriteNumberValue(number);
                break;
            case bool truth:
                writer.WriteBooleanValue(truth);
                break;
            case DateTime date:
                writer.WriteStringValue(date.ToString("O", CultureInfo.InvariantCulture));
                break;
            case JsonElement element:
                element.WriteTo(writer);
                break;
            case IEnumerable<object?> values:
                writer.WriteStartArray();
                foreach (object? element in values)
                {
                    WriteValue(writer, element);
                }
                writer.WriteEndArray();
                break;
            default:
                throw new UnreachableException($"A member of type {value.GetType()} is none that was read.");
        }
    }
}
