//! Building whole images: the same input gives the same image, and what is wrong is told.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use std::fs;
use std::path::Path;

use thimble_builder::image::{BuildError, BuildOptions, build, rfc3339};
use thimble_image::descriptor::{Annotations, TITLE};
use thimble_image::program::{Code, Program};
use thimble_image::{Digest, Document, media_type};

const MODULE: &str = r#"(module (import "env" "ocre_gpio_init" (func (result i32)))
    (func (export "_start")) (func (export "run") (result i32) i32.const 0) (func (export "add") (param i32)))"#;

fn folder(recipe: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("app.wat"), MODULE).unwrap();
    fs::write(folder.path().join("thimble.yaml"), recipe).unwrap();
    folder
}

fn fails(recipe: &str, options: &BuildOptions) -> BuildError {
    build(folder(recipe).path(), options).unwrap_err()
}

#[test]
fn an_image_can_be_read_back_and_is_always_the_same() {
    let recipe = "module: app.wat\nname: pump\nentry: run\ngrants: [gpio:led0]\n";
    let options = BuildOptions {
        created: Some(rfc3339(1_700_000_000)),
        annotations: Annotations::from([("org.example.a".into(), "b".into())]),
        ..BuildOptions::default()
    };
    let built = build(folder(recipe).path(), &options).unwrap();
    assert_eq!(built.name.as_deref(), Some("pump"));
    assert!(built.grants.is_clean());
    assert_eq!(built.notes, [""; 0]);

    let assembled = &built.assembled;
    let Document::Manifest(manifest) =
        Document::parse(&assembled.manifest_content, Some(media_type::MANIFEST)).unwrap()
    else {
        panic!("an index");
    };
    assert_eq!(manifest, assembled.manifest);
    assert_eq!(manifest.annotations[TITLE], "pump");
    assert_eq!(assembled.module_descriptor.annotations[TITLE], "pump.wasm");
    let program = Program::find(&manifest, &assembled.config_content).unwrap();
    assert_eq!(
        program.code,
        Code::Module(assembled.module_descriptor.clone())
    );
    assert_eq!(
        program.config.created.as_deref(),
        Some("2023-11-14T22:13:20Z")
    );
    assert_eq!(
        program.config.layer_digests,
        [Digest::of(&built.tidied.bytes)]
    );
    assert_eq!(
        assembled.manifest_descriptor.digest,
        Digest::of(&assembled.manifest_content)
    );

    // Another folder, another time of day: the same image.
    assert_eq!(build(folder(recipe).path(), &options).unwrap(), built);
    let timeless = build(folder(recipe).path(), &BuildOptions::default()).unwrap();
    assert!(
        !String::from_utf8(timeless.assembled.config_content)
            .unwrap()
            .contains("created")
    );
}

#[test]
fn grants_that_do_not_fit_end_the_build_only_where_asked() {
    let recipe = "module: app.wat\ngrants: [kv]\n";
    let built = build(folder(recipe).path(), &BuildOptions::default()).unwrap();
    assert_eq!(built.grants.lines().count(), 2);
    let strict = BuildOptions {
        strict_grants: true,
        ..BuildOptions::default()
    };
    let error = fails(recipe, &strict);
    assert!(matches!(error, BuildError::StrictGrants(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains("`ocre_gpio_init` needs the grant `gpio`"),
        "{error}"
    );
}

#[test]
fn what_is_wrong_is_told() {
    let options = BuildOptions::default();
    for (recipe, message) in [
        (
            "module: app.wat\nentry: go\n",
            "exports no function `go` that could be its entry point; it exports _start, run, add",
        ),
        (
            "module: app.wat\nentry: add\n",
            "the function `add` cannot be the entry point",
        ),
        (
            "module: app.wat\ngrants: [gpoi]\n",
            "thimble.yaml: there is no grant `gpoi`; did you mean `gpio:led0`?",
        ),
        ("module: thimble.yaml\n", "not a WebAssembly module"),
    ] {
        let error = fails(recipe, &options).to_string();
        assert!(error.contains(message), "{error}");
    }
    let folder = folder("module: app.wat\n");
    for (text, message) in [
        (
            "(module (func (result i32)))",
            "app.wat: the module is not valid: type mismatch",
        ),
        ("(module (fnc))", "app.wat: the text is not WebAssembly"),
        (
            r#"(module (import "env" "nothing" (func)))"#,
            "unknown import `env.nothing`",
        ),
    ] {
        fs::write(folder.path().join("app.wat"), text).unwrap();
        let error = build(folder.path(), &options).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    assert!(build(Path::new("/nowhere/app.wasm"), &options).is_err());
}

#[test]
fn a_library_is_built_with_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("library.wat");
    fs::write(&path, r#"(module (func (export "run")))"#).unwrap();
    let built = build(&path, &BuildOptions::default()).unwrap();
    assert_eq!(built.notes.len(), 1);
    assert_eq!(built.name.as_deref(), Some("library"));
}

#[test]
fn times() {
    for (seconds, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (4_107_542_399, "2100-02-28T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
        (u64::MAX, "9999-12-31T23:59:59Z"),
    ] {
        assert_eq!(rfc3339(seconds), text);
    }
}
