//! `thimble push`, `pull`, `login`, and `run` of what is not here, against a real registry, with skopeo as judge.

use std::io::Write as _;
use std::process::Stdio;

use thimble_testkit::registry::tool;

use super::device::{Device, exits};
use crate::command::end;
use thimble_testkit::registry::{Kind, Registry, USER};

#[test]
fn an_image_travels_through_a_registry() {
    let registry = Registry::start(Kind::Open);
    let (maker, device) = (Device::new(), Device::new());
    let name = registry.name("line1/hello:1");
    let digest = maker.build(&name, &exits(5, "travel"));
    assert_eq!(maker.json(&["push", &name])["digest"], *digest);
    assert_eq!(device.json(&["pull", &name])["digest"], *digest);
    assert_eq!(device.run(&["run", "--pull", "never", &name]).code, 5);
    // By its digest, and by running it where it is not yet.
    let by_digest = format!("{}@{digest}", registry.name("line1/hello"));
    let other = Device::new();
    assert_eq!(other.run(&["run", &by_digest]).code, 5);
    assert_eq!(other.run(&["run", "--pull", "never", &by_digest]).code, 5);
    // Nothing is sent or fetched twice.
    let again = maker.run(&["push", &name]);
    assert!(again.stderr.contains("already there"), "{again:?}");
    let again = device.run(&["pull", &name]);
    assert!(again.stderr.contains("already there"), "{again:?}");
}

#[test]
fn a_tag_that_moved_is_fetched_when_asked_for() {
    let registry = Registry::start(Kind::Open);
    let (maker, device) = (Device::new(), Device::new());
    let name = registry.name("moving:1");
    maker.build(&name, &exits(1, "first"));
    maker.ok(&["push", &name]);
    assert_eq!(device.run(&["run", &name]).code, 1);
    maker.build(&name, &exits(2, "second"));
    maker.ok(&["push", &name]);
    assert_eq!(device.run(&["run", &name]).code, 1);
    assert_eq!(device.run(&["run", "--pull", "always", &name]).code, 2);
    assert_eq!(device.run(&["run", "--pull", "never", &name]).code, 2);
}

#[test]
fn skopeo_inspects_and_copies_what_was_pushed() {
    let registry = Registry::start(Kind::Open);
    let device = Device::new();
    let folder = device.place.path();
    let name = registry.name("line1/hello:1");
    let digest = device.build(&name, &exits(5, "skopeo"));
    device.ok(&["push", &name]);
    let remote = format!("docker://{name}");
    let raw = tool(
        "skopeo",
        &["inspect", "--tls-verify=false", "--raw", &remote],
        folder,
    );
    assert_eq!(
        thimble_image::Digest::of(raw.as_bytes()).to_string(),
        digest
    );
    let copy = registry.name("copied/hello:2");
    tool(
        "skopeo",
        &[
            "copy",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            &remote,
            &format!("docker://{copy}"),
        ],
        folder,
    );
    assert_eq!(Device::new().run(&["run", &copy]).code, 5);
    // From our own store in place to the registry, and back into a layout that we load.
    let store = format!("oci:{}:{name}", device.images().display());
    let third = registry.name("third:1");
    tool(
        "skopeo",
        &[
            "copy",
            "--dest-tls-verify=false",
            &store,
            &format!("docker://{third}"),
        ],
        folder,
    );
    tool(
        "skopeo",
        &[
            "copy",
            "--src-tls-verify=false",
            &format!("docker://{third}"),
            "oci-archive:third.tar:third:1",
        ],
        folder,
    );
    let other = Device::new();
    other.ok(&["load", "-i", folder.join("third.tar").to_str().unwrap()]);
    assert_eq!(other.json(&["images"])[0]["digest"], *digest);
}

#[test]
fn a_registry_with_credentials_lets_in_who_logged_in() {
    let registry = Registry::start(Kind::Login);
    let device = Device::new();
    let host = registry.host();
    let name = registry.name("secret:1");
    device.build(&name, &exits(3, "secret"));
    device.refused(125, &["thimble login"], &["push", &name]);
    let login = |password: &str| {
        let mut command = device.command(&["login", "-u", USER.0, "--password-stdin", &host]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(password.as_bytes())
            .unwrap();
        end(child)
    };
    let wrong = login("wrong");
    assert_eq!(wrong.code, 125, "{wrong:?}");
    assert!(!device.place.path().join(".docker/config.json").exists());
    let right = login(&format!("{}\n", USER.1));
    assert_eq!(right.code, 0, "{right:?}");
    assert!(!right.stdout.contains(USER.1) && !right.stderr.contains(USER.1));
    device.ok(&["push", &name]);
    device.ok(&["pull", &name]);
    // Where docker keeps them, other tools find them.
    let auth_file = device.place.path().join(".docker/config.json");
    tool(
        "skopeo",
        &[
            "inspect",
            "--tls-verify=false",
            "--raw",
            "--authfile",
            auth_file.to_str().unwrap(),
            &format!("docker://{name}"),
        ],
        device.place.path(),
    );
    device.ok(&["logout", &host]);
    device.refused(125, &["thimble login"], &["pull", &name]);
}

#[test]
fn a_registry_with_tls_is_trusted_by_its_authority_alone() {
    let registry = Registry::start(Kind::Tls);
    let device = Device::new();
    let name = registry.name("tls:1");
    device.build(&name, &exits(4, "tls"));
    let settings = |authority: &str| {
        device.setting(
            "thimble.toml",
            &format!(
                "[registries.\"localhost:{}\"]\nca = [{authority:?}]\n",
                registry.port()
            ),
        );
    };
    let stranger = Registry::start(Kind::Tls);
    settings(stranger.authority().to_str().unwrap());
    device.refused(125, &["certificate"], &["push", &name]);
    settings(registry.authority().to_str().unwrap());
    device.ok(&["push", &name]);
    device.ok(&["rmi", &name]);
    assert_eq!(device.run(&["run", &name]).code, 4);
    settings("/nowhere.pem");
    device.refused(125, &["/nowhere.pem"], &["pull", &name]);
}

#[test]
fn mirrors_are_asked_first() {
    let (mirror, registry) = (Registry::start(Kind::Open), Registry::start(Kind::Open));
    let (maker, device) = (Device::new(), Device::new());
    maker.build(&mirror.name("app:1"), &exits(1, "mirror"));
    maker.ok(&["push", &mirror.name("app:1")]);
    for tag in ["app:1", "other:1"] {
        maker.build(&registry.name(tag), &exits(2, "origin"));
        maker.ok(&["push", &registry.name(tag)]);
    }
    device.setting(
        "thimble.toml",
        &format!(
            "[registries.\"localhost:{}\"]\nmirrors = [\"localhost:{}\"]\n",
            registry.port(),
            mirror.port()
        ),
    );
    assert_eq!(device.run(&["run", &registry.name("app:1")]).code, 1);
    // What a mirror does not have comes from the registry itself.
    assert_eq!(device.run(&["run", &registry.name("other:1")]).code, 2);
    drop(mirror);
    assert_eq!(
        device
            .run(&["run", "--pull", "always", &registry.name("app:1")])
            .code,
        2
    );
}

#[test]
fn two_pulls_of_a_shared_layer_fetch_it_once() {
    let registry = Registry::start(Kind::Open);
    let (maker, device) = (Device::new(), Device::new());
    let module = exits(6, &"shared".repeat(1000));
    maker.place.file("app.wat", &module);
    let recipe = |name: &str| {
        let text = format!("module: app.wat\nlabels: {{which: {name}}}\n");
        maker.place.file(&format!("{name}/thimble.yaml"), text)
    };
    let names = [registry.name("one:1"), registry.name("two:1")];
    for (folder, name) in ["one", "two"].iter().zip(&names) {
        std::fs::create_dir_all(maker.place.path().join(folder)).unwrap();
        maker.place.file(&format!("{folder}/app.wat"), &module);
        recipe(folder);
        maker.ok(&[
            "build",
            "-t",
            name,
            maker.place.path().join(folder).to_str().unwrap(),
        ]);
        maker.ok(&["push", name]);
    }
    let pulls: Vec<_> = names
        .iter()
        .map(|name| device.command(&["pull", name]).spawn().unwrap())
        .collect();
    let outcomes: Vec<_> = pulls.into_iter().map(end).collect();
    assert!(
        outcomes.iter().all(|outcome| outcome.code == 0),
        "{outcomes:?}"
    );
    let fetched = outcomes
        .iter()
        .map(|outcome| {
            outcome
                .stderr
                .lines()
                .filter(|line| line.starts_with("module") && line.ends_with("fetched"))
                .count()
        })
        .sum::<usize>();
    assert_eq!(fetched, 1, "{outcomes:?}");
    // Two manifests, two configurations, one module.
    assert_eq!(device.store().usage().unwrap().blobs, 5);
    for name in &names {
        assert_eq!(device.run(&["run", "--pull", "never", name]).code, 6);
    }
}

#[test]
fn what_is_damaged_is_fetched_again() {
    let registry = Registry::start(Kind::Open);
    let device = Device::new();
    let name = registry.name("fragile:1");
    device.build(&name, &exits(9, "fragile"));
    device.ok(&["push", &name]);
    let inspected = device.json(&["inspect", &name]);
    let layer = inspected["image"]["config"]["layerDigests"][0]
        .as_str()
        .unwrap();
    let blob = device
        .images()
        .join("blobs/sha256")
        .join(layer.strip_prefix("sha256:").unwrap());
    let mut bytes = std::fs::read(&blob).unwrap();
    let whole = bytes.clone();
    *bytes.last_mut().unwrap() ^= 1;
    let damage = |bytes: &[u8]| {
        // Blobs are read-only, which does not keep a disk from damaging them.
        std::fs::remove_file(&blob).unwrap();
        std::fs::write(&blob, bytes).unwrap();
    };
    damage(&bytes);
    device.refused(126, &["thimble pull"], &["run", "--pull", "never", &name]);
    device.refused(125, &["sha256:"], &["fsck"]);
    let repaired = device.run(&["run", &name]);
    assert_eq!(repaired.code, 9, "{repaired:?}");
    assert!(
        repaired.stderr.contains("fetching it again"),
        "{repaired:?}"
    );
    assert_eq!(std::fs::read(&blob).unwrap(), whole);
    // The same content, although the tag has moved; and no other name.
    let maker = Device::new();
    maker.build(&name, &exits(8, "moved"));
    maker.ok(&["push", &name]);
    damage(&bytes);
    assert_eq!(device.run(&["run", &name]).code, 9);
    assert_eq!(device.json(&["images"]).as_array().unwrap().len(), 1);
    let told = maker.run(&["run", "--json", "--pull", "never", &name]);
    assert!(
        told.stderr
            .lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
        "{told:?}"
    );
    device.ok(&["push", &name]);
    damage(&bytes[..10]);
    device.ok(&["pull", &name]);
    device.ok(&["fsck"]);
    assert_eq!(device.run(&["run", "--pull", "never", &name]).code, 9);
}

#[test]
fn what_is_not_there_is_told() {
    let registry = Registry::start(Kind::Open);
    let device = Device::new();
    device.refused(
        127,
        &["no manifest"],
        &["pull", &registry.name("nothing:1")],
    );
    device.refused(127, &["no manifest"], &["run", &registry.name("nothing:1")]);
    device.refused(
        127,
        &["no such image"],
        &["push", &registry.name("nothing:1")],
    );
    let port = registry.port();
    drop(registry);
    device.refused(
        125,
        &["localhost"],
        &["pull", &format!("localhost:{port}/nothing:1")],
    );
}
