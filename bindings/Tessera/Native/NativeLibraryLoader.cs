using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>Finds the native library, and turns everything that can be wrong with it into one clear failure.</summary>
/// <remarks>
/// The runtime looks beside an assembly by itself, but not in <c>runtimes/&lt;rid&gt;/native</c> unless a
/// <c>deps.json</c> says so, which an assembly loaded by a PowerShell module does not have.
/// </remarks>
internal static class NativeLibraryLoader
{
    private const string Remedy = "Install both from one package, or build both from one checkout.";

    private static readonly Lock Gate = new();
    private static nint _library;
    private static bool _isUsable;

    /// <summary>The version that the native library must have: this assembly's own.</summary>
    private static string ExpectedVersion
    {
        get
        {
            string version = typeof(NativeLibraryLoader).Assembly
                .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

            // A build may have added "+" and its commit.
            int plus = version.IndexOf('+', StringComparison.Ordinal);
            return plus < 0 ? version : version[..plus];
        }
    }

    private static string FileName =>
        OperatingSystem.IsWindows() ? $"{Interop.NativeLib}.dll"
        : OperatingSystem.IsMacOS() ? $"lib{Interop.NativeLib}.dylib"
        : $"lib{Interop.NativeLib}.so";

    /// <summary>Makes sure that the native library is there and of this version. Costs one read of a field after the
    /// first time.</summary>
    /// <exception cref="NativeLibraryException">It is missing, of another version, or for another kind of
    /// machine.</exception>
    internal static void EnsureUsable()
    {
        if (Volatile.Read(ref _isUsable))
        {
            return;
        }

        try
        {
            uint code = NativeCalls.Version(out NativeBuffer response);
            ThrowIfOtherVersion(NativeResponse.ReadText(code, response));

            // Every function at once: an older build of the same version fails here and not in the middle of something.
            Marshal.PrelinkAll(typeof(Interop));
        }
        catch (DllNotFoundException exception)
        {
            throw Missing(exception);
        }
        catch (Exception exception) when (exception is BadImageFormatException or EntryPointNotFoundException)
        {
            throw new NativeLibraryException(
                $"{FileName} is not the native library that this Tessera.dll was built with, or not for this kind of "
                + $"machine ({RuntimeIdentifier()}). {Remedy}",
                FileName,
                exception);
        }

        Volatile.Write(ref _isUsable, true);
    }

    /// <summary>Refuses a native library of another version than this assembly's.</summary>
    /// <exception cref="NativeLibraryException">It is of another version.</exception>
    internal static void ThrowIfOtherVersion(string version)
    {
        if (version != ExpectedVersion)
        {
            throw new NativeLibraryException(
                $"{FileName} has version {version}, and Tessera.dll {ExpectedVersion}. {Remedy}",
                FileName);
        }
    }

    /// <summary>Registers the resolver. An assembly can have only one, so it is done once, before anything here is
    /// called.</summary>
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "A P/Invoke can be the first thing that happens here.")]
    internal static void Register() =>
        NativeLibrary.SetDllImportResolver(typeof(NativeLibraryLoader).Assembly, Resolve);

    // Asked once for each function: answers from memory after the first time.
    private static nint Resolve(string libraryName, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (libraryName != Interop.NativeLib)
        {
            return 0;
        }

        lock (Gate)
        {
            if (_library == 0)
            {
                // The first file that exists is the one, even when it does not load: were it passed over for another,
                // nobody would know which was in use.
                string? path = Candidates().FirstOrDefault(File.Exists);
                _library = path is null ? 0 : NativeLibrary.Load(path);
            }

            // Zero: the runtime's own search goes on, and knows of single-file programs and system folders.
            return _library;
        }
    }

    private static IEnumerable<string> Candidates()
    {
        string folder = AssemblyFolder();
        yield return Path.Combine(folder, "runtimes", RuntimeIdentifier(), "native", FileName);
        yield return Path.Combine(folder, FileName);
    }

    [SuppressMessage("SingleFile", "IL3000", Justification = "In a single-file program the program's folder is the place.")]
    private static string AssemblyFolder()
    {
        string? folder = Path.GetDirectoryName(typeof(NativeLibraryLoader).Assembly.Location);
        return string.IsNullOrEmpty(folder) ? AppContext.BaseDirectory : folder;
    }

    /// <summary>This process's runtime identifier in NuGet's words. The process decides, not the machine: an x64
    /// process may run on an arm64 one.</summary>
    private static string RuntimeIdentifier()
    {
        string system =
            OperatingSystem.IsWindows() ? "win"
            : OperatingSystem.IsMacOS() ? "osx"
            : IsMusl() ? "linux-musl"
            : "linux";
        return $"{system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
    }

    // The runtime was built against one C library or the other and says so, unless a distribution built it under a name
    // of its own ("alpine.3.22-x64"); then the loader of musl tells, on a machine that has no other.
    private static bool IsMusl()
    {
        string identifier = RuntimeInformation.RuntimeIdentifier;
        if (identifier.StartsWith("linux-", StringComparison.Ordinal))
        {
            return identifier.StartsWith("linux-musl-", StringComparison.Ordinal);
        }

        return Directory.Exists("/lib")
            && Directory.EnumerateFiles("/lib", "ld-musl-*.so.1").Any()
            && !Directory.EnumerateFiles("/lib", "ld-linux*.so.*").Any()
            && !(Directory.Exists("/lib64") && Directory.EnumerateFiles("/lib64", "ld-linux*.so.*").Any());
    }

    private static NativeLibraryException Missing(DllNotFoundException exception)
    {
        string[] tried = [.. Candidates()];
        string? present = tried.FirstOrDefault(File.Exists);
        string message = present is null
            ? $"Tessera's native library was not found. Tried: {string.Join("; ", tried)}; and the runtime's own search "
                + $"path. Install the package for {RuntimeIdentifier()}, or build it from a checkout with 'dotnet build'."
            : $"Tessera's native library could not be loaded from {present}. It may be damaged, for another kind of "
                + $"machine than {RuntimeIdentifier()}, or need a newer C library than this system has.";
        return new NativeLibraryException(message, FileName, exception);
    }
}
