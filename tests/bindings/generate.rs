//! Writes the generated C# bindings: `cargo run --example generate-bindings`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    std::fs::write(bindings::PATH, bindings::render()?)?;
    println!("wrote {}", bindings::PATH);
    Ok(())
}

#[path = "render.rs"]
mod bindings;
