using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Rotates tokens: each gets a successor with a new value, and gives way to it.</summary>
/// <remarks>
/// <para>The successor has all that the token has (identity, roles, name, tags, conditions), with an id, a value and a life of its own, as long as the token was granted for unless -ExpiresIn, -ExpiresAt or -NoExpiry says otherwise. Its value is given out once, in the property Token of the result.</para>
/// <para>When the token gives way, -Mode says. Confirm, the default: when the successor is first used, so that nothing stops if the new value never arrives; -Deadline ends it at that time all the same. Grace: after -Grace, in which both are good. Immediate: at once. From then on a check of the token says Revoked, and whoever presents it raises an event in the audit log.</para>
/// <para>-Vault hands the new value to where it is kept before anything changes. The script block finds it in $_ and in its first argument, as a SecureString (with -AsPlainText as a string), and the successor's record in its second argument: { Set-Secret nightly $_ }, or { param($value, $token) Set-Secret -Name $token.Name -Secret $value }. It runs with $ErrorActionPreference at Stop. If it fails, the rotation is taken back, the token stays as it was, and the failure is told as the error Tessera.VaultFailed. If the rotation is refused afterwards, the vault has a value that no check accepts: the error Tessera.NotDelivered says so. What it writes is dropped, and the result's property Token is $null. Where the whole script ends between the vault and the rotation, the vault has a value that no check accepts: run it again, with the same -IdempotencyKey.</para>
/// <para>A token has one successor at a time: a second rotation is an error until the successor is revoked. With -IdempotencyKey the same command may be repeated, for a day: it leads to the same successor with a fresh value, which ends the earlier one, and to none once a value was used or is in the vault. Give one to a script that may be broken off, but not to two that may run at once: the value of the later one counts, and a vault might keep that of the earlier.</para>
/// </remarks>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// $old = Grant-TesseraToken -Identity Adam -Name nightly -ExpiresIn 30.00:00:00
/// $new = Update-TesseraToken $old
/// Test-TesseraToken $new
/// Test-TesseraToken $old
/// </code>
/// <para>Rotates a token. The first use of the new value, here a check, ends the old one: $true, then $false.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// $old = Grant-TesseraToken -Identity Adam -Name nightly
/// $vault = @{}
/// Update-TesseraToken $old -Grace 0.01:00:00 -Vault { param($value, $token) $vault[$token.Name] = $value }
/// </code>
/// <para>Puts the new value into a vault, here a table. Both values are good for an hour.</para>
/// </example>
/// <example>
/// <code>
/// Get-TesseraToken -State Active -ExpiresBefore ([DateTimeOffset]::UtcNow.AddDays(7)) |
///     Update-TesseraToken -Vault { param($value, $token) Set-Secret -Name $token.Name -Secret $value }
/// </code>
/// <para>Rotates the tokens that end within a week, with a vault that has a command Set-Secret.</para>
/// </example>
/// <seealso cref="GrantTesseraTokenCommand"/>
/// <seealso cref="GetTesseraTokenCommand"/>
/// <seealso cref="RevokeTesseraTokenCommand"/>
[Cmdlet(VerbsData.Update, "TesseraToken", DefaultParameterSetName = DefaultLifetimeSet, SupportsShouldProcess = true)]
[OutputType(typeof(RotatedToken))]
public sealed class UpdateTesseraTokenCommand : StoreCmdlet
{
    private const string DefaultLifetimeSet = "DefaultLifetime";
    private const string ExpiresInSet = "ExpiresIn";
    private const string ExpiresAtSet = "ExpiresAt";
    private const string NoExpirySet = "NoExpiry";

    // A list of tokens is read while they are rotated, and successors come at its end: it would never end.
    private readonly HashSet<string> _successors = new(StringComparer.Ordinal);
    private bool _isKeyUsed;

    /// <summary>The public ids of the tokens, or tokens from <see cref="GetTesseraTokenCommand"/> or <see cref="GrantTesseraTokenCommand"/>. Never a token's value.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TokenId]
    [ArgumentCompleter(typeof(TokenIdCompleter))]
    public string[] Id { get; set; } = null!;

    /// <summary>When the token gives way: Confirm (when its successor is first used), Grace (after -Grace) or Immediate.</summary>
    /// <value>Confirm; with -Grace, Grace</value>
    [Parameter]
    [Choice<RotationMode>]
    public RotationMode Mode { get; set; } = RotationMode.Confirm;

    /// <summary>How long the token is good beside its successor, as a TimeSpan: 0.01:00:00 is an hour. Only with the mode Grace, and not for a token whose uses are counted.</summary>
    [Parameter]
    [ValidateNotNull]
    [Duration]
    public TimeSpan? Grace { get; set; }

    /// <summary>When the token gives way even if nobody has used its successor. Only with the mode Confirm. A time without an offset is local time.</summary>
    [Parameter]
    [ValidateNotNull]
    [Time]
    public DateTimeOffset? Deadline { get; set; }

    /// <summary>How long the successor lives, as a TimeSpan: 30.00:00:00 is 30 days, 0.01:00:00 an hour.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ExpiresInSet)]
    [Duration]
    public TimeSpan ExpiresIn { get; set; }

    /// <summary>When the successor's time is over. A time without an offset is local time.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ExpiresAtSet)]
    [Time]
    public DateTimeOffset ExpiresAt { get; set; }

    /// <summary>Makes a successor that never expires. Only an opaque token can.</summary>
    [Parameter(Mandatory = true, ParameterSetName = NoExpirySet)]
    public SwitchParameter NoExpiry { get; set; }

    /// <summary>A key for repeats of this command with the same token and parameters within a day: 1 to 256 characters. A key goes with one token: for a second it is an error.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? IdempotencyKey { get; set; }

    /// <summary>What puts the new value where it is kept, before it counts: a script block that has the value in $_ and as its first argument, and the successor's record as its second.</summary>
    [Parameter]
    [ValidateNotNull]
    [Script]
    public ScriptBlock? Vault { get; set; }

    /// <summary>Gives the new value, to -Vault too, as a string. Mind that transcripts and logs keep what is shown.</summary>
    [Parameter]
    public SwitchParameter AsPlainText { get; set; }

    /// <summary>Rotates each token.</summary>
    protected override void ProcessRecord()
    {
        TokenStore store = CurrentStore;
        foreach (string id in Id)
        {
            if (_successors.Contains(id))
            {
                WriteVerbose($"Nothing to do: the token {id} was made by this very command.");
                continue;
            }

            if (IdempotencyKey is not null && _isKeyUsed)
            {
                WriteError(Errors.KeyOfOneToken());
                continue;
            }

            _isKeyUsed = true;
            if (TryGetToken(store, id) is { } token && ShouldRotate(store, token))
            {
                Attempt(id, () => Rotate(store, CreateRequest(id)));
            }
        }
    }

    private bool IsGrace => Grace is not null && !MyInvocation.BoundParameters.ContainsKey(nameof(Mode));

    private bool ShouldRotate(TokenStore store, Token token) => Mode == RotationMode.Immediate
        ? ShouldEnd(store, token, "Rotate at once")
        : ShouldProcess(Text.Describe(token), "Rotate");

    private TokenRotationRequest CreateRequest(string id) => new()
    {
        Id = id,
        Mode = IsGrace ? RotationMode.Grace : Mode,
        Grace = Grace,
        Deadline = Deadline,
        ExpiresIn = ParameterSetName == ExpiresInSet ? ExpiresIn : null,
        ExpiresAt = ParameterSetName == ExpiresAtSet ? ExpiresAt : null,
        NoExpiry = NoExpiry,
        IdempotencyKey = IdempotencyKey,
    };

    private void Rotate(TokenStore store, TokenRotationRequest request)
    {
        if (Vault is not null)
        {
            RotateIntoVault(store, request, Vault);
            return;
        }

        using TokenRotation rotation = store.Rotate(request);
        if (rotation.Value is null)
        {
            WriteWarning($"{Text.Describe(rotation.Predecessor)} was rotated with this key before, and the new value was used since: it is not given out again.");
        }

        Report(rotation, rotation.Value);
    }

    private void RotateIntoVault(TokenStore store, TokenRotationRequest request, ScriptBlock vault)
    {
        using PreparedRotation prepared = store.PrepareRotation(request);
        if (prepared.Value is { } value)
        {
            try
            {
                HandOver(vault, AsPlainText ? value.Reveal() : value.ToSecureString(), prepared.Successor);
            }
            catch (RuntimeException exception) when (exception is not PipelineStoppedException)
            {
                WriteError(Errors.VaultFailed(exception, request.Id));
                return;
            }
        }
        else
        {
            WriteVerbose($"The vault took the new value before, with this key; it is not handed over again.");
        }

        try
        {
            using TokenRotation rotation = prepared.Deliver();
            Report(rotation, value: null);
        }
        catch (TesseraException exception)
        {
            WriteError(Errors.NotDelivered(exception, request.Id));
        }
    }

    /// <summary>Runs the script block with the value in $_ and both arguments. Every error that it does not deal with itself ends it.</summary>
    private void HandOver(ScriptBlock vault, object value, Token successor)
    {
        const string Preference = "ErrorActionPreference";

        // Its own scope is not seen by functions of a script module, which read the global one.
        object before = SessionState.PSVariable.GetValue($"global:{Preference}");
        SessionState.PSVariable.Set($"global:{Preference}", ActionPreference.Stop);
        try
        {
            _ = vault.InvokeWithContext(
                functionsToDefine: null,
                [new PSVariable("_", value), new PSVariable(Preference, ActionPreference.Stop)],
                value,
                successor);
        }
        finally
        {
            SessionState.PSVariable.Set($"global:{Preference}", before);
        }
    }

    private void Report(TokenRotation rotation, TokenValue? value)
    {
        WriteVerbose($"Rotated {Text.Describe(rotation.Predecessor)}: {rotation.Successor.Id} takes over; it {Text.Expiry(rotation.Successor.ExpiresAt)}.");
        _successors.Add(rotation.Successor.Id);
        WriteObject(new RotatedToken(rotation, value, AsPlainText));
    }
}
