using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Tessera.Native;

/// <summary>Reads what the native library answers, and frees it.</summary>
internal static class NativeResponse
{
    /// <summary>The response to a call that returned <paramref name="code"/>.</summary>
    /// <exception cref="TesseraException">The call failed; the exception's type follows from the code.</exception>
    internal static TResponse Read<TResponse>(uint code, in NativeBuffer response, JsonTypeInfo<TResponse> type)
    {
        try
        {
            if (code != 0)
            {
                throw Failure(code, response.Span);
            }

            return JsonSerializer.Deserialize(response.Span, type) ?? throw Unreadable(innerException: null);
        }
        catch (JsonException exception)
        {
            throw Unreadable(exception);
        }
        finally
        {
            NativeCalls.BufferFree(response);
        }
    }

    /// <summary>Ends a call that has nothing to say when it succeeds.</summary>
    /// <exception cref="TesseraException">The call failed; the exception's type follows from the code.</exception>
    internal static void ThrowIfFailed(uint code, in NativeBuffer response)
    {
        try
        {
            if (code != 0)
            {
                throw Failure(code, response.Span);
            }
        }
        finally
        {
            NativeCalls.BufferFree(response);
        }
    }

    /// <summary>The secret value that came beside a response; the native copy is cleared.</summary>
    internal static TokenValue ReadValue(in NativeBuffer value)
    {
        try
        {
            return new TokenValue(value.Span);
        }
        finally
        {
            NativeCalls.BufferFree(value);
        }
    }

    /// <summary>The response as plain text.</summary>
    internal static string ReadText(uint code, in NativeBuffer response)
    {
        try
        {
            return code == 0 ? Encoding.UTF8.GetString(response.Span) : throw Failure(code, response.Span);
        }
        finally
        {
            NativeCalls.BufferFree(response);
        }
    }

    /// <summary>The JSON of a request, in memory that is cleared when the caller disposes of it.</summary>
    internal static PooledBuffer Write<TRequest>(TRequest request, JsonTypeInfo<TRequest> type)
    {
        var buffer = new PooledBuffer();
        try
        {
            using var writer = new Utf8JsonWriter(buffer);
            JsonSerializer.Serialize(writer, request, type);
            return buffer;
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    /// <summary>The failure of one thing of several.</summary>
    internal static TesseraException Failure(NativeError error) =>
        Failure(Enum.TryParse(error.Code, out ErrorCode code) ? code : ErrorCode.Internal, error);

    /// <summary>The failure of a call that returned <paramref name="number"/>.</summary>
    internal static TesseraException Failure(uint number, ReadOnlySpan<byte> response)
    {
        NativeError? error = null;
        try
        {
            error = response.IsEmpty ? null : JsonSerializer.Deserialize(response, WireContext.Default.NativeError);
        }
        catch (JsonException)
        {
            // The number alone tells the kind of failure.
        }

        return Failure((ErrorCode)number, error);
    }

    private static TesseraException Failure(ErrorCode code, NativeError? error)
    {
        string message = error?.Message ?? $"The native library reported {code} and did not say why.";
        string? subject = error?.Subject;
        return code switch
        {
            ErrorCode.InvalidArgument or ErrorCode.AlreadyExists or ErrorCode.NotPermitted or ErrorCode.Conflict
                => new InvalidRequestException(code, message, subject),
            ErrorCode.NotFound => new NotFoundException(message, subject),
            >= ErrorCode.StoreUnavailable and <= ErrorCode.StoreKeyFile => new StoreException(code, message, subject),
            ErrorCode.MalformedToken => new TokenFormatException(message, subject),
            ErrorCode.KeyRefused => new KeyException(message, subject),
            _ => new TesseraException(Enum.IsDefined(code) ? code : ErrorCode.Internal, message, subject),
        };
    }

    private static TesseraException Unreadable(JsonException? innerException) =>
        new(
            ErrorCode.Internal,
            "The native library's answer could not be read. Are Tessera.dll and the native library of the same build?",
            innerException: innerException);
}
