using Tessera.ScriptHost;

// Runs a PowerShell script with the module that was built here: `<program> script.ps1 [arguments]`.
// Where pwsh is installed, `pwsh -NoProfile -File script.ps1` does the same, with module/bin in PSModulePath.
if (args.Length == 0)
{
    Console.Error.WriteLine("Name a script to run: <script.ps1> [arguments]");
    return 2;
}

try
{
    using var engine = new HostedEngine(EngineConsole.ForProcess());
    return engine.RunFile(args[0], args[1..]);
}
catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
{
    Console.Error.WriteLine(exception.Message);
    return 2;
}
