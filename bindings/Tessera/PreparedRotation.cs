namespace Tessera;

/// <summary>A rotation that waits until the new value has arrived where it is kept.</summary>
/// <remarks>
/// <para>Store <see cref="Value"/>, then call <see cref="Deliver"/>. Until that has returned nothing has changed: the new
/// token is in no list and no check accepts it, and the old one is as it was. Disposing of it without a delivery takes
/// the new token back.</para>
/// <para>Nobody else can rotate the token meanwhile. What is neither delivered nor disposed of, as the process ended,
/// makes way for the next rotation after a quarter of an hour, and at once for a repeat under its
/// <see cref="TokenRotationRequest.IdempotencyKey"/>.</para>
/// <para>Safe to use on any thread, one call at a time.</para>
/// </remarks>
public sealed class PreparedRotation : IDisposable
{
    private readonly TokenStore _store;
    private readonly TokenRotationRequest _request;
    private bool _isOver;

    internal PreparedRotation(TokenStore store, TokenRotationRequest request, TokenRotation rotation)
    {
        _store = store;
        _request = request;
        Successor = rotation.Successor;
        Value = rotation.Value;

        // A repeat of a rotation that was delivered: there is nothing to take back.
        _isOver = rotation.Value is null;
    }

    /// <summary>The token that is to take over.</summary>
    public Token Successor { get; }

    /// <summary>Its value, a secret; cleared from memory by <see cref="Dispose"/>. <see langword="null"/> where an earlier
    /// request under the same key has delivered it.</summary>
    public TokenValue? Value { get; }

    /// <summary>Makes the new token count, durably before this returns. A second call changes nothing.</summary>
    /// <returns>The rotation, without the value.</returns>
    /// <exception cref="InvalidRequestException">The old token cannot be rotated any more: it was revoked, disabled or
    /// removed meanwhile, or has expired. What was stored as the new value is of no use then.</exception>
    /// <exception cref="NotFoundException">The new token was taken back, or a later rotation took its place.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed of.</exception>
    public TokenRotation Deliver()
    {
        TokenRotation rotation = _store.Deliver(Successor.Id, _request);
        _isOver = true;
        return rotation;
    }

    /// <summary>Clears the value from memory, and takes the new token back unless it was delivered. A second call does
    /// nothing.</summary>
    public void Dispose()
    {
        Value?.Dispose();
        if (_isOver)
        {
            return;
        }

        _isOver = true;
        try
        {
            _store.Abandon(Successor.Id);
        }
        catch (Exception exception) when (exception is TesseraException or ObjectDisposedException)
        {
            // It counts for nothing and makes way by itself; whatever went wrong before is what the caller must hear of.
        }
    }
}
