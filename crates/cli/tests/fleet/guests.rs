//! Guests for the fleet's tests, and the images and manifests that bring them.

use thimble_image::{Descriptor, ImageConfig, Manifest as ImageManifest, media_type};
use thimble_protocol::manifest::{Container, Health, Image, Limits, SecretVariable, UpdateRules};
use thimble_protocol::{DeploymentId, Manifest};

use super::hub::Hub;

/// The deployment of most tests.
pub(crate) const DEPLOYMENT: DeploymentId = DeploymentId([9; 16]);

/// Reports that it is well, and waits for events without end; ends well when it is asked to stop.
pub(crate) const WELL: &str = r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (import "thimble" "health_report" (func $report (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $report (i32.const 0) (i32.const 0) (i32.const 0)))
    (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 1024)))))"#;

/// Writes its environment, and waits.
pub(crate) const TELLS: &str = r#"(module
  (import "thimble" "event_wait" (func $wait (param i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\n")
  (func (export "_start") (local $at i32) (local $end i32)
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (drop (call $environ (i32.const 1024) (i32.const 4096)))
    (local.set $at (i32.const 4096))
    (local.set $end (i32.add (i32.const 4096) (i32.load (i32.const 4))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (if (i32.eqz (i32.load8_u (local.get $at)))
          (then (i32.store8 (local.get $at) (i32.const 10))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (i32.store (i32.const 32) (i32.const 4096))
    (i32.store (i32.const 36) (i32.load (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 40)))
    (drop (call $wait (i64.const -1) (i32.const 0) (i32.const 1024)))))"#;

/// Traps at once.
pub(crate) const TRAPS: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "_start") (unreachable)))"#;

/// Lets itself be replaced only between two jobs.
pub(crate) const CAREFUL: &str = include_str!("../../../../examples/wat/veto.wat");

/// An image at the hub: a guest, made different from others by a tag, and as large as is wanted.
pub(crate) fn image(hub: &Hub, tag: &str, guest: &str, padding: usize) -> Image {
    let mut module = wat::parse_str(guest).unwrap();
    // A custom section (0), which nobody reads: its length, a name, bytes that do not compress.
    let mut section = vec![1, b'x'];
    section.extend_from_slice(tag.as_bytes());
    section.extend((0..padding).map(|index| u8::try_from(index * 31 % 251).unwrap()));
    module.push(0);
    let mut length = section.len();
    loop {
        let low = u8::try_from(length & 0x7f).unwrap();
        length >>= 7;
        module.push(if length == 0 { low } else { low | 0x80 });
        if length == 0 {
            break;
        }
    }
    module.extend(section);
    let layer = Descriptor::of(media_type::WASM, &module);
    let config = ImageConfig {
        layer_digests: vec![layer.digest],
        ..ImageConfig::default()
    }
    .to_json();
    let config_blob = Descriptor::of(media_type::WASM_CONFIG, &config);
    let manifest = ImageManifest::new(config_blob, vec![layer]).to_json();
    let (layer, layer_bytes) = hub.add(module);
    let (config, config_bytes) = hub.add(config);
    let (manifest, manifest_bytes) = hub.add(manifest);
    Image {
        reference: format!("localhost/app:{tag}"),
        manifest,
        manifest_bytes,
        config,
        config_bytes,
        layer,
        layer_bytes,
        referrers: Vec::new(),
    }
}

/// A container of an image.
pub(crate) fn container(name: &str, image: Image) -> Container {
    Container {
        name: name.to_owned(),
        image,
        args: None,
        env: Vec::new(),
        secret_env: Vec::new(),
        grants: Vec::new(),
        mounts: Vec::new(),
        listen: Vec::new(),
        limits: Limits {
            memory_bytes: Some(1 << 20),
            ..Limits::default()
        },
        restart: "always".to_owned(),
        health: None,
        depends_on: Vec::new(),
    }
}

/// A deployment of one container, `app.main`, whose update is watched for a second.
pub(crate) fn manifest(version: &str, main: Container) -> Manifest {
    Manifest {
        deployment: DEPLOYMENT,
        app: "app".to_owned(),
        version: version.to_owned(),
        containers: vec![main],
        update: UpdateRules {
            consent_ms: 5_000,
            ask_again_s: 1,
            probation_s: 1,
            hub_within_s: 0,
        },
        depends_on: Vec::new(),
    }
}

/// The same, with a health check.
pub(crate) fn watched(mut container: Container) -> Container {
    container.health = Some(Health {
        start_ms: 5_000,
        heartbeat_ms: None,
    });
    container
}

/// A variable whose value is a secret.
pub(crate) fn secret_variable(variable: &str, secret: &str) -> SecretVariable {
    SecretVariable {
        variable: variable.to_owned(),
        secret: secret.to_owned(),
    }
}
