//! The committed C# bindings are those of this library.

mod render;

#[test]
fn the_committed_bindings_are_up_to_date() {
    let committed = std::fs::read_to_string(render::PATH).expect("the bindings are committed");
    let rendered = render::render().expect("the bindings can be rendered");
    assert!(
        committed.replace("\r\n", "\n") == rendered.replace("\r\n", "\n"),
        "the bindings have drifted: run `cargo run --example generate-bindings` and commit what it writes"
    );
}
