using System.Buffers;
using Tessera.Native;

namespace Tessera.Tests;

public sealed class PooledBufferTests
{
    // The pool gives a thread back the array that it returned last, so that what a buffer left in it shows.
    [Fact]
    public void What_was_written_is_cleared_when_the_buffer_grows_and_when_it_is_disposed_of()
    {
        byte[] secret = new byte[400];
        Array.Fill(secret, (byte)0x5a);
        var buffer = new PooledBuffer();
        for (int round = 0; round < 10; round++)
        {
            buffer.Write(secret);
        }

        Assert.Equal(4_000, buffer.Length);
        Assert.Equal(-1, buffer.Span.IndexOfAnyExcept((byte)0x5a));
        buffer.Dispose();
        buffer.Dispose();

        Assert.Equal(0, buffer.Length);
        foreach (int size in new[] { 512, 1_024, 2_048, 4_096 })
        {
            byte[] rented = ArrayPool<byte>.Shared.Rent(size);
            Assert.DoesNotContain((byte)0x5a, rented);
            ArrayPool<byte>.Shared.Return(rented);
        }
    }
}
