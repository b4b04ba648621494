//! The provider's program, and what it is told.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// The hub's secret at the provider.
pub(crate) const SECRET: &str = "a secret between the hub and the provider";

/// A provider that runs until it is dropped.
pub(crate) struct Provider {
    child: Child,
    issuer: String,
    groups: PathBuf,
    changed: Mutex<BTreeMap<String, Vec<String>>>,
    _place: tempfile::TempDir,
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Provider {
    pub(crate) fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let modules = root.join("../../target/openid-provider/node_modules");
        let modules = modules.canonicalize().unwrap_or_else(|_| {
            panic!(
                "{} is not there: `cargo xtask setup` gets it",
                modules.display()
            )
        });
        let place = tempfile::tempdir().unwrap();
        let groups = place.path().join("groups.json");
        let mut child = Command::new("node")
            .arg(root.join("tests/openid/provider.mjs"))
            .args([&modules, Path::new(SECRET), &groups])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("node cannot be started: {error}; `cargo xtask setup` gets it")
            });
        let mut issuer = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        while !issuer.starts_with("http://") {
            issuer.clear();
            assert!(
                lines.read_line(&mut issuer).unwrap() > 0,
                "the provider ended"
            );
        }
        // It ends when nobody takes what it says.
        std::thread::spawn(move || drop(std::io::copy(&mut lines, &mut std::io::sink())));
        Self {
            child,
            issuer: issuer.trim().to_owned(),
            groups,
            changed: Mutex::default(),
            _place: place,
        }
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// From now on somebody is in these groups.
    pub(crate) fn groups(&self, somebody: &str, groups: &[&str]) {
        let mut changed = self.changed.lock().unwrap();
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        changed.insert(somebody.to_owned(), groups);
        std::fs::write(&self.groups, serde_json::to_vec(&*changed).unwrap()).unwrap();
    }
}

/// What a browser asks with: it follows no redirection by itself.
pub(crate) fn http() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let configuration = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(configuration)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}
