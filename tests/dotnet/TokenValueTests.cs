using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace Tessera.Tests;

/// <summary>Where the value of a token lies, and what is left of it.</summary>
public sealed class TokenValueTests
{
    [Fact]
    public void Memory_is_cleared_and_used_again_and_shows_nothing_of_the_value_before()
    {
        var first = new TokenValue("the first of two values"u8);
        byte[] memory = MemoryOf(first);
        first.Dispose();
        Assert.Equal(-1, memory.AsSpan(0, "the first of two values".Length).IndexOfAnyExcept((byte)0));

        using var second = new TokenValue("the second"u8);
        Assert.Same(memory, MemoryOf(second));
        Assert.Equal("the second", second.Reveal());
        using (System.Security.SecureString secure = second.ToSecureString())
        {
            Assert.Equal("the second".Length, secure.Length);
        }

        // What was disposed of is not the one that came after it, and a second time takes nothing away from that.
        Assert.Throws<ObjectDisposedException>(first.Reveal);
        first.Dispose();
        using var third = new TokenValue("the third"u8);
        Assert.NotSame(memory, MemoryOf(third));
        Assert.Equal("the second", second.Reveal());
        Assert.Equal("the third", third.Reveal());
    }

    [Fact]
    public void Values_of_every_length_are_given_as_they_are()
    {
        foreach (int length in (int[])[1, 54, 402, 8_192, 402, 54, 1])
        {
            string text = new('x', length);
            using var value = new TokenValue(Encoding.UTF8.GetBytes(text));
            Assert.Equal(text, value.Reveal());
        }

        using var none = new TokenValue([]);
        Assert.True(none.IsEmpty);
        Assert.Throws<InvalidOperationException>(none.Reveal);
    }

    [Fact]
    public void The_collector_moves_no_value()
    {
        for (int number = 0; number < 2; number++)
        {
            using var value = new TokenValue("the value of a token"u8);
            nint before = AddressOf(MemoryOf(value));
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);
            Assert.Equal(before, AddressOf(MemoryOf(value)));
            Assert.Equal("the value of a token", value.Reveal());
        }
    }

    private static byte[] MemoryOf(TokenValue value) =>
        (byte[])typeof(TokenValue).GetField("_memory", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(value)!;

    private static unsafe nint AddressOf(byte[] memory) =>
        (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(memory));
}
