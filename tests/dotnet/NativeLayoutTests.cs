using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tessera.Native;

namespace Tessera.Tests;

/// <summary>The structs that are written by hand for speed have the layout of those that are generated.</summary>
public sealed class NativeLayoutTests
{
    [Fact]
    public void A_validation_lies_in_memory_as_the_engine_writes_it()
    {
        Assert.Equal(Marshal.SizeOf<Validation.Unmanaged>(), Unsafe.SizeOf<NativeValidation>());
        Assert.Equal(Layout<Validation.Unmanaged>(), Layout<NativeValidation>());
    }

    [Fact]
    public void A_buffer_lies_in_memory_as_the_engine_writes_it()
    {
        Assert.Equal(Marshal.SizeOf<Native.Buffer.Unmanaged>(), Unsafe.SizeOf<NativeBuffer>());
        Assert.Equal(Layout<Native.Buffer.Unmanaged>(), Layout<NativeBuffer>());
    }

    [Fact]
    public void What_is_asked_and_found_of_a_web_token_lies_in_memory_as_the_engine_has_it()
    {
        Assert.Equal(Marshal.SizeOf<JwtMinting.Unmanaged>(), Unsafe.SizeOf<NativeJwtMinting>());
        Assert.Equal(Layout<JwtMinting.Unmanaged>(), Layout<NativeJwtMinting>());
        Assert.Equal(Marshal.SizeOf<JwtRules.Unmanaged>(), Unsafe.SizeOf<NativeJwtRules>());
        Assert.Equal(Layout<JwtRules.Unmanaged>(), Layout<NativeJwtRules>());
        Assert.Equal(Marshal.SizeOf<JwtResult.Unmanaged>(), Unsafe.SizeOf<NativeJwtResult>());
        Assert.Equal(Layout<JwtResult.Unmanaged>(), Layout<NativeJwtResult>());
    }

    // Where each field lies. With the same whole size, so are the fields' sizes.
    private static IEnumerable<int> Layout<T>() =>
        typeof(T).GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .Select(field => (int)Marshal.OffsetOf<T>(field.Name))
            .Order();
}
