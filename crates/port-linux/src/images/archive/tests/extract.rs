//! Modules in layers: which layer counts, what is hidden, and what is refused.

use tar::EntryType;
use thimble_image::media_type::{TAR_GZIP_LAYERS, TAR_LAYERS};
use thimble_image::program::TarLayer;
use thimble_testkit::blobs::MemoryStore;

use super::super::{Limits, extract_module};
use super::{Made, archive, entry, file, gzip};

const PATH: &str = "usr/bin/app.wasm";

/// What looking for the module in these layers says, the lowest layer first.
fn look(layers: &[Vec<Made<'_>>], packed: bool, limits: &Limits) -> String {
    let store = MemoryStore::default();
    let mut blobs: Vec<_> = layers
        .iter()
        .map(|entries| {
            let bytes = archive(entries);
            let (media_type, bytes) = if packed {
                (TAR_GZIP_LAYERS[0], gzip(&bytes))
            } else {
                (TAR_LAYERS[0], bytes)
            };
            TarLayer {
                blob: store.add(media_type, &bytes),
                gzip: packed,
            }
        })
        .collect();
    blobs.reverse();
    match extract_module(&blobs, PATH, &store, limits) {
        Ok(bytes) => format!("found {}", String::from_utf8(bytes).unwrap()),
        Err(error) => error.to_string(),
    }
}

fn app(content: &str) -> Made<'_> {
    file(PATH, content.as_bytes())
}

#[test]
fn which_layer_counts() {
    let folder = |path| entry(path, EntryType::Directory, "");
    let link = |path, target| entry(path, EntryType::Symlink, target);
    let hard = |path, target| entry(path, EntryType::Link, target);
    for (layers, expected) in [
        (vec![vec![app("a")]], "found a"),
        (vec![vec![file("./usr/bin/app.wasm", b"a")]], "found a"),
        (
            vec![vec![folder("usr/"), folder("usr/bin/"), app("a")]],
            "found a",
        ),
        (vec![vec![app("old")], vec![app("new")]], "found new"),
        (vec![vec![app("a")], vec![file("other", b"x")]], "found a"),
        (vec![vec![app("first"), app("second")]], "found second"),
        (
            vec![vec![]],
            "no layer of the image has the file `usr/bin/app.wasm`",
        ),
        (
            vec![],
            "no layer of the image has the file `usr/bin/app.wasm`",
        ),
        // Whiteouts: of the file, of a folder above it, of everything in a folder.
        (
            vec![vec![app("a")], vec![file("usr/bin/.wh.app.wasm", b"")]],
            "an upper layer of the image removes",
        ),
        (
            vec![vec![app("a")], vec![file("usr/.wh.bin", b"")]],
            "an upper layer of the image removes",
        ),
        (
            vec![vec![app("a")], vec![file(".wh.usr", b"")]],
            "an upper layer of the image removes",
        ),
        (
            vec![vec![app("a")], vec![file("usr/.wh..wh..opq", b"")]],
            "an upper layer of the image removes",
        ),
        (
            vec![vec![app("a")], vec![file(".wh..wh..opq", b"")]],
            "an upper layer of the image removes",
        ),
        (
            vec![
                vec![app("a")],
                vec![file("usr/.wh..wh..opq", b""), app("b")],
            ],
            "found b",
        ),
        (
            vec![vec![app("a")], vec![app("b"), file("usr/.wh.bin", b"")]],
            "found b",
        ),
        (
            vec![
                vec![app("a")],
                vec![file("usr/.wh.lib", b""), file("var/.wh..wh..opq", b"")],
            ],
            "found a",
        ),
        (
            vec![
                vec![app("a")],
                vec![file("usr/bin/.wh.app.wasm", b"")],
                vec![app("c")],
            ],
            "found c",
        ),
        // Links.
        (
            vec![vec![file("opt/x.wasm", b"a"), hard(PATH, "opt/x.wasm")]],
            "found a",
        ),
        (
            vec![vec![hard(PATH, "./opt/x.wasm"), file("opt/x.wasm", b"a")]],
            "found a",
        ),
        (
            vec![
                vec![file("opt/x.wasm", b"a")],
                vec![hard(PATH, "opt/x.wasm")],
            ],
            "a hard link to `opt/x.wasm`, which is no file of the same layer",
        ),
        (
            vec![vec![hard(PATH, PATH)]],
            "which is no file of the same layer",
        ),
        (
            vec![vec![hard("y", PATH), hard(PATH, "y")]],
            "which is no file of the same layer",
        ),
        (
            vec![vec![hard(PATH, "../../etc/passwd")]],
            "its path has `..`",
        ),
        (
            vec![vec![link(PATH, "/opt/x.wasm")]],
            "`usr/bin/app.wasm` in the image is a symbolic link, which is not followed",
        ),
        (
            vec![vec![link("usr/bin", "/bin"), file("bin/app.wasm", b"a")]],
            "`usr/bin` in the image is a symbolic link",
        ),
        (
            vec![vec![app("a")], vec![link("usr", "/opt")]],
            "`usr` in the image is a symbolic link",
        ),
        (
            vec![vec![app("a")], vec![file("usr", b"")]],
            "`usr` in the image is not a folder",
        ),
        (vec![vec![folder(PATH)]], "is a folder"),
        (
            vec![vec![entry(PATH, EntryType::Fifo, "")]],
            "is a device or a pipe",
        ),
        (
            vec![vec![link("usr", "/opt"), folder("usr/bin"), app("a")]],
            "`usr` in the image is a symbolic link",
        ),
        (
            vec![vec![link("usr", "/opt"), folder("usr"), app("a")]],
            "found a",
        ),
        // Entries of others do not matter, but no archive has such paths.
        (
            vec![vec![
                link("bin", "/usr/bin"),
                entry("dev/null", EntryType::Char, ""),
                app("a"),
            ]],
            "found a",
        ),
        (
            vec![vec![file("/usr/bin/app.wasm", b"a")]],
            "its path begins with `/`",
        ),
        (
            vec![vec![file("x/../usr/bin/app.wasm", b"a")]],
            "its path has `..`",
        ),
    ] {
        for packed in [false, true] {
            let told = look(&layers, packed, &Limits::default());
            assert!(told.contains(expected), "{told} / {expected}");
        }
    }
}

#[test]
fn long_names() {
    let name = b"usr/bin/app.wasm\0".as_slice();
    let long = Made {
        content: name,
        ..entry("././@LongLink", EntryType::GNULongName, "")
    };
    assert_eq!(
        look(
            &[vec![long, file("usr/bin/ap", b"a")]],
            true,
            &Limits::default()
        ),
        "found a"
    );
    let pax = Made {
        content: b"25 path=usr/bin/app.wasm\n",
        ..entry("x", EntryType::XHeader, "")
    };
    assert_eq!(
        look(&[vec![pax, file("y", b"a")]], true, &Limits::default()),
        "found a"
    );
}

#[test]
fn limits() {
    let small = Limits {
        module_bytes_max: 3,
        archive_bytes_max: 1 << 20,
        entries_max: 4,
    };
    let zeros = vec![0; 2 << 20];
    assert_eq!(look(&[vec![app("abc")]], true, &small), "found abc");
    assert!(look(&[vec![app("abcd")]], true, &small).contains("more than 3 bytes in its module"));
    let bomb = vec![file("zeros", &zeros), app("a")];
    assert!(
        look(&[bomb], true, &small).contains("more than 1048576 bytes in a layer, uncompressed")
    );
    let many = (0..5).map(|_| file("x", b"")).collect();
    assert!(look(&[many], true, &small).contains("more than 4 entries in a layer"));
}

#[test]
fn damaged_layers() {
    let store = MemoryStore::default();
    let whole = archive(&[file(PATH, &[b'x'; 3000])]);
    let packed = gzip(&whole);
    for (bytes, gzip, message) in [
        (
            b"not an archive at all".as_slice(),
            false,
            "ends in the middle",
        ),
        (&[b'x'; 1024], false, "cannot be read"),
        (&whole, true, "cannot be read"),
        (&packed[..packed.len() / 2], true, "ends in the middle"),
        (&whole[..2000], false, "ends in the middle"),
        // In the last block, where padding could hide it.
        (&whole[..512 + 2999], false, "ends in the middle"),
        (b"", false, "no layer of the image has"),
    ] {
        let layer = TarLayer {
            blob: store.add(TAR_LAYERS[0], bytes),
            gzip,
        };
        let error = extract_module(&[layer], PATH, &store, &Limits::default()).unwrap_err();
        assert!(error.to_string().contains(message), "{error} / {message}");
    }
    // A layer without padding and end, as umoci 0.4 writes it.
    let layer = TarLayer {
        blob: store.add(TAR_LAYERS[0], &whole[..512 + 3000]),
        gzip: false,
    };
    let found = extract_module(&[layer], PATH, &store, &Limits::default()).unwrap();
    assert_eq!(found, [b'x'; 3000]);
    store.fail();
    let layer = TarLayer {
        blob: store.add(TAR_LAYERS[0], &whole),
        gzip: false,
    };
    let error = extract_module(&[layer], PATH, &store, &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "the store failed");
}
