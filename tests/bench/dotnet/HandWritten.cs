using System.Security.Cryptography;
using Microsoft.Data.Sqlite;

namespace Tessera.Benchmarks;

/// <summary>What a program without Tessera does to check opaque tokens: SHA-256 and one indexed look-up, by a statement
/// that is prepared once, on a connection that stays open, with the settings of Tessera's readers.</summary>
internal sealed class HandWritten : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly SqliteCommand _command;
    private readonly SqliteParameter _digest;

    internal HandWritten(string path)
    {
        _connection = new SqliteConnection($"Data Source={path}");
        _connection.Open();
        using (SqliteCommand pragmas = _connection.CreateCommand())
        {
            pragmas.CommandText = "PRAGMA cache_size = -16384; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA query_only = TRUE;";
            pragmas.ExecuteNonQuery();
        }

        _command = _connection.CreateCommand();
        _command.CommandText = "SELECT identity, roles, expires_at, revoked_at FROM token WHERE digest = $digest";
        _digest = _command.Parameters.Add("$digest", SqliteType.Blob);
        _command.Prepare();
    }

    /// <summary>Says for whom a token speaks; <see langword="null"/>: it is refused.</summary>
    internal string? Check(string value)
    {
        Span<byte> utf8 = stackalloc byte[256];
        int length = System.Text.Encoding.UTF8.GetBytes(value, utf8);
        byte[] digest = new byte[SHA256.HashSizeInBytes];
        SHA256.HashData(utf8[..length], digest);
        _digest.Value = digest;
        using SqliteDataReader reader = _command.ExecuteReader();
        if (!reader.Read())
        {
            return null;
        }

        string identity = reader.GetString(0);
        string roles = reader.GetString(1);
        bool isOver = !reader.IsDBNull(2) && reader.GetInt64(2) <= DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        bool isRevoked = !reader.IsDBNull(3);
        return isOver || isRevoked || roles.Length == 0 ? null : identity;
    }

    public void Dispose()
    {
        _command.Dispose();
        _connection.Dispose();
    }
}
