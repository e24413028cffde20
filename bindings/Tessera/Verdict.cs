using Tessera.Native;

namespace Tessera;

/// <summary>What a check found, and on what evidence.</summary>
/// <remarks>
/// <para>
/// A token that was found and refused is given too, since the caller owns the store. Whoever presented it should be
/// told no more than that it was refused.
/// </para>
/// <para>A verdict that nobody made, <c>default(Verdict)</c>, is <see cref="Outcome.StoreUnavailable"/> and never
/// valid.</para>
/// </remarks>
public readonly record struct Verdict
{
    // Valid has the number zero, and so has a field that nobody set: this keeps the two apart.
    private readonly bool _isDecided;
    private readonly Outcome _outcome;
    private readonly IReadOnlyList<string>? _roles;

    /// <summary>What a check answered.</summary>
    /// <param name="found">What is shown of the token. <see langword="null"/> where there is none, or none any more.</param>
    /// <param name="answer">The native library's answer.</param>
    internal Verdict(VerdictRecord? found, in NativeValidation answer)
    {
        _isDecided = true;
        var outcome = (Outcome)answer.Outcome;
        if (found is not null)
        {
            _outcome = outcome;
            _roles = found.Roles;
            Token = found.Token;
            Identity = found.Identity;
            IsExpiring = answer.IsExpiring != 0;
        }
        else
        {
            // What nobody can be named for is not valid: the token was there a moment ago and is gone.
            _outcome = outcome == Outcome.Valid ? Outcome.Unknown : outcome;
        }

        if (answer.EvidenceAgeMilliseconds != 0)
        {
            EvidenceAge = answer.EvidenceAgeMilliseconds < (ulong)TimeSpan.MaxValue.TotalMilliseconds
                ? TimeSpan.FromMilliseconds((long)answer.EvidenceAgeMilliseconds)
                : TimeSpan.MaxValue;
        }
    }

    /// <summary>The outcome.</summary>
    public Outcome Outcome
    {
        get => _isDecided ? _outcome : Outcome.StoreUnavailable;
        init
        {
            _isDecided = true;
            _outcome = value;
        }
    }

    /// <summary>Whether the token is good for this request: <see cref="Outcome"/> is
    /// <see cref="Outcome.Valid"/>.</summary>
    public bool IsValid => Outcome == Outcome.Valid;

    /// <summary>The token, where one was found; otherwise <see langword="null"/>. It is as it was when the check had to read
    /// it last, so its <see cref="Token.LastUsedAt"/> may be of some time ago: using a token does not change it.</summary>
    public Token? Token { get; init; }

    /// <summary>The name of the identity that the token speaks for, where a token was found; otherwise
    /// <see langword="null"/>.</summary>
    public string? Identity { get; init; }

    /// <summary>Whether the token is about to expire: its <see cref="Token.WarnAfter"/> has come.</summary>
    public bool IsExpiring { get; init; }

    /// <summary>The names of the roles that the token has now: what it was granted, cut to what its identity has. Empty
    /// where no token was found.</summary>
    public IReadOnlyList<string> Roles
    {
        get => _roles ?? [];
        init => _roles = value;
    }

    /// <summary>How old the evidence may be. Zero on an embedded store, where a check sees every revocation that ended
    /// before it began.</summary>
    public TimeSpan EvidenceAge { get; init; }
}
