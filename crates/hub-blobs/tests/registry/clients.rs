//! Clients that others wrote, and our own.

use std::path::Path;

use serde_json::Value;
use thimble_image::{Descriptor, Manifest, Reference, media_type};
use thimble_port_registry::{LoginError, Proxies, Registries, Secret, Settings, Unwatched};
use thimble_testkit::blobs::MemoryStore;
use thimble_testkit::registry::tool;

use crate::server::{ADA, BOTH, EVE, Server, noise};

/// An image in a folder as skopeo's `dir:` has it; its manifest.
fn image_folder(folder: &Path, layer: &[u8]) -> Vec<u8> {
    std::fs::create_dir(folder).unwrap();
    let config =
        br#"{"architecture":"wasm","os":"wasip1","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let descriptors = [
        (media_type::OCI_CONFIG, config.as_slice()),
        (media_type::WASM, layer),
    ];
    let [config, layer] = descriptors.map(|(kind, bytes)| {
        let descriptor = Descriptor::of(kind, bytes);
        std::fs::write(folder.join(descriptor.digest.hex()), bytes).unwrap();
        descriptor
    });
    let manifest = Manifest::new(config, vec![layer]).to_json();
    std::fs::write(folder.join("manifest.json"), &manifest).unwrap();
    std::fs::write(folder.join("version"), "Directory Transport Version: 1.1\n").unwrap();
    manifest
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_signs_in_copies_looks_and_deletes() {
    for on in BOTH {
        let server = Server::start(on).await;
        let folder = server.store.folder.path().to_owned();
        let host = server.host.clone();
        let work = move || {
            // More than a piece of an upload, and more than a part of an object.
            let layer = noise(1, 13 << 20);
            let manifest = image_folder(&folder.join("image"), &layer);
            let run = |line: &str| {
                let arguments: Vec<_> = line.split(' ').collect();
                tool("skopeo", &arguments, &folder)
            };
            run(&format!(
                "login --tls-verify=false --authfile auth.json -u {} -p {} {host}",
                ADA.0, ADA.1
            ));
            let copy = "copy --insecure-policy --authfile auth.json --preserve-digests";
            run(&format!(
                "{copy} --dest-tls-verify=false dir:image docker://{host}/a/deep/app:v1"
            ));
            // Again, when all is there; and to another repository, by taking blobs over.
            run(&format!(
                "{copy} --dest-tls-verify=false dir:image docker://{host}/a/deep/app:v2"
            ));
            run(&format!(
                "{copy} --src-tls-verify=false --dest-tls-verify=false docker://{host}/a/deep/app:v1 docker://{host}/a/copy:v1"
            ));
            run(&format!(
                "{copy} --src-tls-verify=false docker://{host}/a/copy:v1 dir:back"
            ));
            assert_eq!(
                std::fs::read(folder.join("back/manifest.json")).unwrap(),
                manifest
            );
            let name = Descriptor::of(media_type::WASM, &layer).digest.hex();
            assert!(std::fs::read(folder.join("back").join(name)).unwrap() == layer);
            let look = "--tls-verify=false --authfile auth.json";
            let tags = run(&format!("list-tags {look} docker://{host}/a/deep/app"));
            let tags: Value = serde_json::from_str(&tags).unwrap();
            assert_eq!(tags["Tags"], serde_json::json!(["v1", "v2"]));
            let inspected = run(&format!(
                "inspect --raw {look} docker://{host}/a/deep/app:v1"
            ));
            assert_eq!(inspected.as_bytes(), manifest);
            run(&format!("delete {look} docker://{host}/a/deep/app:v1"));
            let gone = std::process::Command::new("skopeo")
                .args(["inspect", "--tls-verify=false", "--authfile", "auth.json"])
                .arg(format!("docker://{host}/a/deep/app:v2"))
                .current_dir(&folder)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&gone.stderr);
            assert!(said.contains("there is no such manifest"), "{said}");
        };
        tokio::task::spawn_blocking(work).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_client_signs_in_pushes_and_pulls() {
    for on in BOTH {
        let server = Server::start(on).await;
        let folder = server.store.folder.path().join("docker");
        let host = server.host.clone();
        let work = move || {
            let registries = Registries::new(Settings {
                docker_config: Some(folder),
                proxies: Proxies::default(),
                ..Settings::default()
            })
            .unwrap();
            let wrong = registries.login(&host, ADA.0, Secret::new("wrong".into()));
            assert!(matches!(wrong, Err(LoginError::Rejected { .. })));
            registries
                .login(&host, ADA.0, Secret::new(ADA.1.into()))
                .unwrap();
            let store = MemoryStore::default();
            let config = store.add(media_type::WASM_CONFIG, b"{\"os\":\"wasip1\"}");
            let layer = store.add(media_type::WASM, &noise(2, 9 << 20));
            let manifest = Manifest::new(config, vec![layer.clone()]).to_json();
            let root = store.add(media_type::MANIFEST, &manifest);
            let mut about = Manifest::new(
                store.add(media_type::NOTARY_SIGNATURE, b"{}"),
                vec![store.add(media_type::COSE, b"envelope")],
            );
            about.artifact_type = Some(media_type::NOTARY_SIGNATURE.into());
            about.subject = Some(root.clone());
            let about = store.add(media_type::MANIFEST, &about.to_json());
            let name: Reference = format!("{host}/a/team/app:v1").parse().unwrap();
            let pushed = registries.push(
                &root,
                std::slice::from_ref(&about),
                &name,
                &[],
                &store,
                &mut Unwatched,
            );
            pushed.unwrap();
            assert_eq!(registries.resolve(&name).unwrap().digest, root.digest);
            let kind = Some(media_type::NOTARY_SIGNATURE);
            let referrers = registries.referrers(&name, &root.digest, kind).unwrap();
            let digests: Vec<_> = referrers.iter().map(|found| found.digest).collect();
            assert_eq!(digests, [about.digest]);
            registries
                .login(&host, EVE.0, Secret::new(EVE.1.into()))
                .unwrap();
            let here = MemoryStore::default();
            let found = registries.pull(&name, &[], &here, &mut Unwatched, &mut |_| Ok(()));
            assert_eq!(found.unwrap().root, root);
            assert!(here.has(&layer.digest));
            // Who may only read is told so.
            let denied = registries.push(&root, &[], &name, &[], &store, &mut Unwatched);
            let denied = denied.unwrap_err().to_string();
            assert!(denied.contains("you may not do this"), "{denied}");
        };
        tokio::task::spawn_blocking(work).await.unwrap();
    }
}
