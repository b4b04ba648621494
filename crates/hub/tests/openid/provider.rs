//! The provider's program, what it is told, and the browser of those who sign in there.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{StatusCode, Url};

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
            .arg(root.join("../hub/tests/openid/provider.mjs"))
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

/// What a browser does: follows redirections and keeps cookies, until it is sent back to an address that begins with `back`;
/// that address.
pub(crate) async fn browse(url: &str, somebody: &str, back: &str) -> Url {
    let http = http();
    let mut url = Url::parse(url).unwrap();
    url.query_pairs_mut().append_pair("login_hint", somebody);
    let mut cookies: BTreeMap<String, String> = BTreeMap::new();
    for _ in 0..10 {
        if url.as_str().starts_with(back) {
            return url;
        }
        let sent: Vec<String> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = http
            .get(url.clone())
            .header(COOKIE, sent.join("; "))
            .send()
            .await
            .unwrap();
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            cookies.insert(name.to_owned(), value.to_owned());
        }
        let status = answer.status();
        let Some(next) = answer.headers().get(LOCATION) else {
            panic!("{url}: {status}: {}", answer.text().await.unwrap());
        };
        assert!(status.is_redirection() && status != StatusCode::NOT_MODIFIED);
        url = url.join(next.to_str().unwrap()).unwrap();
    }
    panic!("redirections without end");
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
