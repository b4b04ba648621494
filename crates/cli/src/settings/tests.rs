use std::path::Path;

use super::File;

/// The settings in the guide are ones that are understood.
#[test]
fn what_the_guide_shows_is_read() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/daemon.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let blocks = guide.split("```toml\n").skip(1);
    let mut bridges = 0;
    for block in blocks {
        let text = block.split("```").next().unwrap();
        let file: File = toml::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
        for bridge in &file.daemon.bridge {
            bridge.check().unwrap();
            bridges += 1;
        }
    }
    assert_eq!(bridges, 1);
}
