//! What can be told without a hub: names, files, declarations. The rest is tested end to end, with one.

use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;
use thimble_image::Digest;
use thimble_protocol::DeploymentId;
use thimble_protocol::manifest::{Container, Image, Limits, Mount, SecretVariable};
use thimble_protocol::report::ReasonCode;
use thimble_protocol::state::SealedSecret;

use super::folder::Folder;
use super::identity::DeviceKey;
use super::secrets::{SECRETS_LABEL, Secrets};
use super::{Fleet, FleetSettings, code_of, link, spec, work};

fn folder() -> (TempDir, Folder) {
    let root = TempDir::new().unwrap();
    let folder = Folder::open(root.path().join("fleet")).unwrap();
    (root, folder)
}

fn declared() -> Container {
    Container {
        name: "main".to_owned(),
        image: Image {
            reference: "registry.example/sensors/reader:1.2".to_owned(),
            manifest: Digest::of(b"manifest"),
            manifest_bytes: 8,
            config: Digest::of(b"config"),
            config_bytes: 6,
            layer: Digest::of(b"layer"),
            layer_bytes: 5,
            referrers: Vec::new(),
        },
        args: Some(vec!["-v".to_owned()]),
        env: vec!["A=1=2".to_owned(), "EMPTY=".to_owned()],
        secret_env: Vec::new(),
        grants: vec!["timer".to_owned()],
        mounts: vec![Mount {
            volume: "data".to_owned(),
            target: "/data".to_owned(),
            is_read_only: true,
        }],
        listen: vec!["tcp/8080".to_owned()],
        limits: Limits {
            memory_bytes: Some(1 << 20),
            ..Limits::default()
        },
        restart: "unless-stopped".to_owned(),
        health: None,
        depends_on: vec!["other".to_owned()],
    }
}

#[test]
fn a_hub_is_an_https_url_without_a_path() {
    let good = [
        ("https://hub.example", "hub.example", 443),
        ("https://hub.example:8443/", "hub.example", 8443),
        ("https://[::1]:9", "::1", 9),
    ];
    for (url, host, port) in good {
        assert_eq!(
            link::address(url).unwrap(),
            (host.to_owned(), port),
            "{url}"
        );
    }
    for url in [
        "",
        "hub",
        "http://hub",
        "https://",
        "https://hub/path",
        "https://h ub",
    ] {
        assert!(link::address(url).is_err(), "{url}");
    }
}

#[test]
fn a_declaration_has_everything_of_the_manifest() {
    let deployment = DeploymentId([0xab; 16]);
    let spec = spec::container(deployment, &declared(), Some(&[])).unwrap();
    assert_eq!(
        spec.image,
        format!(
            "registry.example/sensors/reader:1.2@{}",
            Digest::of(b"manifest")
        )
    );
    assert_eq!(spec.env["A"], "1=2");
    assert_eq!(spec.env["EMPTY"], "");
    assert_eq!(spec.restart.as_deref(), Some("always"));
    assert_eq!(spec.limits.memory_bytes, Some(1 << 20));
    assert!(spec.mounts[0].read_only && spec.mounts[0].source == "data");
    assert_eq!(spec.depends_on[0].name, "other");
    let label = &spec.labels[spec::DEPLOYMENT_LABEL];
    assert_eq!(label, "abababab-abab-abab-abab-abababababab");
    assert_eq!(work::parse_deployment(label), Some(deployment));
    for text in ["", "ab", "zz", &format!("{label}00")] {
        assert_eq!(work::parse_deployment(text), None, "{text}");
    }
}

#[test]
fn what_a_manifest_lacks_is_told() {
    let deployment = DeploymentId([1; 16]);
    let mut container = declared();
    container.env.push("NOTHING".to_owned());
    let error = spec::container(deployment, &container, None).unwrap_err();
    assert_eq!(error.reason(), ReasonCode::Invalid);
    assert!(error.to_string().contains("NOTHING"));

    let mut container = declared();
    container.secret_env.push(SecretVariable {
        variable: "PASSWORD".to_owned(),
        secret: "db".to_owned(),
    });
    let error = spec::container(deployment, &container, Some(&[])).unwrap_err();
    assert_eq!(error.reason(), ReasonCode::Secret);
    let secret = SealedSecret {
        name: "db".to_owned(),
        revision: 3,
        sealed: Vec::new(),
    };
    let spec = spec::container(deployment, &container, Some(&[secret])).unwrap();
    assert_eq!(spec.labels[SECRETS_LABEL], "PASSWORD=db:3");
    // What is not there is left out, and nothing is made up.
    let mut env = vec![("PASSWORD".to_owned(), "from the image".to_owned())];
    Secrets::default().inject(&spec.labels, &mut env);
    assert_eq!(env, []);
}

#[test]
fn the_key_is_made_once_and_read_by_nobody_else() {
    let (_root, folder) = folder();
    let first = DeviceKey::load_or_make(&folder).unwrap();
    let again = DeviceKey::load_or_make(&folder).unwrap();
    assert_eq!(first.fingerprint(), again.fingerprint());
    assert_eq!(first.fingerprint().len(), 16);
    assert!(!first.request().unwrap().is_empty());
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.path()), 0o700);
    assert_eq!(mode(&folder.path().join("device.key")), 0o600);
    folder.write("device.key", b"no key").unwrap();
    assert!(DeviceKey::load_or_make(&folder).is_err());
}

#[test]
fn files_are_replaced_whole() {
    let (_root, folder) = folder();
    assert_eq!(folder.read("agent").unwrap(), None);
    folder.write("agent", b"a longer text").unwrap();
    folder.write("agent", b"short").unwrap();
    assert_eq!(
        folder.read("agent").unwrap().as_deref(),
        Some(&b"short"[..])
    );
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1);
}

#[test]
fn settings_that_contradict_themselves_are_refused() {
    let root = TempDir::new().unwrap();
    let prepare = |settings: FleetSettings| {
        Fleet::prepare(root.path(), Some(&settings))
            .err()
            .unwrap_or_default()
    };
    let settings = || FleetSettings {
        hub: "https://hub.example".to_owned(),
        ..FleetSettings::default()
    };
    assert_eq!(prepare(settings()), "");
    let hub = "http://hub.example".to_owned();
    assert!(prepare(FleetSettings { hub, ..settings() }).contains("https"));
    let both = FleetSettings {
        claim_code: Some("a".to_owned()),
        claim_code_file: Some("/nowhere".into()),
        ..settings()
    };
    assert!(prepare(both).contains("leave one out"));
    let ca = Some("/nowhere/ca.pem".into());
    assert!(prepare(FleetSettings { ca, ..settings() }).contains("/nowhere/ca.pem"));
    assert_eq!(code_of(b" code\n").unwrap(), "code");
    assert!(code_of(b" \n").is_err());
    // Nothing was made on the disk by looking.
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    let fleet = Fleet::prepare(root.path(), None).unwrap();
    assert!(fleet.restart_program().is_none());
}
