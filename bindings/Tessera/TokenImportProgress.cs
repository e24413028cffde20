namespace Tessera;

/// <summary>How far an import has come.</summary>
/// <param name="BytesRead">How many bytes of the file were read.</param>
/// <param name="Created">How many tokens were brought over.</param>
/// <param name="Unchanged">How many the store had already, and left as they were.</param>
/// <param name="Bad">How many lines could not be brought over.</param>
public readonly record struct TokenImportProgress(long BytesRead, long Created, long Unchanged, long Bad);
