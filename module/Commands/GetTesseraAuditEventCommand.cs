using System.Management.Automation;

namespace Tessera.PowerShell;

/// <summary>Gets events of a store's audit log: what was done or refused, by whom and when.</summary>
/// <remarks>
/// <para>Every grant, revocation and other change leaves one event, and so does every refused check, every session that was not permitted something, and once a day the use of a token that is about to expire. The first time that somebody presents the value of a token that has given way by rotation, or of a decoy, there is an event token.reuse or token.decoy. Where checks are refused by the hundred, the first 20 of each kind in half a minute have an event each, and one more says how many there were beside them. Changes are in the log when their command has ended; refusals a little later.</para>
/// <para>The newest come first, unless -Oldest is given. Conditions narrow the list; an event must meet all of them. Events are read in pages as they are asked for, so that -First of a large log is quick. Only administrators may read the log.</para>
/// </remarks>
/// <example>
/// <code>
/// Get-TesseraAuditEvent -First 20
/// </code>
/// <para>Gets the last 20 events.</para>
/// </example>
/// <example>
/// <code>
/// New-TesseraIdentity Adam -Role Reader
/// $grant = Grant-TesseraToken Adam
/// Revoke-TesseraToken $grant -Reason 'left the team' -Confirm:$false
/// $grant | Get-TesseraAuditEvent -Oldest
/// </code>
/// <para>Shows the life of a token: who granted and who revoked it.</para>
/// </example>
/// <example>
/// <code>
/// Get-TesseraAuditEvent -Event *.refuse -After ([DateTimeOffset]::UtcNow.AddDays(-1)) | Where-Object Outcome -NE Expired
/// </code>
/// <para>Shows what was refused in the last day for another reason than its age.</para>
/// </example>
/// <seealso cref="TestTesseraAuditLogCommand"/>
/// <seealso cref="GetTesseraTokenCommand"/>
[Cmdlet(VerbsCommon.Get, "TesseraAuditEvent", SupportsPaging = true)]
[OutputType(typeof(AuditEvent))]
public sealed class GetTesseraAuditEventCommand : StoreCmdlet
{
    private ulong _skipped;
    private ulong _written;

    /// <summary>Events of this name, in any case: token.grant, for example. * stands for any characters and ? for one.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(AuditEventNameCompleter))]
    public string? Event { get; set; }

    /// <summary>What was done by an actor of this name, in any case: an identity, or local owner. * stands for any characters and ? for one.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [IdentityName]
    [ArgumentCompleter(typeof(IdentityNameCompleter))]
    public string? Actor { get; set; }

    /// <summary>What was done to this token: its public id, or a token from <see cref="GetTesseraTokenCommand"/> or <see cref="GrantTesseraTokenCommand"/>. It may be removed by now. Never a token's value.</summary>
    [Parameter(ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Id")]
    [ValidateNotNullOrEmpty]
    [TokenId]
    [ArgumentCompleter(typeof(TokenIdCompleter))]
    public string? TokenId { get; set; }

    /// <summary>What was done to things of this kind.</summary>
    [Parameter]
    [ValidateNotNull]
    [Choice<AuditSubjectKind>]
    public AuditSubjectKind? SubjectKind { get; set; }

    /// <summary>What was done to things of this name, in any case, or with this id. * stands for any characters and ? for one.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string? Subject { get; set; }

    /// <summary>What ended so: Success, or the name of what refused it, such as Expired.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(AuditOutcomeCompleter))]
    public string? Outcome { get; set; }

    /// <summary>What happened at this time or later. A time without an offset is local time.</summary>
    [Parameter]
    [ValidateNotNull]
    [Time]
    public DateTimeOffset? After { get; set; }

    /// <summary>What happened before this time. A time without an offset is local time.</summary>
    [Parameter]
    [ValidateNotNull]
    [Time]
    public DateTimeOffset? Before { get; set; }

    /// <summary>Gives the oldest first.</summary>
    [Parameter]
    public SwitchParameter Oldest { get; set; }

    /// <summary>Says that the number of all events is not known.</summary>
    protected override void BeginProcessing()
    {
        if (PagingParameters.IncludeTotalCount)
        {
            WriteObject(PagingParameters.NewTotalCount(0, accuracy: 0));
        }
    }

    /// <summary>Writes the events.</summary>
    protected override void ProcessRecord()
    {
        if (TokenId is not null && !TokenIdAttribute.IsTokenId(TokenId))
        {
            WriteError(Errors.NotATokenId(TokenId.Length));
            return;
        }

        if (TokenId is not null && (Subject is not null || SubjectKind is not (null or AuditSubjectKind.Token)))
        {
            WriteError(Errors.InvalidArgument(nameof(TokenId), "Name a token with -TokenId, or other things with -Subject and -SubjectKind, not both."));
            return;
        }

        TokenStore store = CurrentStore;
        var filter = new AuditEventFilter
        {
            Event = Event,
            Actor = Actor,
            SubjectKind = TokenId is null ? SubjectKind : AuditSubjectKind.Token,
            Subject = TokenId ?? Subject,
            Outcome = Outcome,
            After = After,
            Before = Before,
            NewestFirst = !Oldest,
        };
        Attempt(TokenId ?? Subject, () =>
        {
            foreach (AuditEvent found in store.GetAuditEvents(filter))
            {
                if (Stopping || !Page(found))
                {
                    break;
                }
            }
        });
    }

    /// <summary>Writes an event unless it lies before or after the page that was asked for.</summary>
    /// <returns>Whether the page may hold another.</returns>
    private bool Page(AuditEvent found)
    {
        if (_skipped < PagingParameters.Skip)
        {
            _skipped++;
            return true;
        }

        if (_written < PagingParameters.First)
        {
            _written++;
            WriteObject(found);
        }

        return _written < PagingParameters.First;
    }
}
