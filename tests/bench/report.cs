// Shows a run of run.cs from its JSON:
//
//     dotnet run tests/bench/report.cs -- <json>            makes the page, the picture and the figures in the README
//     dotnet run tests/bench/report.cs -- --table <json>    prints a table and changes nothing
//
// The first writes tests/bench/speed.svg, and what stands between the lines `<!-- figures -->` and `<!-- end of figures -->` of
// tests/bench/README.md and of README.md. The reason for a goal that was missed is taken from tests/bench/reasons.md,
// where the row's id is a heading.

#:property PublishAot=false

using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

string here = (string)AppContext.GetData("EntryPointFileDirectoryPath")!;
string root = Path.GetFullPath(Path.Combine(here, "..", ".."));
bool isTable = args is ["--table", _];
if (!isTable && args.Length != 1)
{
    Console.Error.WriteLine("Name the JSON that run.cs wrote: dotnet run tests/bench/report.cs -- [--table] <json>");
    return 2;
}

JsonNode run = JsonNode.Parse(File.ReadAllText(args[^1]))!;
Measured[] rows = [.. run["rows"]!.AsArray().Select(row => new Measured(row!))];
if (isTable)
{
    foreach (Measured row in rows)
    {
        string verdict = row.IsMet switch { true => "met", false => "missed", null => "told" };
        string goal = row.Goal.Length > 0 ? $" | {row.Goal}" : "";
        Console.WriteLine($"{verdict,-7} {row.Figure,-24} {$"({row.Low} to {row.High})",-22} {row.What} | {row.Peer}{goal}");
    }

    return 0;
}

Dictionary<string, string> reasons = Reasons(Path.Combine(here, "reasons.md"));

File.WriteAllText(Path.Combine(here, "speed.svg"), Picture.Of(rows, Caption(run)));
Put(Path.Combine(here, "README.md"), Page());
Put(Path.Combine(root, "README.md"), Summary());
foreach (Measured missed in rows.Where(row => row.IsMet == false && !reasons.ContainsKey(row.Id)))
{
    Console.WriteLine($"reasons.md has no reason for '{missed.Id}': {missed.Figure} where the goal is {missed.Goal}.");
}

return 0;

// The whole table, with what it was measured on.
string Page()
{
    var text = new StringBuilder();
    text.Append(Caption(run)).Append("\n\n![Each figure beside its goal](speed.svg)\n\n");
    text.Append("| measured | against | figure, and the middle half of the rounds | goal | Tessera | the peer |\n| --- | --- | --- | --- | --- | --- |\n");
    foreach (Measured row in rows)
    {
        string verdict = row.IsMet switch { true => "✔ ", false => "✘ ", null => "" };
        string notes = row.Notes.Length > 0 ? $"<br><sub>{row.Notes}</sub>" : "";
        text.Append(CultureInfo.InvariantCulture, $"| {row.What}{notes} | {row.Peer} | **{row.Figure}** ({row.Low} to {row.High}) | {verdict}{row.Goal} | {row.Ours} | {row.Theirs} |\n");
    }

    Measured[] missed = [.. rows.Where(row => row.IsMet == false)];
    if (missed.Length > 0)
    {
        text.Append("\nWhy a goal was missed:\n\n");
        foreach (Measured row in missed)
        {
            text.Append(CultureInfo.InvariantCulture, $"- {row.What} ({row.Figure}, {row.Goal}): {reasons.GetValueOrDefault(row.Id, "not measured.")}\n");
        }
    }

    text.Append(CultureInfo.InvariantCulture, $"\nVersions: {string.Join(", ", run["versions"]!.AsObject().Select(version => $"{version.Key} {version.Value}"))}.\n");
    return text.ToString();
}

// A few rows and how many goals were met.
string Summary()
{
    string[] shown = ["hot-identitymodel", "hot-by-hand", "cold-by-hand", "jwt-new-identitymodel", "jwt-seen-es256", "jwt-mint-hs256", "grant-one", "grant-batches", "busy"];
    var text = new StringBuilder("| measured | against | figure |\n| --- | --- | --- |\n");
    foreach (Measured row in rows.Where(row => shown.Contains(row.Id)))
    {
        text.Append(CultureInfo.InvariantCulture, $"| {row.What} | {row.Peer} | {row.Figure} |\n");
    }

    int goals = rows.Count(row => row.IsMet is not null);
    int met = rows.Count(row => row.IsMet == true);
    text.Append(CultureInfo.InvariantCulture, $"\n{Caption(run)} {met} of {goals} goals were met; [all of them](tests/bench/README.md), with the reasons for those that were not.\n");
    return text.ToString();
}

static string Caption(JsonNode run)
{
    JsonNode machine = run["machine"]!;
    string rough = (string?)run["extent"] == "quick" ? "A quick run, whose figures are rough. " : "";
    return $"{rough}Measured on {((string)run["begun"]!)[..10]}: {machine["processor"]}, {machine["cores"]} cores, {machine["memoryGigabytes"]} GB, {machine["system"]}.";
}

// Headings are ids, what is under them the reasons.
static Dictionary<string, string> Reasons(string path)
{
    Dictionary<string, string> reasons = [];
    string id = "";
    foreach (string line in File.ReadLines(path))
    {
        if (line.StartsWith("## ", StringComparison.Ordinal))
        {
            id = line[3..].Trim();
        }
        else if (id.Length > 0 && line.Length > 0)
        {
            reasons[id] = reasons.TryGetValue(id, out string? before) ? $"{before} {line}" : line;
        }
    }

    return reasons;
}

static void Put(string path, string text)
{
    const string Begin = "<!-- figures -->\n";
    const string End = "<!-- end of figures -->\n";
    string page = File.ReadAllText(path);
    int begin = page.IndexOf(Begin, StringComparison.Ordinal);
    int end = page.IndexOf(End, StringComparison.Ordinal);
    if (begin < 0 || end < begin)
    {
        throw new InvalidDataException($"{path} has no lines '{Begin.Trim()}' and '{End.Trim()}'.");
    }

    File.WriteAllText(path, page[..(begin + Begin.Length)] + text + page[end..]);
}

// A row of the run as it is shown.
internal sealed class Measured(JsonNode row)
{
    private readonly double _median = (double)row["figure"]!["median"]!;

    public string Id { get; } = (string)row["id"]!;

    public string What { get; } = (string)row["what"]!;

    public string Peer { get; } = (string)row["peer"]!;

    public string Figure => $"{Number(_median)} {row["unit"]}";

    public string Low => Number((double)row["figure"]!["low"]!);

    public string High => Number((double)row["figure"]!["high"]!);

    public string Notes { get; } = string.Join("; ", row["notes"]?.AsArray().Select(note => (string)note!) ?? []);

    public string Ours => Side("ours");

    public string Theirs => Side("theirs");

    private double? Least => (double?)row["goal"]?["atLeast"];

    private double? Most => (double?)row["goal"]?["atMost"];

    public bool? IsMet => (Least, Most) switch
    {
        ({ } least, _) => _median >= least,
        (_, { } most) => _median <= most,
        _ => null,
    };

    public string Goal => (Least, Most) switch
    {
        ({ } least, _) => $"at least {Number(least)}",
        (_, { } most) => $"at most {Number(most)}",
        _ => "",
    };

    // How many times better than its goal: 1 is just met. A difference may be nothing or less, and nothing may be asked.
    public double? Margin => (Least, Most) switch
    {
        ({ } least, _) => _median / least,
        (_, { } most) when _median > 0 => most / _median,
        (_, { } most) => most > 0 ? double.PositiveInfinity : 1,
        _ => null,
    };

    private string Side(string name) => row[name] is { } side ? Amount((double)side["median"]!, (string)side["unit"]!) : "";

    private static string Amount(double value, string unit) => unit switch
    {
        "ns" when value >= 1e6 => $"{Number(value / 1e6)} ms",
        "ns" when value >= 1e4 => $"{Number(value / 1e3)} µs",
        _ => $"{Number(value)} {unit}",
    };

    private static string Number(double value) => Math.Abs(value) switch
    {
        >= 100 => value.ToString("N0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("0.#", CultureInfo.InvariantCulture),
        _ => value.ToString("0.##", CultureInfo.InvariantCulture),
    };
}

// Bars on a scale on which each step is as much again; the line is the goal, to the right of it is better.
internal static class Picture
{
    private const int RowHeight = 36;
    private const int Top = 84;
    private const int Left = 540;
    private const int Width = 420;
    private const double Most = 16;

    public static string Of(Measured[] rows, string caption)
    {
        Measured[] shown = [.. rows.Where(row => row.Margin is not null)];
        int height = Top + (RowHeight * shown.Length) + 12;
        double goal = X(1);
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 {height}" font-family="sans-serif" font-size="12" role="img" aria-label="Each figure beside its goal">
            <rect width="1200" height="{height}" fill="#ffffff"/>
            <text x="16" y="24" font-size="16" fill="#1f2328">Each figure beside its goal: right of the line is better than asked</text>
            <text x="16" y="44" fill="#59636e">{Escape(caption)}</text>

            """);
        foreach ((double margin, string name) in new[] { (1 / Most, "16 times worse"), (0.25, "4 times"), (1, "goal"), (4, "4 times"), (Most, "16 times better, or more") })
        {
            double x = X(margin);
            svg.Append(CultureInfo.InvariantCulture, $"""
                <text x="{x:0.0}" y="{Top - 12}" font-size="10" text-anchor="middle" fill="#59636e">{name}</text>
                <line x1="{x:0.0}" x2="{x:0.0}" y1="{Top - 6}" y2="{height - 8}" stroke="#d1d9e0"/>

                """);
        }

        for (int index = 0; index < shown.Length; index++)
        {
            Measured row = shown[index];
            double y = Top + (RowHeight * index);
            double end = X(row.Margin!.Value);
            string color = row.IsMet == true ? "#1a7f37" : "#cf222e";

            // A figure that is the goal itself is a mark on the line.
            svg.Append(CultureInfo.InvariantCulture, $"""
                <text x="{Left - 12}" y="{y + 13:0}" text-anchor="end" fill="#1f2328">{Escape(Shortened(row.What, 84))}</text>
                <text x="{Left - 12}" y="{y + 26:0}" font-size="10" text-anchor="end" fill="#59636e">{Escape(Shortened(row.Peer, 100))}</text>
                <rect x="{Math.Min(goal, end) - 1:0.0}" y="{y + 6:0}" width="{Math.Abs(end - goal) + 2:0.0}" height="16" fill="{color}"/>
                <text x="{Left + Width + 12}" y="{y + 19:0}" fill="{color}">{Escape($"{row.Figure}, {row.Goal}")}</text>

                """);
        }

        svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{goal:0.0}\" x2=\"{goal:0.0}\" y1=\"{Top - 6}\" y2=\"{height - 8}\" stroke=\"#1f2328\"/>\n</svg>\n");
        return svg.ToString();
    }

    private static double X(double margin) =>
        Left + (Width * (Math.Log2(Math.Clamp(margin, 1 / Most, Most)) + Math.Log2(Most)) / (2 * Math.Log2(Most)));

    private static string Shortened(string text, int most) => text.Length <= most ? text : $"{text[..(most - 1)]}…";

    private static string Escape(string text) =>
        text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
}
