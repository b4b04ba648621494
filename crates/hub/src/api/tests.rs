//! The operators' interface over real connections.

mod every_endpoint;
mod limits;
mod people;
mod plans;
mod site;
mod things;

use std::path::Path;

/// `spec/openapi/hub.json` is what the hub says of itself; `UPDATE=1` writes it anew.
#[test]
fn the_description_is_the_one_that_was_reviewed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/openapi/hub.json");
    let mut text = super::openapi().to_pretty_json().unwrap();
    text.push('\n');
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == reviewed,
        "run this test with UPDATE=1 and look at the difference"
    );
}
