//! Images that other tools pushed: as `wasm-to-oci`, `oras push` and Docker make them, put into a real registry by
//! skopeo from layouts of exactly that form.

use std::path::Path;

use serde_json::{Value, json};
use thimble_image::Digest;

use thimble_testkit::registry::tool;

use super::device::{Device, exits};
use thimble_testkit::registry::{Kind, Registry};

/// Writes a blob of a layout; its descriptor.
fn blob(layout: &Path, media_type: &str, content: &[u8]) -> Value {
    let digest = Digest::of(content);
    let folder = layout.join("blobs/sha256");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(digest.hex()), content).unwrap();
    json!({"mediaType": media_type, "digest": digest, "size": content.len()})
}

/// Writes a layout that holds one image.
fn layout(folder: &Path, manifest: &Value, media_type: &str) {
    let content = manifest.to_string();
    let mut descriptor = blob(folder, media_type, content.as_bytes());
    descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": "image"});
    std::fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    let index = json!({"schemaVersion": 2, "manifests": [descriptor]});
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
}

fn module(code: u8) -> Vec<u8> {
    wat::parse_str(exits(code, "foreign")).unwrap()
}

/// A tar archive of these files, by `tar`.
fn archive(folder: &Path, files: &[(&str, &[u8])], gzip: bool) -> Vec<u8> {
    let content = tempfile::TempDir::new_in(folder).unwrap();
    for (name, bytes) in files {
        let path = content.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let path = folder.join("layer.tar");
    let mode = if gzip { "-czf" } else { "-cf" };
    tool(
        "tar",
        &[
            mode,
            path.to_str().unwrap(),
            "-C",
            content.path().to_str().unwrap(),
            ".",
        ],
        folder,
    );
    std::fs::read(path).unwrap()
}

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

#[test]
fn modules_that_other_tools_pushed_are_run() {
    let registry = Registry::start(Kind::Open);
    let device = Device::new();
    for (number, config, layer, title) in [
        (
            1,
            "application/vnd.wasm.config.v1+json",
            "application/vnd.wasm.content.layer.v1+wasm",
            None,
        ),
        (
            2,
            "application/vnd.oci.empty.v1+json",
            "application/wasm",
            Some("app.wasm"),
        ),
        (
            3,
            "application/vnd.oci.empty.v1+json",
            "application/vnd.oci.image.layer.v1.tar",
            Some("app.wasm"),
        ),
        (
            4,
            "application/vnd.wasm.config.v0+json",
            "application/wasm",
            None,
        ),
    ] {
        let folder = device.place.path().join(format!("layout{number}"));
        let config_content: &[u8] = if number == 4 {
            br#"{"created":"2024-01-01T00:00:00Z","author":null,"architecture":"wasm","os":"wasip1","layerDigests":[],"component":null}"#
        } else {
            b"{}"
        };
        let config = blob(&folder, config, config_content);
        let mut layer = blob(&folder, layer, &module(number));
        if let Some(title) = title {
            layer["annotations"] = json!({"org.opencontainers.image.title": title});
        }
        let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]});
        layout(&folder, &manifest, OCI_MANIFEST);
        device.ok(&[
            "load",
            "-i",
            folder.to_str().unwrap(),
            "-t",
            &registry.name("foreign:1"),
        ]);
        device.ok(&["push", &registry.name("foreign:1")]);
        let other = Device::new();
        let outcome = other.run(&["run", &registry.name("foreign:1")]);
        assert_eq!(outcome.code, i32::from(number), "{outcome:?}");
    }
}

#[test]
fn a_docker_image_of_wasm_is_run() {
    let registry = Registry::start(Kind::Open);
    let device = Device::new();
    let folder = device.place.path();
    let config = json!({
        "architecture": "wasm", "os": "wasi",
        "config": {"Entrypoint": ["/bin/app.wasm"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": []},
    });
    let lower = archive(
        folder,
        &[("bin/app.wasm", &module(1)), ("etc/x", b"y")],
        true,
    );
    let upper = archive(folder, &[("bin/app.wasm", &module(2))], true);
    let hides = archive(folder, &[("bin/.wh.app.wasm", b"")], true);
    for (name, layers, code) in [
        ("lower", vec![&lower], 1),
        ("upper", vec![&lower, &upper], 2),
        ("hidden", vec![&lower, &hides], 126),
    ] {
        let place = folder.join(name);
        let layers: Vec<Value> = layers
            .into_iter()
            .map(|bytes| {
                blob(
                    &place,
                    "application/vnd.docker.image.rootfs.diff.tar.gzip",
                    bytes,
                )
            })
            .collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": DOCKER_MANIFEST,
            "config": blob(&place, "application/vnd.docker.container.image.v1+json", config.to_string().as_bytes()),
            "layers": layers,
        });
        layout(&place, &manifest, DOCKER_MANIFEST);
        let image = registry.name(&format!("docker:{name}"));
        device.ok(&["load", "-i", place.to_str().unwrap(), "-t", &image]);
        device.ok(&["push", &image]);
        let outcome = Device::new().run(&["run", &image]);
        assert_eq!(outcome.code, code, "{name}: {outcome:?}");
    }
}

#[test]
fn an_index_offers_the_portable_variant() {
    let registry = Registry::start(Kind::Open);
    let device = Device::new();
    let folder = device.place.path().join("layout");
    let variant = |platform: Value, content: &[u8]| {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": blob(&folder, "application/vnd.wasm.config.v0+json", b"{}"),
            "layers": [blob(&folder, "application/wasm", content)],
        });
        let mut descriptor = blob(&folder, OCI_MANIFEST, manifest.to_string().as_bytes());
        descriptor["platform"] = platform;
        descriptor
    };
    let native = variant(
        json!({"architecture": "amd64", "os": "linux"}),
        b"native code",
    );
    let portable = variant(json!({"architecture": "wasm", "os": "wasip1"}), &module(3));
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [native, portable],
    });
    layout(&folder, &index, "application/vnd.oci.image.index.v1+json");
    let name = registry.name("variants:1");
    device.ok(&["load", "-i", folder.to_str().unwrap(), "-t", &name]);
    device.ok(&["push", &name]);
    let other = Device::new();
    assert_eq!(other.run(&["run", &name]).code, 3);
    // Of the other variant, nothing was fetched: index, manifest, configuration, module.
    assert_eq!(other.store().usage().unwrap().blobs, 4);
    other.ok(&["prune"]);
    assert_eq!(other.run(&["run", "--pull", "never", &name]).code, 3);
}

#[test]
fn what_is_no_container_is_told() {
    let device = Device::new();
    let folder = device.place.path().join("layout");
    let write = |config_type: &str, config: &[u8], layer_type: &str| {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": blob(&folder, config_type, config),
            "layers": [blob(&folder, layer_type, b"something")],
        });
        layout(&folder, &manifest, OCI_MANIFEST);
        device.ok(&["load", "-i", folder.to_str().unwrap(), "-t", "it"]);
    };
    for (config_type, config, layer_type, word) in [
        (
            "application/vnd.oci.image.config.v1+json",
            r#"{"architecture":"amd64","os":"linux"}"#,
            "application/vnd.oci.image.layer.v1.tar",
            "linux/amd64",
        ),
        (
            "application/vnd.wasm.config.v0+json",
            "{}",
            "text/plain",
            "text/plain",
        ),
        (
            "application/vnd.wasm.config.v0+json",
            "{}",
            "application/wasm",
            "not a WebAssembly module",
        ),
        (
            "application/vnd.wasm.config.v0+json",
            r#"{"thimble":{"telepathy":true}}"#,
            "application/wasm",
            "telepathy",
        ),
        (
            "application/vnd.wasm.config.v0+json",
            r#"{"os":"wasip2"}"#,
            "application/wasm",
            "wasip2",
        ),
    ] {
        write(config_type, config.as_bytes(), layer_type);
        device.refused(126, &[word], &["run", "--pull", "never", "it"]);
    }
}
