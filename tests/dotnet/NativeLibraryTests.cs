using System.Reflection;
using System.Runtime.Loader;
using Tessera.Native;

namespace Tessera.Tests;

/// <summary>How the native library is found, and what is said when it is not; each in a load context with a copy of the assembly.</summary>
public sealed class NativeLibraryTests : IDisposable
{
    private static readonly string AssemblyPath = typeof(TokenStore).Assembly.Location;

    private static readonly string LibraryPath = Directory.GetFiles(
        Path.Combine(Path.GetDirectoryName(AssemblyPath)!, "runtimes"), "*tessera_native.*", SearchOption.AllDirectories).Single();

    // The library's place below the assembly's folder: runtimes/<rid>/native/<file>.
    private static readonly string LibraryPlace = Path.GetRelativePath(Path.GetDirectoryName(AssemblyPath)!, LibraryPath);

    private readonly string _folder = Directory.CreateTempSubdirectory("tessera-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void It_is_found_in_the_runtimes_folder_of_an_assembly_that_a_plug_in_loads()
    {
        Place(File.ReadAllBytes(LibraryPath), LibraryPlace);

        Assert.Null(OpenStore());
    }

    [Fact]
    public void It_is_found_beside_the_assembly()
    {
        Place(File.ReadAllBytes(LibraryPath), Path.GetFileName(LibraryPath));

        Assert.Null(OpenStore());
    }

    [Fact]
    public void A_missing_library_is_one_clear_failure_that_names_the_paths_tried()
    {
        Exception failure = OpenStore()!;

        Assert.Equal(typeof(NativeLibraryException).FullName, failure.GetType().FullName);
        Assert.Contains(Path.Combine(_folder, LibraryPlace), failure.Message, StringComparison.Ordinal);
        Assert.Contains(Path.Combine(_folder, Path.GetFileName(LibraryPath)), failure.Message, StringComparison.Ordinal);
        Assert.Equal((int)ErrorCode.NativeLibrary, Convert.ToInt32(failure.GetType().GetProperty(nameof(TesseraException.Code))!.GetValue(failure), null));
        Assert.Equal(Path.GetFileName(LibraryPath), failure.GetType().GetProperty(nameof(TesseraException.Subject))!.GetValue(failure));
        Assert.IsType<DllNotFoundException>(failure.InnerException);
    }

    [Fact]
    public void A_damaged_library_is_named()
    {
        Place("not a library"u8.ToArray(), LibraryPlace);

        Exception failure = OpenStore()!;

        Assert.Equal(typeof(NativeLibraryException).FullName, failure.GetType().FullName);
        Assert.Contains(Path.GetFileName(LibraryPath), failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_library_of_that_name_is_no_library_of_ours()
    {
        string other = Directory.GetFiles(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "*System.Native.*")
            .First(path => Path.GetExtension(path) == Path.GetExtension(LibraryPath));
        Place(File.ReadAllBytes(other), LibraryPlace);

        Exception failure = OpenStore()!;

        Assert.Equal(typeof(NativeLibraryException).FullName, failure.GetType().FullName);
        Assert.IsType<EntryPointNotFoundException>(failure.InnerException);
    }

    [Fact]
    public void Another_version_is_refused_and_both_are_named()
    {
        NativeLibraryException refused = Assert.Throws<NativeLibraryException>(() => NativeLibraryLoader.ThrowIfOtherVersion("0.0.9"));

        Assert.Contains("0.0.9", refused.Message, StringComparison.Ordinal);
        Assert.Contains(typeof(TokenStore).Assembly.GetName().Version!.ToString(3), refused.Message, StringComparison.Ordinal);
    }

    private void Place(byte[] library, string place)
    {
        string path = Path.Combine(_folder, place);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, library);
    }

    // Opens a store through a copy of the assembly that has only this test's folder around it, and gives the failure.
    private Exception? OpenStore()
    {
        string copy = Path.Combine(_folder, Path.GetFileName(AssemblyPath));
        File.Copy(AssemblyPath, copy);
        var context = new ContextWithoutSearchPath();
        MethodInfo open = context.LoadFromAssemblyPath(copy).GetType(typeof(TokenStore).FullName!)!.GetMethod(nameof(TokenStore.Open))!;
        try
        {
            using var store = (IDisposable)open.Invoke(null, [Path.Combine(_folder, "tokens.db"), null])!;
            return null;
        }
        catch (TargetInvocationException exception)
        {
            return exception.InnerException;
        }
    }

    // The runtime's own search would find the library among the tests' files; a program without one has no such luck.
    private sealed class ContextWithoutSearchPath : AssemblyLoadContext
    {
        protected override nint LoadUnmanagedDll(string unmanagedDllName) => throw new DllNotFoundException(unmanagedDllName);
    }
}
