using System.Globalization;

namespace Tessera.PowerShell;

/// <summary>A value of a token that lies in a file. The value itself is not in it.</summary>
public sealed class FoundToken
{
    private readonly LeakedToken _leak;

    internal FoundToken(LeakedToken leak) => _leak = leak;

    /// <summary>The full path of the file.</summary>
    public string Path => _leak.Path;

    /// <summary>The line in which the value begins, from 1.</summary>
    public long Line => _leak.Line;

    /// <summary>Where the value begins, in bytes from the start of the file.</summary>
    public long Offset => _leak.Offset;

    /// <summary>Path and line, as they are shown: without a token in the name of the file.</summary>
    public string Place => string.Create(CultureInfo.InvariantCulture, $"{Redaction.Redact(Path)}:{Line}");

    /// <summary>What the value looks like.</summary>
    public LeakKind Kind => _leak.Kind;

    /// <summary>The public id of the token. Null where the store has no token with this value.</summary>
    public string? Id => _leak.Token?.Id;

    /// <summary>The public id that the value states. Anyone can write such a text: without <see cref="Id"/> it means nothing.</summary>
    public string? StatedId => _leak.StatedId;

    /// <summary>The state of the token after the command, or Unknown where the store has no token with this value.</summary>
    public string State => _leak.Token?.State.ToString() ?? "Unknown";

    /// <summary>The name of the identity that the token speaks for.</summary>
    public string? Identity => _leak.Token?.Identity;

    /// <summary>What its owner calls the token.</summary>
    public string? Name => _leak.Token?.Name;

    /// <summary>Whether the token is a decoy, which admits nothing.</summary>
    public bool IsDecoy => _leak.Token is { IsDecoy: true };

    /// <summary>The id of the store's key that signed the value, where it is a JSON Web Token.</summary>
    public string? KeyId => _leak.KeyId;

    /// <summary>The token, without its value.</summary>
    public Token? Token => _leak.Token;

    /// <summary>Names the token by its public id, and the place.</summary>
    public override string ToString() => $"{Id ?? State} in {Place}";
}
