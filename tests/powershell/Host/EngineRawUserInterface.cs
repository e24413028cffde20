using System.Management.Automation.Host;

namespace Tessera.ScriptHost;

/// <summary>A screen that only has a width: enough for views, nothing to draw on or to read keys from.</summary>
internal sealed class EngineRawUserInterface(int widthColumns) : PSHostRawUserInterface
{
    private const int HeightRows = 50;

    public override Size BufferSize { get; set; } = new(widthColumns, HeightRows);

    public override Size WindowSize { get; set; } = new(widthColumns, HeightRows);

    public override Size MaxWindowSize => WindowSize;

    public override Size MaxPhysicalWindowSize => WindowSize;

    public override Coordinates WindowPosition { get; set; }

    public override Coordinates CursorPosition { get; set; }

    public override int CursorSize { get; set; } = 25;

    public override ConsoleColor ForegroundColor { get; set; } = ConsoleColor.Gray;

    public override ConsoleColor BackgroundColor { get; set; } = ConsoleColor.Black;

    public override string WindowTitle { get; set; } = "Tessera.ScriptHost";

    public override bool KeyAvailable => false;

    public override void FlushInputBuffer()
    {
    }

    public override BufferCell[,] GetBufferContents(Rectangle rectangle) => new BufferCell[0, 0];

    public override KeyInfo ReadKey(ReadKeyOptions options) =>
        throw new HostException("This host reads lines, not keys. Use Read-Host or pass the value as a parameter.");

    public override void ScrollBufferContents(Rectangle source, Coordinates destination, Rectangle clip, BufferCell fill)
    {
    }

    public override void SetBufferContents(Coordinates origin, BufferCell[,] contents)
    {
    }

    public override void SetBufferContents(Rectangle rectangle, BufferCell fill)
    {
    }
}
