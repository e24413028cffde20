using System.Collections.ObjectModel;

namespace Tessera;

/// <summary>A list that nobody can change, equal to another when its elements are.</summary>
/// <remarks>
/// Records compare their members, and an ordinary list is equal only to itself: two reads of one token would differ.
/// </remarks>
internal sealed class EquatableList<T>(T[] items) : ReadOnlyCollection<T>(items), IEquatable<EquatableList<T>>
{
    /// <summary>The list without elements.</summary>
    internal static readonly EquatableList<T> None = new([]);

    /// <inheritdoc/>
    public bool Equals(EquatableList<T>? other) => other is not null && this.SequenceEqual(other);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as EquatableList<T>);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (T item in this)
        {
            hash.Add(item);
        }

        return hash.ToHashCode();
    }

    /// <summary>The elements, as a record's own text shows them.</summary>
    public override string ToString() => $"[{string.Join(", ", this)}]";
}
