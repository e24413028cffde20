namespace Tessera;

/// <summary>Someone or something that tokens speak for.</summary>
public sealed record Identity
{
    /// <summary>The store's number for it; never given to another.</summary>
    public required long Id { get; init; }

    /// <summary>The name as it was given: 1 to 256 characters. Names compare without regard to case, after Unicode
    /// normal form C.</summary>
    public required string Name { get; init; }

    /// <summary>The names of its roles, sorted.</summary>
    public IReadOnlyList<string> Roles { get; init; } = [];

    /// <summary>Whether it can be recognised by a password.</summary>
    public bool HasPassword { get; init; }

    /// <summary>Where it is known from, when that is another system, such as a provider of single sign-on.</summary>
    public string? Source { get; init; }

    /// <summary>The names of the organisations that it belongs to, sorted.</summary>
    public IReadOnlyList<string> Organizations { get; init; } = [];

    /// <summary>When it was made; UTC, in whole seconds.</summary>
    public required DateTimeOffset CreatedAt { get; init; }
}
