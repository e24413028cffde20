using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Unicode;

namespace Tessera.Native;

/// <summary>A call that asks a store for something, with no arguments.</summary>
internal delegate uint StoreQuery(ulong store, out NativeBuffer response);

/// <summary>A call that sends a store a request in JSON.</summary>
internal delegate uint StoreRequest(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response);

/// <summary>A call that sends a store a request in JSON, with a secret beside it.</summary>
internal delegate uint StoreSecretRequest(
    ulong store,
    ReadOnlySpan<byte> request,
    ReadOnlySpan<byte> secret,
    out NativeBuffer response);

/// <summary>A call that sends a store a request in JSON, and is answered with a token's value beside the response.</summary>
internal delegate uint StoreValueRequest(
    ulong store,
    ReadOnlySpan<byte> request,
    out NativeBuffer value,
    out NativeBuffer response);

/// <summary>A call that begins a transfer of tokens, with a passphrase beside the request, and gives its handle.</summary>
internal delegate uint TransferOpen(
    ulong store,
    ReadOnlySpan<byte> request,
    ReadOnlySpan<byte> passphrase,
    out ulong transfer,
    out NativeBuffer response);

/// <summary>Memory of the native library, to be given back with <see cref="NativeCalls.BufferFree"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly unsafe struct NativeBuffer
{
    private readonly byte* _data;
    private readonly ulong _length;
    private readonly ulong _capacity;

    /// <summary>The bytes; not to be used after the buffer is freed.</summary>
    internal ReadOnlySpan<byte> Span => _data is null ? default : new ReadOnlySpan<byte>(_data, checked((int)_length));

    /// <summary>The buffer as the generated declarations have it.</summary>
    internal Buffer ToGenerated() => new() { data = (nint)_data, length = _length, capacity = _capacity };
}

/// <summary>The answer of a check. Blittable, so that nothing is allocated for it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct NativeValidation
{
    /// <summary>The number of the <see cref="Tessera.Outcome"/>.</summary>
    internal readonly uint Outcome;

    /// <summary>1 where the token is about to expire, otherwise zero.</summary>
    internal readonly uint IsExpiring;

    /// <summary>Names the token's row; never given to another.</summary>
    internal readonly long RowKey;

    /// <summary>Names what was read of the row; another number, another reading.</summary>
    internal readonly ulong Version;

    /// <summary>How old the evidence may be.</summary>
    internal readonly ulong EvidenceAgeMilliseconds;

    /// <summary>The length of the record that came with the answer, or zero where none did.</summary>
    internal readonly ulong RecordLength;
}

/// <summary>Text for the native library, in UTF-8, that stays where it is during the call.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly unsafe struct NativeText
{
    /// <summary>What is transcoded on the stack and not in a rented array: enough for every opaque token and for most
    /// others, and little even for a thread whose stack is small.</summary>
    internal const int StackBytes = 1_024;

    /// <summary>The most bytes of UTF-8 that a character of a string becomes.</summary>
    internal const int MostBytesPerChar = 3;

    private readonly byte* _data;
    private readonly ulong _length;

    private NativeText(Span<byte> pinned)
    {
        _data = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(pinned));
        _length = (ulong)pinned.Length;
    }

    /// <summary>Writes a text behind what was used of <paramref name="pinned"/>, which its owner keeps in place. No text
    /// stays none, and an empty one stays a text.</summary>
    /// <param name="text">The text: well-formed, and with room for it.</param>
    /// <param name="pinned">Where to write.</param>
    /// <param name="used">How many bytes were used, and then are.</param>
    internal static NativeText Append(string? text, Span<byte> pinned, ref int used)
    {
        if (text is null)
        {
            return default;
        }

        Span<byte> free = pinned[used..];
        Utf8.FromUtf16(text, free, out _, out int written);
        used += written;
        return new NativeText(free[..written]);
    }
}

/// <summary>What a request brings to a check, as the native library reads it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeAccessRequest
{
    internal NativeText Role;
    internal NativeText Audience;
    internal NativeText Uri;
    internal NativeText Method;
    internal NativeText Referrer;
    internal NativeText RemoteAddress;
    internal NativeText Organization;
    internal NativeText Operation;
}

/// <summary>What a JSON Web Token is to be made of, as the native library reads it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeJwtMinting
{
    /// <summary>The number of the <see cref="JsonWebTokenKind"/>.</summary>
    internal uint Kind;

    /// <summary>One more than the number of the <see cref="SigningAlgorithm"/>; zero for none.</summary>
    internal uint Algorithm;

    /// <summary>In seconds; <see cref="long.MinValue"/> for the kind's default.</summary>
    internal long Lifetime;

    internal NativeText KeyId;
}

/// <summary>What a JSON Web Token is checked against, as the native library reads it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeJwtRules
{
    /// <summary>As in <see cref="NativeJwtMinting"/>.</summary>
    internal uint Kind;

    /// <summary>As in <see cref="NativeJwtMinting"/>.</summary>
    internal uint Algorithm;

    /// <summary>In seconds since 1970; <see cref="long.MinValue"/> for now.</summary>
    internal long At;

    internal NativeText Issuer;
    internal NativeText Audience;
}

/// <summary>What became of a JSON Web Token. Blittable, so that nothing is allocated for it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct NativeJwtResult
{
    /// <summary>The bytes of a key's id that there has to be room for.</summary>
    internal const int KeyIdBytes = 256;

    /// <summary>The number of the <see cref="Tessera.Outcome"/> of a check.</summary>
    internal readonly uint Outcome;

    /// <summary>As in <see cref="NativeJwtMinting"/>.</summary>
    internal readonly uint Algorithm;

    /// <summary>1 where the text is a token in strict form, otherwise zero.</summary>
    internal readonly uint IsWellFormed;

    /// <summary>The bytes of the key's id that were written.</summary>
    internal readonly uint KeyIdLength;

    /// <summary>The bytes of a token that were written.</summary>
    internal readonly uint TokenLength;
}

/// <summary>Every call into the native library, with spans for pointers and lengths. Nothing else uses the generated
/// declarations.</summary>
/// <remarks>
/// <para>The result is zero, or the number of an <see cref="ErrorCode"/>; then the response describes the
/// failure.</para>
/// <para>An empty span is passed as a null pointer and the length zero: none given.</para>
/// <para>Results are cleared before a call, so that one which fails early never leaves a buffer that was freed
/// already.</para>
/// </remarks>
internal static unsafe class NativeCalls
{
    internal static uint Version(out NativeBuffer response)
    {
        response = default;
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_version((nint)answer);
        }
    }

    internal static void BufferFree(in NativeBuffer buffer) => Interop.tessera_buffer_free(buffer.ToGenerated());

    internal static uint StoreOpen(
        ReadOnlySpan<byte> request,
        ReadOnlySpan<byte> key,
        out ulong store,
        out NativeBuffer response)
    {
        store = default;
        response = default;
        fixed (byte* requestData = request, keyData = key)
        fixed (ulong* handle = &store)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_store_open(
                (nint)requestData, Length(request),
                (nint)keyData, Length(key),
                (nint)handle,
                (nint)answer);
        }
    }

    internal static uint StoreSignIn(
        ulong store,
        ReadOnlySpan<byte> request,
        ReadOnlySpan<byte> secret,
        out ulong signedIn,
        out NativeBuffer response)
    {
        signedIn = default;
        response = default;
        fixed (byte* requestData = request, secretData = secret)
        fixed (ulong* handle = &signedIn)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_store_sign_in(
                store,
                (nint)requestData, Length(request),
                (nint)secretData, Length(secret),
                (nint)handle,
                (nint)answer);
        }
    }

    internal static uint StoreClose(ulong store) => Interop.tessera_store_close(store);

    internal static uint StoreSetClock(
        ulong store,
        long nowSeconds) => Interop.tessera_store_set_clock(store, nowSeconds);

    internal static uint StoreStatus(ulong store, out NativeBuffer response)
    {
        response = default;
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_store_status(store, (nint)answer);
        }
    }

    internal static uint StoreCheck(ulong store, out NativeBuffer response)
    {
        response = default;
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_store_check(store, (nint)answer);
        }
    }

    internal static uint StoreBackup(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_store_backup(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint StoreOptimize(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_store_optimize(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint StoreRestore(ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_store_restore((nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint StoreFlush(ulong store, out NativeBuffer response)
    {
        response = default;
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_store_flush(store, (nint)answer);
        }
    }

    internal static uint TokenGrant(
        ulong store,
        ReadOnlySpan<byte> request,
        out NativeBuffer value,
        out NativeBuffer response)
    {
        value = default;
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* granted = &value, answer = &response)
        {
            return Interop.tessera_token_grant(store, (nint)requestData, Length(request), (nint)granted, (nint)answer);
        }
    }

    internal static uint TokenGrantMany(
        ulong store,
        ReadOnlySpan<byte> request,
        out NativeBuffer values,
        out NativeBuffer response)
    {
        values = default;
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* granted = &values, answer = &response)
        {
            return Interop.tessera_token_grant_many(store, (nint)requestData, Length(request), (nint)granted, (nint)answer);
        }
    }

    internal static uint TokenGet(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_token_get(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint TokenValue(
        ulong store,
        ReadOnlySpan<byte> request,
        out NativeBuffer value,
        out NativeBuffer response)
    {
        value = default;
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* kept = &value, answer = &response)
        {
            return Interop.tessera_token_value(store, (nint)requestData, Length(request), (nint)kept, (nint)answer);
        }
    }

    internal static uint TokenList(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_token_list(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint TokenRevoke(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_token_revoke(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint TokenRevokeSet(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_token_revoke_set(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint TokenRevokeValue(
        ulong store,
        ReadOnlySpan<byte> request,
        ReadOnlySpan<byte> token,
        out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request, tokenData = token)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_token_revoke_value(
                store,
                (nint)requestData, Length(request),
                (nint)tokenData, Length(token),
                (nint)answer);
        }
    }

    internal static uint TokenDisable(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_token_disable(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint TokenEnable(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_token_enable(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint TokenRemove(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_token_remove(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint TokenUpdate(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_token_update(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint TokenRotate(
        ulong store,
        ReadOnlySpan<byte> request,
        out NativeBuffer value,
        out NativeBuffer response)
    {
        value = default;
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* granted = &value, answer = &response)
        {
            return Interop.tessera_token_rotate(store, (nint)requestData, Length(request), (nint)granted, (nint)answer);
        }
    }

    internal static uint RotationPrepare(
        ulong store,
        ReadOnlySpan<byte> request,
        out NativeBuffer value,
        out NativeBuffer response)
    {
        value = default;
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* granted = &value, answer = &response)
        {
            return Interop.tessera_rotation_prepare(store, (nint)requestData, Length(request), (nint)granted, (nint)answer);
        }
    }

    internal static uint RotationDeliver(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_rotation_deliver(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint RotationAbandon(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_rotation_abandon(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint TokenUsage(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_token_usage(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint TokenImpact(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_token_impact(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint TokenValidate(
        ulong store,
        ReadOnlySpan<byte> token,
        NativeAccessRequest* request,
        Span<byte> foundRecord,
        out NativeValidation result,
        out NativeBuffer response)
    {
        result = default;
        response = default;
        fixed (byte* tokenData = token, foundData = foundRecord)
        fixed (NativeValidation* found = &result)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_token_validate(
                store,
                (nint)tokenData, Length(token),
                (nint)request,
                (nint)found,
                (nint)foundData, Length(foundRecord),
                (nint)answer);
        }
    }

    internal static uint TokenDescribe(ulong store, ReadOnlySpan<byte> token, out NativeBuffer response)
    {
        response = default;
        fixed (byte* tokenData = token)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_token_describe(store, (nint)tokenData, Length(token), (nint)answer);
        }
    }

    internal static uint ExportOpen(
        ulong store,
        ReadOnlySpan<byte> request,
        ReadOnlySpan<byte> passphrase,
        out ulong transfer,
        out NativeBuffer response)
    {
        transfer = default;
        response = default;
        fixed (byte* requestData = request, passphraseData = passphrase)
        fixed (ulong* handle = &transfer)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_export_open(
                store,
                (nint)requestData, Length(request),
                (nint)passphraseData, Length(passphrase),
                (nint)handle,
                (nint)answer);
        }
    }

    internal static uint ExportNext(ulong transfer, out NativeBuffer piece, out NativeBuffer response)
    {
        piece = default;
        response = default;
        fixed (NativeBuffer* next = &piece, answer = &response)
        {
            return Interop.tessera_export_next(transfer, (nint)next, (nint)answer);
        }
    }

    internal static uint ExportClose(ulong transfer) => Interop.tessera_export_close(transfer);

    internal static uint ImportOpen(
        ulong store,
        ReadOnlySpan<byte> request,
        ReadOnlySpan<byte> passphrase,
        out ulong transfer,
        out NativeBuffer response)
    {
        transfer = default;
        response = default;
        fixed (byte* requestData = request, passphraseData = passphrase)
        fixed (ulong* handle = &transfer)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_import_open(
                store,
                (nint)requestData, Length(request),
                (nint)passphraseData, Length(passphrase),
                (nint)handle,
                (nint)answer);
        }
    }

    internal static uint ImportWrite(ulong transfer, ReadOnlySpan<byte> piece, out NativeBuffer response)
    {
        response = default;
        fixed (byte* pieceData = piece)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_import_write(transfer, (nint)pieceData, Length(piece), (nint)answer);
        }
    }

    internal static uint ImportFinish(ulong transfer, out NativeBuffer response)
    {
        response = default;
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_import_finish(transfer, (nint)answer);
        }
    }

    internal static uint ImportClose(ulong transfer) => Interop.tessera_import_close(transfer);

    internal static uint KeyImport(
        ulong store,
        ReadOnlySpan<byte> request,
        ReadOnlySpan<byte> secret,
        out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request, secretData = secret)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_key_import(
                store,
                (nint)requestData, Length(request),
                (nint)secretData, Length(secret),
                (nint)answer);
        }
    }

    internal static uint IdentityCreate(
        ulong store,
        ReadOnlySpan<byte> request,
        ReadOnlySpan<byte> password,
        out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request, passwordData = password)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_identity_create(
                store,
                (nint)requestData, Length(request),
                (nint)passwordData, Length(password),
                (nint)answer);
        }
    }

    internal static uint IdentityGet(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_identity_get(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint IdentityList(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_identity_list(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint IdentityUpdate(
        ulong store,
        ReadOnlySpan<byte> request,
        ReadOnlySpan<byte> password,
        out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request, passwordData = password)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_identity_update(
                store,
                (nint)requestData, Length(request),
                (nint)passwordData, Length(password),
                (nint)answer);
        }
    }

    internal static uint IdentityRemove(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_identity_remove(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint IdentityVerify(
        ulong store,
        ReadOnlySpan<byte> request,
        ReadOnlySpan<byte> password,
        out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request, passwordData = password)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_identity_verify(
                store,
                (nint)requestData, Length(request),
                (nint)passwordData, Length(password),
                (nint)answer);
        }
    }

    internal static uint RoleList(ulong store, out NativeBuffer response)
    {
        response = default;
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_role_list(store, (nint)answer);
        }
    }

    internal static uint RoleCreate(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_role_create(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint RoleUpdate(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_role_update(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint RoleRemove(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_role_remove(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint ProfileList(ulong store, out NativeBuffer response)
    {
        response = default;
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_profile_list(store, (nint)answer);
        }
    }

    internal static uint ProfileGet(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_profile_get(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint ProfileCreate(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_profile_create(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint ProfileUpdate(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_profile_update(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint ProfileRemove(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_profile_remove(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint OrganizationCreate(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_organization_create(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint OrganizationGet(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_organization_get(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint OrganizationList(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_organization_list(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint OrganizationUpdate(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_organization_update(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint OrganizationRemove(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_organization_remove(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint AuditList(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_audit_list(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint AuditCheck(ulong store, out NativeBuffer response)
    {
        response = default;
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_audit_check(store, (nint)answer);
        }
    }

    internal static uint LeakOpen(
        ulong store,
        ReadOnlySpan<byte> request,
        out ulong search,
        out NativeBuffer response)
    {
        search = default;
        response = default;
        fixed (byte* requestData = request)
        fixed (ulong* handle = &search)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_leak_open(store, (nint)requestData, Length(request), (nint)handle, (nint)answer);
        }
    }

    internal static uint LeakNext(ulong search, uint patienceMilliseconds, out NativeBuffer response)
    {
        response = default;
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_leak_next(search, patienceMilliseconds, (nint)answer);
        }
    }

    internal static uint LeakClose(ulong search) => Interop.tessera_leak_close(search);

    internal static uint KeyCreate(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_key_create(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint KeyList(ulong store, out NativeBuffer response)
    {
        response = default;
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_key_list(store, (nint)answer);
        }
    }

    internal static uint KeyRevoke(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_key_revoke(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint KeyRemove(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_key_remove(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint KeyExport(ulong store, ReadOnlySpan<byte> request, out NativeBuffer response)
    {
        response = default;
        fixed (byte* requestData = request)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_key_export(store, (nint)requestData, Length(request), (nint)answer);
        }
    }

    internal static uint JwtKeyOpen(uint kind, ReadOnlySpan<byte> key, out ulong jwtKey, out NativeBuffer response)
    {
        jwtKey = default;
        response = default;
        fixed (byte* keyData = key)
        fixed (ulong* handle = &jwtKey)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_jwt_key_open(kind, (nint)keyData, Length(key), (nint)handle, (nint)answer);
        }
    }

    internal static uint JwtKeyClose(ulong jwtKey) => Interop.tessera_jwt_key_close(jwtKey);

    /// <summary><paramref name="token"/> takes the token, <see cref="TesseraLimits.TokenValueBytes"/> bytes at most, which
    /// the caller clears, and <paramref name="keyId"/> the id of the key, <see cref="NativeJwtResult.KeyIdBytes"/> at
    /// most.</summary>
    internal static uint JwtMint(
        ulong store,
        ulong jwtKey,
        ReadOnlySpan<byte> claims,
        in NativeJwtMinting minting,
        Span<byte> token,
        Span<byte> keyId,
        out NativeJwtResult result,
        out NativeBuffer response)
    {
        result = default;
        response = default;
        ArgumentOutOfRangeException.ThrowIfLessThan(token.Length, TesseraLimits.TokenValueBytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(keyId.Length, NativeJwtResult.KeyIdBytes);
        fixed (byte* claimsData = claims, tokenData = token, keyIdData = keyId)
        fixed (NativeJwtMinting* mintingData = &minting)
        fixed (NativeJwtResult* found = &result)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_jwt_mint(
                store,
                jwtKey,
                (nint)claimsData, Length(claims),
                (nint)mintingData,
                (nint)tokenData,
                (nint)keyIdData,
                (nint)found,
                (nint)answer);
        }
    }

    /// <summary><paramref name="keyId"/> takes the id of the key, <see cref="NativeJwtResult.KeyIdBytes"/> bytes at
    /// most.</summary>
    internal static uint JwtVerify(
        ulong store,
        ulong jwtKey,
        ReadOnlySpan<byte> token,
        in NativeJwtRules rules,
        Span<byte> keyId,
        out NativeJwtResult result,
        out NativeBuffer response)
    {
        result = default;
        response = default;
        ArgumentOutOfRangeException.ThrowIfLessThan(keyId.Length, NativeJwtResult.KeyIdBytes);
        fixed (byte* tokenData = token, keyIdData = keyId)
        fixed (NativeJwtRules* rulesData = &rules)
        fixed (NativeJwtResult* found = &result)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_jwt_verify(
                store,
                jwtKey,
                (nint)tokenData, Length(token),
                (nint)rulesData,
                (nint)keyIdData,
                (nint)found,
                (nint)answer);
        }
    }

    internal static uint JwtInspect(ReadOnlySpan<byte> token, out NativeBuffer response)
    {
        response = default;
        fixed (byte* tokenData = token)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_jwt_inspect((nint)tokenData, Length(token), (nint)answer);
        }
    }

    /// <summary>Refuses a text that is no JSON Web Token in the strict form: three canonical segments, strict JSON
    /// objects in the first two.</summary>
    /// <exception cref="TokenFormatException">It is none.</exception>
    /// <exception cref="NativeLibraryException">The native library is missing or of another version.</exception>
    internal static void InspectJsonWebToken(ReadOnlySpan<char> token)
    {
        NativeLibraryLoader.EnsureUsable();
        using PooledBuffer utf8 = Argument.Encode(token, TesseraLimits.TokenValueBytes, nameof(token));
        uint code = JwtInspect(utf8.Span, out NativeBuffer response);
        NativeResponse.ThrowIfFailed(code, response);
    }

    internal static uint JwsVerify(ReadOnlySpan<byte> token, ReadOnlySpan<byte> key, out NativeBuffer response)
    {
        response = default;
        fixed (byte* tokenData = token, keyData = key)
        fixed (NativeBuffer* answer = &response)
        {
            return Interop.tessera_jws_verify((nint)tokenData, Length(token), (nint)keyData, Length(key), (nint)answer);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Length(ReadOnlySpan<byte> bytes) => (uint)bytes.Length;
}
