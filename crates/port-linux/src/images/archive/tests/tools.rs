//! What we write, skopeo and umoci read; what they write, we read.

use std::fs;
use std::path::Path;

use thimble_image::Document;
use thimble_image::program::{Code, Program};
use thimble_testkit::blobs::MemoryStore;
use thimble_testkit::registry::tool;

use super::super::{Limits, extract_module, load_folder, load_tar, save_folder, save_tar};
use super::{MODULE, image};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn skopeo_both_ways() {
    let store = MemoryStore::default();
    let root = image(&store, "a");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    save_folder(&at("ours"), &[(Some("one".into()), root.clone())], &store).unwrap();
    let tar = fs::File::create(at("ours.tar")).unwrap();
    save_tar(tar, &[(Some("one".into()), root.clone())], &store).unwrap();

    let ours = format!("oci:{}:one", text(&at("ours")));
    let ours_tar = format!("oci-archive:{}:one", text(&at("ours.tar")));
    let inspected = tool("skopeo", &["inspect", "--raw", &ours], folder.path());
    assert_eq!(inspected.as_bytes(), store.content(&root.digest).unwrap());
    let copy = |from: &str, to: &str| {
        tool(
            "skopeo",
            &["--insecure-policy", "copy", "--preserve-digests", from, to],
            folder.path(),
        )
    };
    copy(
        &ours,
        &format!("oci-archive:{}:two", text(&at("theirs.tar"))),
    );
    copy(&ours_tar, &format!("oci:{}:three", text(&at("theirs"))));

    let from_tar = MemoryStore::default();
    let tar = fs::File::open(at("theirs.tar")).unwrap();
    let loaded = load_tar(tar, &from_tar, &Limits::default()).unwrap();
    let names = |loaded: &[super::super::Loaded]| {
        loaded
            .iter()
            .map(|loaded| (loaded.name.clone().unwrap(), loaded.root.digest))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&loaded), [("two".to_owned(), root.digest)]);
    let from_folder = MemoryStore::default();
    let loaded = load_folder(&at("theirs"), &from_folder).unwrap();
    assert_eq!(names(&loaded), [("three".to_owned(), root.digest)]);
    assert_eq!(from_tar.digests(), store.digests());
    assert_eq!(from_folder.digests(), store.digests());
}

#[test]
fn umoci_reads_ours() {
    let store = MemoryStore::default();
    let root = image(&store, "a");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ours");
    save_folder(&path, &[(Some("one".into()), root)], &store).unwrap();
    let umoci = |arguments: &[&str]| tool("umoci", arguments, folder.path());
    let listed = umoci(&["list", "--layout", text(&path)]);
    assert_eq!(listed.trim(), "one");
    umoci(&["gc", "--layout", text(&path)]);
    assert_eq!(
        load_folder(&path, &MemoryStore::default()).unwrap().len(),
        1
    );
}

/// An image as `docker buildx` makes it for `wasi/wasm`: the module is a file in a layer.
#[test]
fn a_module_in_the_layers_of_umoci() {
    let folder = tempfile::tempdir().unwrap();
    let layout = folder.path().join("layout");
    let image = format!("{}:app", text(&layout));
    let umoci = |arguments: &[&str]| tool("umoci", arguments, folder.path());
    umoci(&["init", "--layout", text(&layout)]);
    umoci(&["new", "--image", &image]);
    let module = folder.path().join("app.wasm");
    for content in [b"an older one".as_slice(), MODULE] {
        fs::write(&module, content).unwrap();
        umoci(&[
            "insert",
            "--rootless",
            "--image",
            &image,
            text(&module),
            "/bin/app.wasm",
        ]);
    }
    umoci(&[
        "config",
        "--image",
        &image,
        "--config.entrypoint",
        "/bin/app.wasm",
        "--os",
        "wasip1",
        "--architecture",
        "wasm",
    ]);

    let store = MemoryStore::default();
    let loaded = load_folder(&layout, &store).unwrap();
    let root = &loaded[0].root;
    assert_eq!(loaded[0].name.as_deref(), Some("app"));
    let Document::Manifest(manifest) = Document::parse(
        &store.content(&root.digest).unwrap(),
        Some(&root.media_type),
    )
    .unwrap() else {
        panic!("an index");
    };
    let program =
        Program::find(&manifest, &store.content(&manifest.config.digest).unwrap()).unwrap();
    let Code::File { layers, path } = program.code else {
        panic!("{program:?}");
    };
    assert_eq!((layers.len(), path.as_str()), (2, "bin/app.wasm"));
    let found = extract_module(&layers, &path, &store, &Limits::default()).unwrap();
    assert_eq!(found, MODULE);
}
