using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Grants a token to an identity.</summary>
/// <remarks>
/// <para>The token's value is given out once, in the property Token of the result, as a SecureString; the store keeps only a keyed digest of it. Everything else about the token can be read again with <see cref="GetTesseraTokenCommand"/>.</para>
/// <para>A token follows the rules of a profile: Default, unless -Profile names another. Under Default it lives for 90 days unless -ExpiresIn, -ExpiresAt or -NoExpiry says otherwise. It has all the identity's roles unless -Role names some of them. What it may do at any time is cut to the roles that its identity has then.</para>
/// <para>A token may be tied to conditions: -Uri, -Referrer, -AllowedAddress, -DeniedAddress, -Method, -Operation, -RequiredRole, -Uses and -RateLimit. It then refuses a request that does not state the fact that a condition is about.</para>
/// <para>Identities that come over a pipeline in quick succession wait for one another, so that up to 100 tokens are written to the disk together. A token is on the disk before it is written out. Where the pipeline stops before that, after Select-Object -First or Ctrl+C for example, the tokens that nobody was given are revoked.</para>
/// <para>An opaque token, the default, is a random value. A JSON Web Token (-Format Jwt) can be read and verified by others as well; it is signed with the store's newest active signing key, made if there is none, or the one that -KeyId names, and lives for at most 400 days.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Operator
/// $grant = Grant-TesseraToken -Identity Adam -Role Reader -ExpiresIn 30.00:00:00 -Name nightly
/// Test-TesseraToken $grant.Token -Role Reader
/// </code>
/// <para>Grants Adam a token for 30 days that may only read, and checks it. $grant.Token is a SecureString, as Invoke-RestMethod -Token takes it.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Eve -Role Reader
/// New-TesseraSigningKey -Algorithm ES256
/// Grant-TesseraToken -Identity Eve -Format Jwt -Audience https://api.example -ExpiresIn 0.01:00:00
/// </code>
/// <para>Grants Eve a JSON Web Token for one hour and one audience.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Backup -Role Reader
/// (Grant-TesseraToken -Identity Backup -NoExpiry -AsPlainText).Token
/// </code>
/// <para>Shows the value of a token that never expires, to be copied into another system.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// Grant-TesseraToken Adam -Uri https://api.example/jobs -Method GET -AllowedAddress 192.0.2.0/24 -RateLimit 100
/// </code>
/// <para>Grants a token that is good for reading jobs, from one network, a hundred times a minute.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// 1..2 | ForEach-Object { Grant-TesseraToken Adam -Name nightly -IdempotencyKey 'nightly 2026-01-01' }
/// Get-TesseraToken -Name nightly
/// </code>
/// <para>A job that is run again gets the token that it was granted before, with a fresh value, and not a second one.</para>
/// </example>
/// <seealso cref="GetTesseraTokenCommand"/>
/// <seealso cref="GetTesseraProfileCommand"/>
/// <seealso cref="TestTesseraTokenCommand"/>
/// <seealso cref="UpdateTesseraTokenCommand"/>
/// <seealso cref="RevokeTesseraTokenCommand"/>
[Cmdlet(VerbsSecurity.Grant, "TesseraToken", DefaultParameterSetName = DefaultLifetimeSet, SupportsShouldProcess = true)]
[OutputType(typeof(GrantedToken))]
public sealed class GrantTesseraTokenCommand : StoreCmdlet
{
    private const string DefaultLifetimeSet = "DefaultLifetime";
    private const string ExpiresInSet = "ExpiresIn";
    private const string ExpiresAtSet = "ExpiresAt";
    private const string NoExpirySet = "NoExpiry";

    /// <summary>How many tokens are granted together at the most.</summary>
    private const int MaximumBatch = 100;

    /// <summary>How long a request waits for others. The pipeline is at whoever comes before this command meanwhile, so this is looked at when the next record comes.</summary>
    private static readonly TimeSpan MaximumWait = TimeSpan.FromMilliseconds(20);

    /// <summary>How quickly records must follow one another for a request to wait for the next. Otherwise nobody knows when that comes.</summary>
    private static readonly TimeSpan QuickSuccession = TimeSpan.FromMilliseconds(1);

    private readonly List<TokenGrantRequest> _waiting = [];
    private TimeProvider _time = TimeProvider.System;
    private TokenStore? _store;
    private TokenGrantRequest? _request;
    private bool _isKeyUsed;
    private bool _mayAsk;
    private long _waitingSince;
    private long _lastRecordEnded;

    /// <summary>The identity that the token will speak for: its name, or an identity from <see cref="GetTesseraIdentityCommand"/>.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [IdentityName]
    [ArgumentCompleter(typeof(IdentityNameCompleter))]
    public string Identity { get; set; } = null!;

    /// <summary>The names of the roles to grant, each one of the identity's or included in one. Without it: all the identity's.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [RoleName]
    [ArgumentCompleter(typeof(RoleNameCompleter))]
    public string[]? Role { get; set; }

    /// <summary>What to call the token, to find it by: 1 to 256 characters. It need not be unique.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>How long the token lives, from now or from -NotBefore, as a TimeSpan: 30.00:00:00 is 30 days, 0.01:00:00 an hour.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ExpiresInSet)]
    [Duration]
    public TimeSpan ExpiresIn { get; set; }

    /// <summary>When the token's time is over. A time without an offset is local time.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ExpiresAtSet)]
    [Time]
    public DateTimeOffset ExpiresAt { get; set; }

    /// <summary>Makes a token that never expires. Only an opaque token can.</summary>
    [Parameter(Mandatory = true, ParameterSetName = NoExpirySet)]
    public SwitchParameter NoExpiry { get; set; }

    /// <summary>When the token's time begins. A time without an offset is local time. Without it: at once.</summary>
    [Parameter]
    [ValidateNotNull]
    [Time]
    public DateTimeOffset? NotBefore { get; set; }

    /// <summary>The profile whose rules the token follows: its name, or a profile from <see cref="GetTesseraProfileCommand"/>. Without it: Default.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ProfileName]
    [ArgumentCompleter(typeof(ProfileNameCompleter))]
    public string? Profile { get; set; }

    /// <summary>The organisations that the token has access to, and never another: at most 64. Without it: all that its identity belongs to, now and later.</summary>
    [Parameter]
    [ValidateNotNull]
    [AllowEmptyCollection]
    [OrganizationName]
    [ArgumentCompleter(typeof(OrganizationNameCompleter))]
    public string[]? Organization { get; set; }

    /// <summary>The absolute URI that the token reaches: a whole site, or a path with all that lies under it. At most 2,048 bytes.</summary>
    [Parameter]
    [Alias("Subject")]
    [ValidateNotNullOrEmpty]
    public string? Uri { get; set; }

    /// <summary>The domain that requests must come from, itself or one below it, by their Referer field. It can't be read again.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Referrer { get; set; }

    /// <summary>The networks that requests must come from: addresses, or networks in CIDR form such as 192.0.2.0/24. At most 64.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? AllowedAddress { get; set; }

    /// <summary>The networks that requests must not come from, likewise. They win over the allowed ones.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? DeniedAddress { get; set; }

    /// <summary>The HTTP methods that the token may be used with: at most 16.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? Method { get; set; }

    /// <summary>The operations that the token may do, and no others: at most 64. Tessera's own, such as token.read, and any that your programs name, such as report.run.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(OperationCompleter))]
    public string[]? Operation { get; set; }

    /// <summary>The roles that the token's identity must have at each use: at most 64.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [RoleName]
    [ArgumentCompleter(typeof(RoleNameCompleter))]
    public string[]? RequiredRole { get; set; }

    /// <summary>How often the token may be used at all, in all processes together: 1 or more.</summary>
    [Parameter]
    [ValidateNotNull]
    [Count]
    public long? Uses { get; set; }

    /// <summary>How often the token may be used in each -RatePeriod: 1 to 1,000,000. Each process counts for itself.</summary>
    [Parameter]
    [ValidateNotNull]
    [Count]
    public int? RateLimit { get; set; }

    /// <summary>The period of -RateLimit, as a TimeSpan: one second to one day. Without it: one minute.</summary>
    [Parameter]
    [ValidateNotNull]
    [Duration]
    public TimeSpan? RatePeriod { get; set; }

    /// <summary>From when on checks warn that the token is about to expire. A time without an offset is local time. Without it: as the profile says.</summary>
    [Parameter]
    [ValidateNotNull]
    [Time]
    public DateTimeOffset? WarnAfter { get; set; }

    /// <summary>Makes a decoy: it admits nothing, a check says of it what it says of a guess, and that somebody presented it goes into the audit log. Lay it where only a thief would find it.</summary>
    [Parameter]
    public SwitchParameter Decoy { get; set; }

    /// <summary>A key for repeats, unique to this grant: 1 to 256 characters. Whoever repeats the command with it within 24 hours gets the same token, with a fresh value that ends the earlier one; or without a value once that was presented. A key goes with one token: for a second identity it is an error.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? IdempotencyKey { get; set; }

    /// <summary>Tags to find the token by: at most 16, each of 1 to 64 characters.</summary>
    [Parameter]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(TagCompleter))]
    public string[]? Tag { get; set; }

    /// <summary>Free text: at most 1,024 characters.</summary>
    [Parameter]
    public string? Remark { get; set; }

    /// <summary>The form of the token's value: Opaque or Jwt. Without it: as the profile says, which under Default is Opaque.</summary>
    [Parameter]
    [ValidateNotNull]
    [Choice<TokenFormat>]
    public TokenFormat? Format { get; set; }

    /// <summary>The audiences that the token is for: at most 16. A check that names another refuses it. Without it: for a JSON Web Token the store's issuer, for an opaque token every audience.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? Audience { get; set; }

    /// <summary>The id of the signing key for a JSON Web Token. Without it: the store's newest active key.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [KeyId]
    [ArgumentCompleter(typeof(KeyIdCompleter))]
    public string? KeyId { get; set; }

    /// <summary>Gives the token's value as a string. Mind that transcripts and logs keep what is shown.</summary>
    [Parameter]
    public SwitchParameter AsPlainText { get; set; }

    /// <summary>Refuses a period that nothing is counted in.</summary>
    protected override void BeginProcessing()
    {
        _mayAsk = MayAskForConfirmation;
        _time = Session.Current.TimeProvider;
        if (RatePeriod is not null && RateLimit is null)
        {
            ThrowTerminatingError(Errors.InvalidArgument(nameof(RatePeriod), "-RatePeriod goes with -RateLimit, which says how many uses there may be in it."));
        }
    }

    /// <summary>Grants a token to each identity.</summary>
    protected override void ProcessRecord()
    {
        if (IdempotencyKey is not null && _isKeyUsed)
        {
            WriteError(Errors.KeyOfOneToken());
            return;
        }

        _isKeyUsed = true;
        if (!ShouldProcess($"identity '{Identity}'", "Grant token"))
        {
            return;
        }

        TokenStore store = CurrentStore;
        if (store != _store)
        {
            GrantWaiting();
            _store = store;
        }

        if (_waiting.Count == 0)
        {
            _waitingSince = _time.GetTimestamp();
        }

        // Only the identity comes over the pipeline.
        _request ??= CreateRequest();
        _waiting.Add(_request with { Identity = Identity });
        if (!MayWait || _waiting.Count == MaximumBatch || _time.GetElapsedTime(_waitingSince) >= MaximumWait)
        {
            GrantWaiting();
        }

        _lastRecordEnded = _time.GetTimestamp();
    }

    /// <summary>Grants what still waits.</summary>
    protected override void EndProcessing() => GrantWaiting();

    /// <summary>Whether the request of this record may wait for the next one: one seems to be on its way, and nobody is asked anything meanwhile.</summary>
    private bool MayWait =>
        MyInvocation.ExpectingInput
        && !_mayAsk
        && IdempotencyKey is null
        && _lastRecordEnded != 0
        && _time.GetElapsedTime(_lastRecordEnded) < QuickSuccession;

    /// <summary>Grants a token for each request that waits, and writes out what became of them in their order.</summary>
    private void GrantWaiting()
    {
        if (_waiting.Count == 0)
        {
            return;
        }

        TokenStore store = _store!;
        TokenGrantRequest[] requests = [.. _waiting];
        _waiting.Clear();
        IReadOnlyList<TokenGrantResult> results = GrantAll(store, requests);
        int settled = 0;
        try
        {
            while (settled < results.Count)
            {
                TokenGrantResult result = results[settled];
                if (!result.IsGranted)
                {
                    TokenGrantRequest request = requests[settled++];
                    Attempt(request.Identity, () => throw result.Error);
                    continue;
                }

                if (IsVerbose)
                {
                    WriteVerbose($"Granted {Text.Describe(result.Grant.Token)}; it {Text.Expiry(result.Grant.Token.ExpiresAt)}.");
                }

                if (!result.Grant.HasValue)
                {
                    WriteWarning($"The {Text.Describe(result.Grant.Token)} was granted before with this key. Its value is in use already, or it is of no use any more, so there is no value.");
                }

                WriteObject(HandOver(new GrantedToken(result.Grant, AsPlainText)), enumerateCollection: true);
            }
        }
        finally
        {
            // All of them, unless the pipeline stopped.
            RevokeUnwritten(store, requests, results, settled);
            foreach (TokenGrantResult result in results)
            {
                result.Dispose();
            }
        }

        // The pipeline takes it out only where it is not stopping: from then on the next command has it.
        IEnumerable<GrantedToken> HandOver(GrantedToken token)
        {
            settled++;
            yield return token;
        }
    }

    private IReadOnlyList<TokenGrantResult> GrantAll(TokenStore store, TokenGrantRequest[] requests)
    {
        try
        {
            return store.GrantMany(requests);
        }
        catch (TesseraException exception)
        {
            return [.. requests.Select(_ => new TokenGrantResult { Error = exception })];
        }
        catch (ObjectDisposedException exception)
        {
            foreach (TokenGrantRequest _ in requests)
            {
                WriteError(Errors.StoreClosed(exception));
            }

            return [];
        }
    }

    /// <summary>Revokes the tokens that were granted and never written out. One with a key for repeats is left to whoever repeats the command.</summary>
    private static void RevokeUnwritten(TokenStore store, TokenGrantRequest[] requests, IReadOnlyList<TokenGrantResult> results, int settled)
    {
        for (int index = settled; index < results.Count; index++)
        {
            if (results[index].Grant is not { } grant || requests[index].IdempotencyKey is not null)
            {
                continue;
            }

            try
            {
                store.Revoke(grant.Token.Id, "The pipeline stopped before the token was written out.");
            }
            catch (Exception exception) when (exception is TesseraException or ObjectDisposedException)
            {
                // A pipeline that is stopping takes no messages any more; the audit log has the grant.
            }
        }
    }

    private TokenGrantRequest CreateRequest() => new()
    {
        Identity = Identity,
        Name = Name,
        Roles = Role,
        Format = Format,
        ExpiresIn = ParameterSetName == ExpiresInSet ? ExpiresIn : null,
        ExpiresAt = ParameterSetName == ExpiresAtSet ? ExpiresAt : null,
        NoExpiry = NoExpiry,
        NotBefore = NotBefore,
        Tags = Tag,
        Remark = Remark,
        Audiences = Audience,
        KeyId = KeyId,
        Profile = Profile,
        Organizations = Organization,
        Conditions = HasConditions ? CreateConditions() : null,
        WarnAfter = WarnAfter,
        IsDecoy = Decoy,
        IdempotencyKey = IdempotencyKey,
    };

    private bool HasConditions =>
        Uri is not null || Referrer is not null || (AllowedAddress ?? DeniedAddress ?? Method ?? Operation ?? RequiredRole) is not null || Uses is not null || RateLimit is not null;

    private TokenConditions CreateConditions() => new()
    {
        Subject = Uri,
        Referrer = Referrer,
        AllowedAddresses = AllowedAddress ?? [],
        DeniedAddresses = DeniedAddress ?? [],
        Methods = Method ?? [],
        Operations = Operation ?? [],
        RequiredRoles = RequiredRole ?? [],
        Uses = Uses,
        RateLimit = RateLimit is { } uses ? new TokenRateLimit { Uses = uses, Period = RatePeriod ?? TimeSpan.FromMinutes(1) } : null,
    };
}
