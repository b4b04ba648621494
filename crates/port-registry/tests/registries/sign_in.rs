//! Who may see credentials, and what is done with them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use thimble_port_registry::{
    LoginError, Registries, Secret, Settings, StoredWhere, TransferError, Unwatched,
};
use thimble_testkit::blobs::MemoryStore;
use thimble_testkit::registry::{Kind, Registry, USER};

use crate::images::{Told, assert_same, image, pull, reference, settings};
use crate::scripted::{Scripted, Shop, answer};

fn with_folder(folder: &Path) -> Registries {
    Registries::new(Settings {
        docker_config: Some(folder.into()),
        ..settings()
    })
    .unwrap()
}

/// Basic credentials `someone:secret` for a registry, in a folder as Docker keeps them.
fn signed_in(registry: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let auth = "c29tZW9uZTpzZWNyZXQ=";
    let text = format!("{{\"auths\":{{\"{registry}\":{{\"auth\":\"{auth}\"}}}}}}");
    std::fs::write(folder.path().join("config.json"), text).unwrap();
    folder
}

#[test]
fn a_password_lets_in_and_is_kept() {
    let server = Registry::start(Kind::Login);
    let host = server.host();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    std::fs::write(
        &file,
        r#"{"detachKeys":"ctrl-x","auths":{"other":{"auth":"YTpi"}}}"#,
    )
    .unwrap();
    let registries = with_folder(folder.path());
    let store = MemoryStore::default();
    let root = image(&store, b"private");
    let name = reference(&server.name("private:v1"));
    let error = registries.resolve(&name).unwrap_err();
    assert!(
        matches!(error, TransferError::Unauthorized { .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains(&format!("thimble login {host}")),
        "{error}"
    );

    let (user, password) = USER;
    let error = registries
        .login(&host, user, Secret::new("wrong".into()))
        .unwrap_err();
    assert!(matches!(error, LoginError::Rejected { .. }), "{error}");
    let stored = registries
        .login(&host, user, Secret::new(password.into()))
        .unwrap();
    assert_eq!(stored, StoredWhere::File(file.clone()));
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("ctrl-x") && text.contains("YTpi") && !text.contains("pass:word"));

    registries
        .push(&root, &[], &name, &[], &store, &mut Unwatched)
        .unwrap();
    let here = MemoryStore::default();
    pull(&registries, &name.to_string(), &here, &mut Told::default()).unwrap();
    assert_same(&here, &store, &root);

    assert!(registries.logout(&host).unwrap());
    assert!(!registries.logout(&host).unwrap());
    assert!(registries.resolve(&name).is_err());
}

#[test]
fn a_token_is_had_for_a_password() {
    let store = MemoryStore::default();
    let root = image(&store, b"for tokens");
    let shop = Shop {
        store: store.clone(),
        root: root.clone(),
    };
    let tokens = Scripted::start(|asked| {
        if asked.header("authorization") == Some("Basic c29tZW9uZTpzZWNyZXQ=") {
            answer(200, &[], b"{\"access_token\":\"abc.def\"}")
        } else {
            answer(401, &[], b"{\"details\":\"who are you\"}")
        }
    });
    let realm = format!("http://{}/token", tokens.address);
    let server = Scripted::start(move |asked| {
        if asked.header("authorization") == Some("Bearer abc.def") {
            return shop.answer(asked);
        }
        let challenge = format!(
            "Negotiate, Bearer realm=\"{realm}\",service=\"the registry\",scope=\"repository:app:pull\""
        );
        answer(
            401,
            &[("WWW-Authenticate", &challenge)],
            b"{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}",
        )
    });
    let name = format!("{}/app:v1", server.address);
    let folder = signed_in(&format!("https://{}/v2/", server.address));
    let here = MemoryStore::default();
    pull(
        &with_folder(folder.path()),
        &name,
        &here,
        &mut Told::default(),
    )
    .unwrap();
    assert_same(&here, &store, &root);
    let asked = tokens.asked();
    assert_eq!(asked.len(), 1, "one token serves all requests");
    let query = "/token?service=the%20registry&account=someone&scope=repository%3Aapp%3Apull";
    assert_eq!(asked[0].path, query);

    let nobody = Registries::new(settings()).unwrap();
    let error = nobody.resolve(&reference(&name)).unwrap_err();
    assert!(
        matches!(error, TransferError::Unauthorized { .. }),
        "{error}"
    );
}

#[test]
fn an_identity_token_is_refreshed() {
    let tokens = Scripted::start(|asked| {
        let form = String::from_utf8_lossy(&asked.body).into_owned();
        let is_right = asked.method == "POST"
            && form.contains("grant_type=refresh_token")
            && form.ends_with("refresh_token=long%2Blived");
        answer(
            if is_right { 200 } else { 400 },
            &[],
            b"{\"access_token\":\"t\"}",
        )
    });
    let realm = format!("http://{}/token", tokens.address);
    let store = MemoryStore::default();
    let root = image(&store, b"image");
    let shop = Shop {
        store,
        root: root.clone(),
    };
    let server = Scripted::start(move |asked| {
        if asked.header("authorization") == Some("Bearer t") {
            return shop.answer(asked);
        }
        answer(
            401,
            &[("WWW-Authenticate", &format!("Bearer realm=\"{realm}\""))],
            b"",
        )
    });
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "{{\"auths\":{{\"{}\":{{\"identitytoken\":\"long+lived\"}}}}}}",
        server.address
    );
    std::fs::write(folder.path().join("config.json"), text).unwrap();
    let name = reference(&format!("{}/app:v1", server.address));
    let found = with_folder(folder.path()).resolve(&name).unwrap();
    assert_eq!(found.digest, root.digest);
}

#[test]
fn absurd_token_servers_are_refused() {
    let long = format!("{{\"token\":\"{}\"}}", "x".repeat(40_000));
    for (body, expected) in [
        ("<html>", "web page"),
        ("{}", "without a token"),
        ("{\"token\":\"a\\r\\nb\"}", "cannot be sent"),
        ("{\"token\":7}", "not the JSON"),
        (long.as_str(), "cannot be sent"),
    ] {
        let body = body.to_owned();
        let tokens = Scripted::start(move |_| answer(200, &[], body.as_bytes()));
        let realm = format!("http://{}/token", tokens.address);
        let server = Scripted::start(move |_| {
            answer(
                401,
                &[("WWW-Authenticate", &format!("Bearer realm=\"{realm}\""))],
                b"",
            )
        });
        let registries = Registries::new(settings()).unwrap();
        let name = reference(&format!("{}/app:v1", server.address));
        let error = registries.resolve(&name).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn credentials_stay_with_their_registry() {
    let store = MemoryStore::default();
    let root = image(&store, b"redirected");
    let shop = Shop {
        store: store.clone(),
        root: root.clone(),
    };
    let honest = shop.clone();
    let elsewhere = Scripted::start(move |asked| honest.answer(asked));
    let target = elsewhere.address.clone();
    let server = Scripted::start(move |asked| {
        if asked.header("authorization") != Some("Basic c29tZW9uZTpzZWNyZXQ=") {
            return answer(401, &[("WWW-Authenticate", "Basic realm=\"r\"")], b"");
        }
        if asked.path.contains("/blobs/") {
            let location = format!("http://{target}{}", asked.path);
            return answer(307, &[("Location", &location)], b"moved");
        }
        shop.answer(asked)
    });
    let folder = signed_in(&server.address);
    let here = MemoryStore::default();
    let name = format!("{}/app:v1", server.address);
    pull(
        &with_folder(folder.path()),
        &name,
        &here,
        &mut Told::default(),
    )
    .unwrap();
    assert_same(&here, &store, &root);
    let asked = elsewhere.asked();
    assert_eq!(asked.len(), 2);
    assert!(
        asked
            .iter()
            .all(|asked| asked.header("authorization").is_none())
    );
}

#[test]
fn a_registry_may_ask_for_patience() {
    let store = MemoryStore::default();
    let root = image(&store, b"slowly");
    let shop = Shop { store, root };
    let server = Scripted::start(move |asked| {
        if asked.path.ends_with("/v1") && asked.before == 0 {
            return answer(429, &[("Retry-After", "1")], b"");
        }
        shop.answer(asked)
    });
    let mut told = Told::default();
    let name = format!("{}/app:v1", server.address);
    let registries = Registries::new(settings()).unwrap();
    pull(&registries, &name, &MemoryStore::default(), &mut told).unwrap();
    assert_eq!(told.retries.len(), 1);
    assert_eq!(told.retries[0].1, Duration::from_secs(1));
}
