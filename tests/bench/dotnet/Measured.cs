using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tessera.Benchmarks;

/// <summary>Several measurements of one thing: the middle one, and between which the middle half of them lies.</summary>
internal sealed record Spread(double Median, double Low, double High)
{
    /// <summary>Of measurements in any order; there is at least one.</summary>
    internal static Spread Of(IEnumerable<double> measured)
    {
        double[] sorted = [.. measured.Order()];
        double At(double share)
        {
            double place = (sorted.Length - 1) * share;
            double below = sorted[(int)Math.Floor(place)];
            return below + ((sorted[(int)Math.Ceiling(place)] - below) * (place - Math.Floor(place)));
        }

        return new Spread(At(0.5), At(0.25), At(0.75));
    }

    /// <summary>The quotients of measurements that were taken side by side.</summary>
    internal static Spread OfQuotients(IReadOnlyList<double> above, IReadOnlyList<double> below) =>
        Of(above.Zip(below, (one, other) => one / other));
}

/// <summary>What one side of a comparison took.</summary>
internal sealed record Side(double Median, double Low, double High, string Unit)
{
    internal static Side Of(string unit, IEnumerable<double> measured)
    {
        var spread = Spread.Of(measured);
        return new Side(spread.Median, spread.Low, spread.High, unit);
    }
}

/// <summary>What a figure is to be: one of the two.</summary>
internal sealed record Goal(double? AtLeast, double? AtMost)
{
    internal static Goal NotUnder(double least) => new(least, null);

    internal static Goal NotOver(double most) => new(null, most);

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{(AtLeast is null ? "at most" : "at least")} {AtLeast ?? AtMost}");
}

/// <summary>A row of the table. The program for Rust has the same members, and says what they mean.</summary>
internal sealed record Row(string Id, string What, string Peer, Spread Figure, string Unit)
{
    public Goal? Goal { get; init; }

    public Side? Ours { get; init; }

    public Side? Theirs { get; init; }

    public IReadOnlyList<string> Notes { get; init; } = [];
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Row))]
internal sealed partial class RowContext : JsonSerializerContext;

/// <summary>Where the rows go: each is shown and written down as soon as it is there.</summary>
internal sealed class Report(string? path)
{
    internal void Add(Row row)
    {
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{row.What}: {row.Figure.Median:0.###} {row.Unit} ({row.Figure.Low:0.###} to {row.Figure.High:0.###}) against {row.Peer}{(row.Goal is null ? "" : $"; goal: {row.Goal}")}"));
        foreach (string note in row.Notes)
        {
            Console.WriteLine($"    {note}");
        }

        if (path is not null)
        {
            File.AppendAllText(path, JsonSerializer.Serialize(row, RowContext.Default.Row) + "\n");
        }
    }
}
