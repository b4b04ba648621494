//! A real registry, `docker-registry`, for one test, and tools of others that judge ours.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The user that a registry with credentials knows, and the password.
pub const USER: (&str, &str) = ("ada", "correct horse");
/// The same as a line of htpasswd, with bcrypt at its least cost.
const HTPASSWD: &str = "ada:$2y$04$z51NU1TQdEM..d3gpVWx..Yf/HXTS.4da7.NVHyYY.Rw5uv7DkIlm\n";

/// What a registry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// HTTP, open to all.
    Open,
    /// HTTP, with a name and a password.
    Login,
    /// HTTPS, with a certificate of an authority made for the test.
    Tls,
}

/// A registry that runs until it is dropped.
#[derive(Debug)]
pub struct Registry {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Registry {
    /// Starts one that listens when this returns.
    #[must_use]
    pub fn start(kind: Kind) -> Self {
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let config = folder.path().join("config.yml");
        std::fs::write(&config, configuration(kind, port, folder.path())).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("docker-registry: {error}; install it: apt-get install docker-registry")
            });
        let mut registry = Self {
            process,
            port,
            folder,
        };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = registry.process.try_wait().unwrap() {
                let log = std::fs::read_to_string(registry.folder.path().join("log"));
                panic!("the registry ended with {status}: {log:?}");
            }
            std::thread::yield_now();
        }
        registry
    }

    /// `HOST:PORT` of it.
    #[must_use]
    pub fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// Its port on loopback.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The name of a repository on it.
    #[must_use]
    pub fn name(&self, repository: &str) -> String {
        format!("localhost:{}/{repository}", self.port)
    }

    /// The certificate of the authority that a registry with TLS is certified by.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn configuration(kind: Kind, port: u16, folder: &Path) -> String {
    let shown = folder.display();
    let mut text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {shown}/data}}\n  \
         delete: {{enabled: true}}\nhttp:\n  addr: 127.0.0.1:{port}\n"
    );
    match kind {
        Kind::Open => {}
        Kind::Login => {
            std::fs::write(folder.join("htpasswd"), HTPASSWD).unwrap();
            text.push_str(&format!(
                "auth:\n  htpasswd: {{realm: test, path: {shown}/htpasswd}}\n"
            ));
        }
        Kind::Tls => {
            certify(folder);
            text.push_str(&format!(
                "  tls: {{certificate: {shown}/server.pem, key: {shown}/server.key}}\n"
            ));
        }
    }
    text
}

/// Makes an authority and a certificate for `localhost`.
fn certify(folder: &Path) {
    let openssl = |line: &str| tool("openssl", &line.split(' ').collect::<Vec<_>>(), folder);
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test",
    );
    openssl(
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=localhost",
    );
    std::fs::write(
        folder.join("names"),
        "subjectAltName=DNS:localhost,IP:127.0.0.1\n",
    )
    .unwrap();
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile names",
    );
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Runs a tool of others, which must succeed; its standard output.
pub fn tool(name: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(name)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{name}: {error}; install it: apt-get install {name}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}: {stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
