using Tessera.Native;

namespace Tessera.Tests;

/// <summary>What no caller of the .NET API can do: wrong handles, pointers and lengths, straight to the native functions.</summary>
public sealed class NativeBoundaryTests
{
    private const uint InvalidHandle = (uint)ErrorCode.InvalidHandle;
    private const uint InvalidArgument = (uint)ErrorCode.InvalidArgument;

    [Fact]
    public void Null_foreign_and_stale_handles_are_errors_at_every_function()
    {
        using var temporary = new TemporaryStore();
        ulong open = OpenHandle(temporary.Path);
        ulong stale = OpenHandle(temporary.Path);
        Assert.Equal(0u, NativeCalls.StoreClose(stale));

        var random = new Random(20260301);
        ulong[] handles = [0, 1, ulong.MaxValue, stale, stale + (1UL << 40), open ^ (1UL << 63), open ^ 1UL << 20, .. Enumerable.Range(0, 200).Select(_ => (ulong)random.NextInt64())];
        foreach (ulong handle in handles.Where(handle => handle != open))
        {
            RefusedEverywhere(handle);
        }

        NativeResponse.Read(NativeCalls.StoreStatus(open, out NativeBuffer response), response, WireContext.Default.StoreStatus);
        Assert.Equal(0u, NativeCalls.StoreClose(open));
        RefusedEverywhere(open);
        Assert.Equal(1, temporary.Store.GetStatus().Identities);
    }

    [Fact]
    public void Null_pointers_and_impossible_lengths_are_errors()
    {
        using var temporary = new TemporaryStore();
        ulong store = OpenHandle(temporary.Path);
        try
        {
            foreach (ulong length in new[] { 1UL, 1UL << 20, 1UL << 31, (1UL << 31) - 1, 1UL << 32, 1UL << 63, ulong.MaxValue })
            {
                Assert.Equal(InvalidArgument, Interop.tessera_token_get(store, 0, length, 0));
                Assert.Equal(InvalidArgument, Interop.tessera_token_grant(store, 0, length, 0, 0));
                Assert.Equal(InvalidArgument, Interop.tessera_token_grant_many(store, 0, length, 0, 0));
                Assert.Equal(InvalidArgument, Interop.tessera_identity_create(store, 0, length, 0, length, 0));
                Assert.Equal(InvalidArgument, Interop.tessera_token_validate(store, 0, length, 0, 0, 0, 0, 0));
                Assert.Equal(InvalidArgument, Interop.tessera_store_open(0, length, 0, length, 0, 0));
                Assert.Equal(InvalidArgument, Interop.tessera_store_sign_in(store, 0, length, 0, length, 0, 0));
                Assert.Equal(InvalidArgument, Interop.tessera_jwt_key_open(0, 0, length, 0, 0));
                WebTokens(0, length);
                Assert.NotEqual(0u, Interop.tessera_jwt_inspect(0, length, 0));
                Assert.NotEqual(0u, Interop.tessera_jws_verify(0, length, 0, length, 0));
            }

            // More than a request may have, with a pointer that must then never be read.
            foreach (ulong length in new[] { (1UL << 20) + 1, 1UL << 40, ulong.MaxValue })
            {
                Assert.Equal(InvalidArgument, Interop.tessera_token_get(store, 16, length, 0));
                Assert.Equal(InvalidArgument, Interop.tessera_jwt_inspect(16, length, 0));
                WebTokens(16, length);
            }
        }
        finally
        {
            Assert.Equal(0u, NativeCalls.StoreClose(store));
        }

        // With no place for the answer, and with every place but a text that cannot be.
        unsafe void WebTokens(nint text, ulong length)
        {
            byte* keyId = stackalloc byte[NativeJwtResult.KeyIdBytes];
            ulong key;
            NativeJwtMinting minting = default;
            NativeJwtRules rules = default;
            NativeJwtResult result;
            byte* token = stackalloc byte[TesseraLimits.TokenValueBytes];
            Assert.Equal(InvalidArgument, Interop.tessera_jwt_key_open(0, text, length, (nint)(&key), 0));
            Assert.Equal(InvalidArgument, Interop.tessera_jwt_mint(store, 0, text, length, 0, 0, 0, 0, 0));
            Assert.Equal(InvalidArgument, Interop.tessera_jwt_verify(store, 0, text, length, 0, 0, 0, 0));
            Assert.Equal(InvalidArgument, Interop.tessera_jwt_mint(
                store, 0, text, length, (nint)(&minting), (nint)token, (nint)keyId, (nint)(&result), 0));
            Assert.Equal(InvalidArgument, Interop.tessera_jwt_verify(
                store, 0, text, length, (nint)(&rules), (nint)keyId, (nint)(&result), 0));
            foreach (uint number in new[] { 7u, uint.MaxValue })
            {
                var otherKind = new NativeJwtRules { Kind = number };
                var otherAlgorithm = new NativeJwtRules { Algorithm = number };
                Assert.Equal(InvalidArgument, Interop.tessera_jwt_key_open(number, 0, 0, (nint)(&key), 0));
                Assert.Equal(InvalidArgument, Interop.tessera_jwt_verify(
                    store, 0, 0, 0, (nint)(&otherKind), (nint)keyId, (nint)(&result), 0));
                Assert.Equal(InvalidArgument, Interop.tessera_jwt_verify(
                    store, 0, 0, 0, (nint)(&otherAlgorithm), (nint)keyId, (nint)(&result), 0));
            }
        }
    }

    [Fact]
    public void Requests_that_are_no_requests_are_errors()
    {
        using var temporary = new TemporaryStore();
        ulong store = OpenHandle(temporary.Path);
        try
        {
            var random = new Random(7);
            byte[][] requests =
            [
                [], "null"u8.ToArray(), "[]"u8.ToArray(), "{"u8.ToArray(), "{}"u8.ToArray(), "\"id\""u8.ToArray(), [0xff, 0xfe], [0],
                """{"id":1}"""u8.ToArray(),
                """{"id":"000000000000","unknown":1}"""u8.ToArray(),
                """{"id":"000000000000","id":"000000000000"}"""u8.ToArray(),
                """{"id":"\ud800"}"""u8.ToArray(),
                System.Text.Encoding.ASCII.GetBytes(new string('[', 100_000)),
                .. Enumerable.Range(0, 500).Select(_ => RandomBytes(random)),
            ];
            StoreRequest[] calls =
            [
                NativeCalls.TokenGet, NativeCalls.TokenRevoke, NativeCalls.TokenRemove, NativeCalls.TokenUpdate,
                NativeCalls.TokenRevokeSet, NativeCalls.TokenDisable, NativeCalls.TokenEnable,
                NativeCalls.RotationDeliver, NativeCalls.RotationAbandon,
                NativeCalls.IdentityRemove, NativeCalls.KeyRevoke, NativeCalls.KeyRemove, NativeCalls.KeyExport, NativeCalls.StoreBackup,
            ];
            foreach (byte[] request in requests)
            {
                foreach (StoreRequest call in calls)
                {
                    uint code = call(store, request, out NativeBuffer response);
                    TesseraException failure = Assert.ThrowsAny<TesseraException>(() => NativeResponse.ThrowIfFailed(code, response));
                    Assert.Equal(ErrorCode.InvalidArgument, failure.Code);
                }
            }

            Assert.Equal(1, temporary.Store.GetStatus().Identities);
        }
        finally
        {
            Assert.Equal(0u, NativeCalls.StoreClose(store));
        }

        static byte[] RandomBytes(Random random)
        {
            byte[] bytes = new byte[random.Next(1, 64)];
            random.NextBytes(bytes);
            return bytes;
        }
    }

    [Fact]
    public void A_buffer_of_nothing_can_be_freed()
    {
        NativeCalls.BufferFree(default);
        NativeCalls.BufferFree(default);
    }

    private static ulong OpenHandle(string path)
    {
        using PooledBuffer request = NativeResponse.Write(new OpenRequest(path, null, true, null, null), WireContext.Default.OpenRequest);
        NativeResponse.ThrowIfFailed(NativeCalls.StoreOpen(request.Span, default, out ulong store, out NativeBuffer response), response);
        return store;
    }

    private static void RefusedEverywhere(ulong handle)
    {
        StoreQuery[] queries = [NativeCalls.StoreStatus, NativeCalls.StoreCheck, NativeCalls.RoleList, NativeCalls.ProfileList, NativeCalls.KeyList, NativeCalls.AuditCheck, NativeCalls.StoreFlush];
        foreach (StoreQuery query in queries)
        {
            Refused(query(handle, out NativeBuffer response), response);
        }

        StoreRequest[] requests =
        [
            NativeCalls.StoreBackup, NativeCalls.TokenGet, NativeCalls.TokenList, NativeCalls.TokenRevoke, NativeCalls.TokenRemove,
            NativeCalls.TokenUpdate, NativeCalls.IdentityList, NativeCalls.IdentityRemove, NativeCalls.KeyCreate, NativeCalls.KeyRevoke,
            NativeCalls.KeyRemove, NativeCalls.KeyExport, NativeCalls.TokenRevokeSet, NativeCalls.TokenDisable, NativeCalls.TokenEnable,
            NativeCalls.RotationDeliver, NativeCalls.RotationAbandon, NativeCalls.StoreOptimize, NativeCalls.TokenUsage,
            NativeCalls.TokenImpact, NativeCalls.AuditList,
            NativeCalls.RoleCreate, NativeCalls.RoleUpdate, NativeCalls.RoleRemove,
            NativeCalls.ProfileGet, NativeCalls.ProfileCreate, NativeCalls.ProfileUpdate, NativeCalls.ProfileRemove,
            NativeCalls.OrganizationCreate, NativeCalls.OrganizationGet, NativeCalls.OrganizationList, NativeCalls.OrganizationUpdate,
            NativeCalls.OrganizationRemove,
        ];
        foreach (StoreRequest request in requests)
        {
            Refused(request(handle, "{}"u8, out NativeBuffer response), response);
        }

        StoreSecretRequest[] secretRequests = [NativeCalls.IdentityCreate, NativeCalls.IdentityUpdate, NativeCalls.IdentityVerify, NativeCalls.KeyImport];
        foreach (StoreSecretRequest request in secretRequests)
        {
            Refused(request(handle, "{}"u8, "x"u8, out NativeBuffer response), response);
        }

        Refused(NativeCalls.TokenGrant(handle, "{}"u8, out NativeBuffer granted, out NativeBuffer grantResponse), grantResponse);
        Assert.True(granted.Span.IsEmpty);
        Refused(NativeCalls.TokenGrantMany(handle, """{"requests":[]}"""u8, out NativeBuffer many, out NativeBuffer manyResponse), manyResponse);
        Assert.True(many.Span.IsEmpty);
        Refused(NativeCalls.TokenValue(handle, "{}"u8, out NativeBuffer kept, out NativeBuffer keptResponse), keptResponse);
        Assert.True(kept.Span.IsEmpty);
        Refused(NativeCalls.TokenRotate(handle, "{}"u8, out NativeBuffer rotated, out NativeBuffer rotation), rotation);
        Refused(NativeCalls.RotationPrepare(handle, "{}"u8, out NativeBuffer prepared, out NativeBuffer preparation), preparation);
        Assert.True(rotated.Span.IsEmpty && prepared.Span.IsEmpty);
        Refused(NativeCalls.TokenRevokeValue(handle, "{}"u8, "x"u8, out NativeBuffer revocation), revocation);
        Refused(NativeCalls.TokenDescribe(handle, "x"u8, out NativeBuffer description), description);
        Refused(Validate(handle, out NativeBuffer refusal), refusal);
        Refused(NativeCalls.StoreSignIn(handle, "{}"u8, "x"u8, out ulong signedIn, out NativeBuffer signIn), signIn);
        Assert.Equal(0u, signedIn);
        Assert.Equal(InvalidHandle, NativeCalls.StoreSetClock(handle, 0));
        Assert.Equal(InvalidHandle, NativeCalls.StoreClose(handle));
        foreach (TransferOpen open in (TransferOpen[])[NativeCalls.ExportOpen, NativeCalls.ImportOpen])
        {
            Refused(open(handle, "{\"format\":\"Csv\"}"u8, "x"u8, out ulong transfer, out NativeBuffer opened), opened);
            Assert.Equal(0UL, transfer);
        }

        Refused(NativeCalls.ExportNext(handle, out NativeBuffer piece, out NativeBuffer exported), exported);
        Assert.True(piece.Span.IsEmpty);
        Refused(NativeCalls.ImportWrite(handle, "x"u8, out NativeBuffer written), written);
        Refused(NativeCalls.ImportFinish(handle, out NativeBuffer finished), finished);
        Assert.Equal(InvalidHandle, NativeCalls.ExportClose(handle));
        Assert.Equal(InvalidHandle, NativeCalls.ImportClose(handle));
        Refused(NativeCalls.LeakOpen(handle, """{"paths":["/"]}"""u8, out ulong search, out NativeBuffer searchResponse), searchResponse);
        Assert.Equal(0UL, search);
        Refused(NativeCalls.LeakNext(handle, 0, out NativeBuffer page), page);
        Assert.Equal(InvalidHandle, NativeCalls.LeakClose(handle));

        // As the handle of a store, and as that of a key.
        Span<byte> token = stackalloc byte[TesseraLimits.TokenValueBytes];
        Span<byte> keyId = stackalloc byte[NativeJwtResult.KeyIdBytes];
        token.Clear();
        foreach (ulong key in new[] { 0UL, handle })
        {
            ulong store = key == 0 ? handle : 0;
            uint code = NativeCalls.JwtMint(store, key, "{}"u8, default, token, keyId, out NativeJwtResult result, out NativeBuffer mint);
            Refused(code, mint);
            Assert.Equal(0u, result.TokenLength);
            Assert.Equal(-1, token.IndexOfAnyExcept((byte)0));
            Refused(NativeCalls.JwtVerify(store, key, "x"u8, default, keyId, out _, out NativeBuffer verify), verify);
        }

        Assert.Equal(InvalidHandle, NativeCalls.JwtKeyClose(handle));
    }

    private static unsafe uint Validate(ulong handle, out NativeBuffer response) =>
        NativeCalls.TokenValidate(handle, "x"u8, null, stackalloc byte[16], out _, out response);

    private static void Refused(uint code, NativeBuffer response)
    {
        Assert.Equal(InvalidHandle, code);
        Assert.Equal(ErrorCode.InvalidHandle, Assert.Throws<TesseraException>(() => NativeResponse.ThrowIfFailed(code, response)).Code);
    }
}
