//! The C# bindings as the library's inventory gives them, for the generator and for the test against drift.

use interoptopus_csharp::RustLibrary;
use interoptopus_csharp::config::HeaderConfig;
use interoptopus_csharp::dispatch::Dispatch;

/// Where the bindings lie.
pub const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bindings/Tessera/Native/Interop.cs");

/// Renders the bindings.
pub fn render() -> Result<String, Box<dyn std::error::Error>> {
    let rendered = RustLibrary::builder(tessera_native::ffi::inventory())
        .dll_name("tessera_native")
        .dispatch(Dispatch::single_file("Tessera.Native"))
        // Without the generator's version, so that the text changes with the interface alone.
        .headers(HeaderConfig { emit_version: false })
        .build()
        .process()?;
    let text = rendered.buffer("Interop.cs").ok_or("the generator wrote no Interop.cs")?;
    // The hash is another one after a change that leaves every declaration as it was; the text itself is compared.
    let text: String = text.split_inclusive('\n').filter(|line| !line.starts_with("// Hash:")).collect();
    // The calls are the API's own business, which stands beside them in the same assembly.
    Ok(text.replace("\npublic ", "\ninternal "))
}
