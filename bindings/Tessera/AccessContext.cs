namespace Tessera;

/// <summary>What a request wants, for <see cref="TokenStore.Validate(ReadOnlySpan{char}, in AccessContext)"/> to hold a
/// token against.</summary>
/// <remarks>
/// <para>A role, an audience and an organisation are checked where they are given. What a token is tied to, see
/// <see cref="TokenConditions"/>, must be given: a token that is tied to addresses is refused where there is no
/// address.</para>
/// <para>An empty member is refused, so that a setting left blank cannot switch a check off.</para>
/// </remarks>
public readonly record struct AccessContext
{
    /// <summary>The role that the token must have, itself or through a role that includes it: 1 to 256 characters,
    /// compared without regard to case.</summary>
    public string? Role { get; init; }

    /// <summary>The audience that the token must be for: 1 to 256 characters, compared exactly (RFC 7519 section
    /// 4.1.3). A token that names no audience serves every one.</summary>
    public string? Audience { get; init; }

    /// <summary>The absolute URI that the request is made for: 1 to 2,048 characters.</summary>
    public string? Uri { get; init; }

    /// <summary>The HTTP method of the request, compared exactly (RFC 9110 section 9.1): 1 to 256 characters.</summary>
    public string? Method { get; init; }

    /// <summary>The request's <c>Referer</c> field (RFC 9110 section 10.1.3): 1 to 2,048 characters.</summary>
    public string? Referrer { get; init; }

    /// <summary>The address that the request comes from: IPv4 or IPv6, without port and zone.</summary>
    public string? RemoteAddress { get; init; }

    /// <summary>The organisation that the request is about: 1 to 256 characters, compared without regard to
    /// case.</summary>
    public string? Organization { get; init; }

    /// <summary>The operation that the request asks for, by its name, such as <c>job.run</c>: 1 to 256
    /// characters.</summary>
    public string? Operation { get; init; }

    /// <summary>Whether nothing is asked but a good token.</summary>
    internal bool IsEmpty =>
        Role is null && Audience is null && Uri is null && Method is null && Referrer is null && RemoteAddress is null
        && Organization is null && Operation is null;
}
