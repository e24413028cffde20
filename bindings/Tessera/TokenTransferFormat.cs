namespace Tessera;

/// <summary>In which form a file of tokens is.</summary>
public enum TokenTransferFormat
{
    /// <summary>A JSON object a line.</summary>
    JsonLines = 0,

    /// <summary>Comma-separated values (RFC 4180), with a row of column names.</summary>
    Csv = 1,
}
