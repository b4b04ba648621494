//! Apps, and devices that have some.

use thimble_image::Digest;
use thimble_protocol::manifest::{Container, Health, Image, Limits, SecretVariable, UpdateRules};
use thimble_protocol::report::{DeploymentState, Phase};
use thimble_protocol::state::SealedSecret;
use thimble_protocol::{Item, Manifest};

use super::{Device, Fault, id};

/// A manifest with one container.
pub(crate) fn app(number: u8, version: &str) -> Manifest {
    let blob = |kind: &str| Digest::of(format!("{number} {version} {kind}").as_bytes());
    let image = Image {
        reference: format!("app{number}:{version}"),
        manifest: blob("manifest"),
        manifest_bytes: 300,
        config: blob("config"),
        config_bytes: 200,
        layer: blob("layer"),
        layer_bytes: 10_000 + u32::from(number),
        referrers: Vec::new(),
    };
    let container = Container {
        name: "main".into(),
        image,
        args: None,
        env: Vec::new(),
        secret_env: Vec::new(),
        grants: vec!["fs".into()],
        mounts: Vec::new(),
        listen: Vec::new(),
        limits: Limits {
            memory_bytes: Some(131_072),
            ..Limits::default()
        },
        restart: "always".into(),
        health: Some(Health {
            start_ms: 5_000,
            heartbeat_ms: None,
        }),
        depends_on: Vec::new(),
    };
    Manifest {
        deployment: id(number),
        app: format!("app{number}"),
        version: version.into(),
        containers: vec![container],
        update: UpdateRules {
            consent_ms: 10_000,
            ask_again_s: 600,
            probation_s: 60,
            hub_within_s: 900,
        },
        depends_on: Vec::new(),
    }
}

pub(crate) fn with_secret(mut manifest: Manifest, secret: &str) -> Manifest {
    manifest.containers[0].secret_env = vec![SecretVariable {
        variable: "PASSWORD".into(),
        secret: secret.into(),
    }];
    manifest
}

pub(crate) fn sealed(name: &str, revision: u32) -> SealedSecret {
    SealedSecret {
        name: name.into(),
        revision,
        sealed: vec![u8::try_from(revision).unwrap(); 100],
    }
}

/// Installs version 1 of these apps, and forgets how.
pub(crate) fn with_apps(numbers: &[u8]) -> (Device, Vec<Item>) {
    let mut device = Device::new();
    let items: Vec<_> = numbers
        .iter()
        .map(|number| device.publish(&app(*number, "1"), Fault::None))
        .collect();
    device.declare(&items);
    device.pass_polling(120, 30);
    for number in numbers {
        assert_eq!(
            device.phase(id(*number)),
            (DeploymentState::Installed, Phase::Idle, None)
        );
    }
    device.take_log();
    (device, items)
}
