using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Checks a token that somebody presented.</summary>
/// <remarks>
/// <para>Gives $true where the token is good and, is admitted for the request that -Role, -Audience, -Uri, -Method, -Referrer, -RemoteAddress, -Organization and -Operation describe; otherwise $false. What a token is tied to must be stated: without an address, a token that is tied to addresses is refused. With -Detailed it gives the verdict: the outcome, the token and its identity, the roles it has now, and how old the evidence may be.</para>
/// <para>The store is asked at each check: a token that was revoked, by this or another process, is refused from then on.</para>
/// <para>Tell whoever presented a token only that it was refused; the outcome is for you.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Operator
/// $grant = Grant-TesseraToken -Identity Adam -Role Reader
/// Test-TesseraToken $grant.Token -Role Reader
/// Test-TesseraToken $grant.Token -Role Administrator
/// </code>
/// <para>Gives $true for a role that the token has, and $false for one that it lacks.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Eve -Role Reader
/// Grant-TesseraToken -Identity Eve | Test-TesseraToken -Detailed
/// </code>
/// <para>Shows the verdict on a token.</para>
/// </example>
/// <seealso cref="GrantTesseraTokenCommand"/>
/// <seealso cref="RevokeTesseraTokenCommand"/>
/// <seealso cref="TestTesseraJsonWebTokenCommand"/>
[Cmdlet(VerbsDiagnostic.Test, "TesseraToken")]
[OutputType(typeof(bool), typeof(Verdict))]
public sealed class TestTesseraTokenCommand : StoreCmdlet
{
    // Made once for a pipeline, not for each of its records.
    private Action? _check;
    private TokenStore? _store;

    /// <summary>The token's value, as a string or a SecureString, or an object from <see cref="GrantTesseraTokenCommand"/> or with a property Token. One value: PowerShell's own error repeats what is left over on the command line.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SecretText(nameof(Token))]
    public SecretText Token { get; set; } = null!;

    /// <summary>The role that the token must have, itself or through a role that includes it.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [RoleName]
    [ArgumentCompleter(typeof(RoleNameCompleter))]
    public string? Role { get; set; }

    /// <summary>The audience that the token must be for, compared exactly. A token that names no audience serves every one.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Audience { get; set; }

    /// <summary>The absolute URI that the request is made for. A token that is tied to a subject is refused without one.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Uri { get; set; }

    /// <summary>The HTTP method of the request, in capitals. A token that is tied to methods is refused without one.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Method { get; set; }

    /// <summary>The Referer field of the request. A token that is tied to a referrer is refused without one.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Referrer { get; set; }

    /// <summary>The address that the request comes from, IPv4 or IPv6. A token that is tied to addresses is refused without one.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? RemoteAddress { get; set; }

    /// <summary>The organisation that the request is about, to which the token must have access.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [OrganizationName]
    [ArgumentCompleter(typeof(OrganizationNameCompleter))]
    public string? Organization { get; set; }

    /// <summary>The operation that the request asks for, such as job.run. The profile of the token may deny it, and a token that is tied to operations is refused without one.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(OperationCompleter))]
    public string? Operation { get; set; }

    /// <summary>Gives the verdict instead of $true or $false.</summary>
    [Parameter]
    public SwitchParameter Detailed { get; set; }

    /// <summary>Notes what every token is to be good for.</summary>
    protected override void BeginProcessing()
    {
        var context = new AccessContext
        {
            Role = Role,
            Audience = Audience,
            Uri = Uri,
            Method = Method,
            Referrer = Referrer,
            RemoteAddress = RemoteAddress,
            Organization = Organization,
            Operation = Operation,
        };
        SecretText.Reader<Verdict> validate = value => _store!.Validate(value, context);
        _check = () => Report(Token.Read(validate));
    }

    /// <summary>Checks each token.</summary>
    protected override void ProcessRecord()
    {
        if (IsUsable(Token, nameof(Token)))
        {
            _store = CurrentStore;
            Attempt(target: null, _check!);
        }
    }

    private void Report(Verdict verdict)
    {
        if (IsVerbose)
        {
            string subject = verdict.Token is { } token ? Text.Describe(token) : "a value that is no token of this store";
            WriteVerbose($"Checked {subject}: {verdict.Outcome}.");
        }

        if (verdict is { IsValid: true, IsExpiring: true, Token: { } expiring })
        {
            WriteWarning($"The token {Text.Describe(expiring)} is about to expire. Rotate it with Update-TesseraToken.");
        }

        if (Detailed)
        {
            WriteObject(verdict);
            return;
        }

        // A plain $false would hide that nothing is known of the token.
        if (verdict.Outcome == Outcome.StoreUnavailable)
        {
            WriteError(Errors.StoreUnavailable());
        }

        WriteObject(verdict.IsValid);
    }
}
