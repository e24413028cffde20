namespace Tessera;

/// <summary>An organisation: what a token can be given access to.</summary>
public sealed record Organization
{
    /// <summary>The store's number for it; never given to another.</summary>
    public required long Id { get; init; }

    /// <summary>The name as it was given; it holds no comma, and compares without regard to case.</summary>
    public required string Name { get; init; }

    /// <summary>Who belongs to it, sorted by name.</summary>
    public IReadOnlyList<OrganizationMember> Members { get; init; } = [];

    /// <summary>When it was made; UTC, in whole seconds.</summary>
    public required DateTimeOffset CreatedAt { get; init; }
}
