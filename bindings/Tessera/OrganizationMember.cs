namespace Tessera;

/// <summary>An identity that belongs to an organisation.</summary>
public sealed record OrganizationMember
{
    /// <summary>The identity's name.</summary>
    public required string Identity { get; init; }

    /// <summary>Whether it may see and revoke every token with access to the organisation.</summary>
    public bool IsAdministrator { get; init; }
}
