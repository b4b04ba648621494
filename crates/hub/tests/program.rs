//! The program as an administrator starts it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use thimble_hub_api::Client;
use thimble_hub_api::client::{Settings, Trust};

const PROGRAM: &str = env!("CARGO_BIN_EXE_thimble-hub");

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A hub in a folder, with its settings.
struct Place {
    folder: tempfile::TempDir,
    config: String,
}

impl Place {
    fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.toml");
        let text = format!(
            "folder = \"{}\"\n[operators]\nlisten = \"127.0.0.1:0\"\n[devices]\nlisten = \"127.0.0.1:0\"\n{more}",
            folder.path().display()
        );
        std::fs::write(&path, text).unwrap();
        Self {
            config: path.display().to_string(),
            folder,
        }
    }

    fn init(&self) -> String {
        let output = run(&["init", "--config", &self.config]);
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// A hub that serves until it is told to stop, or dropped.
struct Served {
    child: Child,
    operators: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Served {
    fn start(config: &str) -> Self {
        let child = Command::new(PROGRAM)
            .args(["serve", "--config", config])
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // From here on it is killed whatever happens.
        let mut served = Self {
            child,
            operators: String::new(),
        };
        let mut lines = BufReader::new(served.child.stderr.take().unwrap());
        let mut seen = String::new();
        while served.operators.is_empty() {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap() == 0 {
                panic!("the hub does not serve: {seen}");
            }
            seen.push_str(&line);
            if let Some((_, rest)) = line.split_once("operators=") {
                let address = rest.split_whitespace().next().unwrap();
                address.clone_into(&mut served.operators);
            }
        }
        // What it says later must not stand still.
        std::thread::spawn(move || drop(std::io::copy(&mut lines, &mut std::io::sink())));
        served
    }

    fn client(&self, token: &str) -> Client {
        Client::new(&Settings {
            url: format!("http://{}", self.operators),
            token: Some(token.to_owned()),
            tenant: None,
            trust: Trust::Machine,
        })
        .unwrap()
    }

    fn stop(mut self) {
        let killed = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        assert!(self.child.wait().unwrap().success());
    }
}

#[tokio::test]
async fn a_hub_begins_serves_stops_and_goes_on() {
    let place = Place::new("");
    let token = place.init();
    assert!(token.starts_with("thb_"), "{token}");
    let served = Served::start(&place.config);
    let who = served.client(&token).whoami().await.unwrap();
    assert_eq!((who.user.as_str(), who.tenant.as_str()), ("admin", "main"));
    served.stop();
    let served = Served::start(&place.config);
    served.client(&token).whoami().await.unwrap();
    // Whoever has the machine can make another, also while it serves.
    let another = run(&["token", "--config", &place.config]);
    assert!(another.status.success(), "{}", said(&another));
    let another = String::from_utf8(another.stdout).unwrap().trim().to_owned();
    assert_ne!(another, token);
    let who = served.client(&another).whoami().await.unwrap();
    assert_eq!(who.user, "admin");
    let nobody = run(&["token", "--config", &place.config, "--user", "ada"]);
    assert!(!nobody.status.success());
    assert!(
        said(&nobody).contains("there are admin"),
        "{}",
        said(&nobody)
    );
    // What devices believe it by is told while it serves, and stays the same.
    let root = run(&["authority", "--config", &place.config]);
    assert!(root.status.success(), "{}", said(&root));
    let root = String::from_utf8(root.stdout).unwrap();
    assert!(
        rustls::pki_types::pem::PemObject::from_pem_slice(root.as_bytes())
            .is_ok_and(|der: rustls::pki_types::CertificateDer<'_>| !der.is_empty())
    );
    let again = run(&["authority", "--config", &place.config]);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), root);
    served.stop();
    // Only its owner reads what it keeps.
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |name: &str| {
        let path: &Path = &place.folder.path().join(name);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("master.key"), 0o600);
    let again = run(&["init", "--config", &place.config]);
    assert!(!again.status.success());
    assert!(
        said(&again).contains("has users already"),
        "{}",
        said(&again)
    );
}

#[test]
fn what_is_wrong_is_said() {
    let place = Place::new("");
    let early = run(&["serve", "--config", &place.config]);
    assert!(!early.status.success());
    assert!(
        said(&early).contains("thimble-hub init"),
        "{}",
        said(&early)
    );
    for (arguments, words) in [
        (&["fly"][..], "no command `fly`"),
        (&[][..], "--help"),
        (
            &["serve", "--config", "/nowhere/hub.toml"],
            "/nowhere/hub.toml",
        ),
        (&["serve", "--loud"], "--loud"),
        (
            &["init", "--config", &place.config, "--tenant", "Not A Name"],
            "tenant's name",
        ),
        (
            &[
                "init",
                "--config",
                &place.config,
                "--password-file",
                "/nowhere",
            ],
            "/nowhere",
        ),
    ] {
        let output = run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(
            said(&output).contains(words),
            "{arguments:?}: {}",
            said(&output)
        );
    }
    let open = Place::new("");
    std::fs::write(&open.config, "[operators]\nlisten = \"0.0.0.0:0\"").unwrap();
    let output = run(&["serve", "--config", &open.config]);
    assert!(
        said(&output).contains("needs a certificate"),
        "{}",
        said(&output)
    );
}

#[test]
fn the_program_describes_itself() {
    let version = run(&["--version"]);
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("thimble-hub "));
    assert!(String::from_utf8_lossy(&run(&["--help"]).stdout).contains("serve"));
    let openapi = run(&["openapi"]);
    let document: serde_json::Value = serde_json::from_slice(&openapi.stdout).unwrap();
    assert_eq!(document["info"]["title"], "Thimble hub");
}

#[tokio::test]
async fn an_administrator_collects_and_changes_the_master_key() {
    let place = Place::new("[blobs]\ncollect_every_s = 0\n");
    let token = place.init();
    let served = Served::start(&place.config);
    let client = served.client(&token);
    let new = thimble_hub_api::secret::SecretValue {
        value: "hidden".to_owned(),
    };
    client.set_secret("wifi", &new).await.unwrap();
    // Whoever began the hub administers it, and the list says so.
    let users = client.users(&Default::default()).await.unwrap().items;
    let roles: Vec<_> = users.iter().map(|user| user.roles.clone()).collect();
    assert_eq!(roles, [[thimble_hub_api::identity::Role::Admin]]);
    served.stop();
    let looked = run(&["collect", "--dry-run", "--config", &place.config]);
    assert!(looked.status.success(), "{}", said(&looked));
    let told = String::from_utf8_lossy(&looked.stdout).into_owned();
    assert!(told.contains("main: 0 blobs (0 bytes)"), "{told}");
    assert!(told.contains("would be deleted"), "{told}");
    let collected = run(&["collect", "--config", &place.config]);
    assert!(collected.status.success(), "{}", said(&collected));
    // The key that is used is not the one before it.
    let key = place.folder.path().join("master.key");
    let old = place.folder.path().join("old.key");
    let (key, old) = (key.to_str().unwrap(), old.to_str().unwrap());
    let refused = run(&["reseal", "--old-key", key, "--config", &place.config]);
    assert!(!refused.status.success());
    assert!(
        said(&refused).contains("move it away first"),
        "{}",
        said(&refused)
    );
    std::fs::rename(key, old).unwrap();
    let resealed = run(&["reseal", "--old-key", old, "--config", &place.config]);
    assert!(resealed.status.success(), "{}", said(&resealed));
    assert!(
        said(&resealed).contains("1 values of secrets"),
        "{}",
        said(&resealed)
    );
    std::fs::remove_file(old).unwrap();
    let served = Served::start(&place.config);
    let secrets = served.client(&token).secrets(&Default::default()).await;
    assert_eq!(secrets.unwrap().items.len(), 1);
    served.stop();
}
