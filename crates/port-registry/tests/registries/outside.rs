//! What lies outside of this process: credential helpers, proxies.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use thimble_port_registry::{Proxies, Registries, Secret, Settings, StoredWhere};
use thimble_testkit::blobs::MemoryStore;

use crate::images::{image, reference, settings};
use crate::scripted::{Scripted, Shop, answer};

/// Set for the copy of this program that finds the helper.
const FOLDER: &str = "THIMBLE_TEST_HELPERS";

/// Keeps one entry in a file beside it, as the protocol of credential helpers says.
const HELPER: &str = r#"#!/bin/sh
here="$THIMBLE_TEST_HELPERS/kept"
case "$1" in
store) cat > "$here" ;;
erase) rm "$here" ;;
get) if [ -f "$here" ]; then cat "$here"; else echo "credentials not found in native keychain"; exit 1; fi ;;
esac
"#;

#[test]
fn a_helper_keeps_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let helper = folder.path().join("docker-credential-drawer");
    std::fs::write(&helper, HELPER).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(
        folder.path().join("config.json"),
        r#"{"credsStore":"drawer"}"#,
    )
    .unwrap();
    let path = std::env::var("PATH").unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "outside::in_a_process_that_finds_the_helper"])
        .env(FOLDER, folder.path())
        .env("PATH", format!("{}:{path}", folder.path().display()))
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn in_a_process_that_finds_the_helper() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let store = MemoryStore::default();
    let root = image(&store, b"kept");
    let shop = Shop {
        store,
        root: root.clone(),
    };
    let server = Scripted::start(move |asked| {
        if asked.header("authorization") == Some("Basic c29tZW9uZTpzZWNyZXQ=") {
            return shop.answer(asked);
        }
        answer(401, &[("WWW-Authenticate", "Basic realm=\"r\"")], b"")
    });
    let registries = Registries::new(Settings {
        docker_config: Some(folder.into()),
        ..settings()
    })
    .unwrap();
    let name = reference(&format!("{}/app:v1", server.address));
    assert!(registries.resolve(&name).is_err());
    let stored = registries
        .login(&server.address, "someone", Secret::new("secret".into()))
        .unwrap();
    assert_eq!(stored, StoredWhere::Helper("drawer".into()));
    assert_eq!(registries.resolve(&name).unwrap().digest, root.digest);
    assert!(registries.logout(&server.address).unwrap());
    assert!(!registries.logout(&server.address).unwrap());
    assert!(registries.resolve(&name).is_err());
}

#[test]
fn a_helper_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (helper, expected) in [
        (
            "thimble-missing",
            "docker-credential-thimble-missing does not help",
        ),
        ("../evil", "characters that names do not have"),
    ] {
        let config = format!("{{\"credsStore\":\"{helper}\"}}");
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let registries = Registries::new(Settings {
            docker_config: Some(folder.path().into()),
            ..settings()
        })
        .unwrap();
        let error = registries
            .resolve(&reference("127.0.0.1:1/app:v1"))
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// A proxy that carries one host's connections to another.
fn proxy(target: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let target = target.to_owned();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if client.read_exact(&mut byte).is_err() {
                    break;
                }
                head.push(byte[0]);
            }
            if !head.starts_with(b"CONNECT registry.test:80 ") {
                continue;
            }
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let mut server = TcpStream::connect(&target).unwrap();
            let (mut client_too, mut server_too) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut client_too, &mut server_too));
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut server, &mut client);
                client.shutdown(std::net::Shutdown::Both)
            });
        }
    });
    address
}

#[test]
fn a_proxy_carries_what_is_not_local() {
    let store = MemoryStore::default();
    let root = image(&store, b"behind a proxy");
    let shop = Shop {
        store,
        root: root.clone(),
    };
    let server = Scripted::start(move |asked| shop.answer(asked));
    let name = reference("registry.test/app:v1");
    for (no_proxy, arrives) in [(None, true), (Some("other.test, *.test"), false)] {
        let registries = Registries::new(Settings {
            plain_http: true,
            attempts_max: 1,
            proxies: Proxies {
                http_proxy: Some(format!("http://{}", proxy(&server.address))),
                no_proxy: no_proxy.map(Into::into),
                ..Proxies::default()
            },
            ..settings()
        })
        .unwrap();
        let found = registries.resolve(&name).map(|found| found.digest);
        assert_eq!(
            found.as_ref().ok(),
            arrives.then_some(&root.digest),
            "{found:?}"
        );
    }
    let error = Registries::new(Settings {
        proxies: Proxies {
            all_proxy: Some("::::".into()),
            ..Proxies::default()
        },
        ..settings()
    });
    assert!(error.is_err_and(|error| error.to_string().contains("ALL_PROXY")));
}
