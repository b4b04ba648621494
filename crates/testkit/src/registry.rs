//! A real registry, `docker-registry`, for one test, and tools of others that judge ours.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The user that a registry with credentials knows, and the password, which has what credentials stumble over.
pub const USER: (&str, &str) = ("ada", "pass:word é");
/// The same as `htpasswd -nbBC 5` writes it.
const HTPASSWD: &str = "ada:$2y$05$NIkd9xea4I2Y7kOFENEBpOkjMQXGC4e1BCq2aNibGaZfkXEBKPCZK\n";

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
        let config = folder.path().join("config.yml");
        std::fs::write(&config, configuration(kind, folder.path())).unwrap();
        let path = std::env::var_os("PATH");
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            // Variables of the environment would change its settings.
            .env_clear()
            .envs(path.map(|path| ("PATH", path)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("docker-registry: {error}; install it: apt-get install docker-registry")
            });
        let port = port(&mut process);
        Self {
            process,
            port,
            folder,
        }
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
        format!("{}/{repository}", self.host())
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

/// Waits until a registry says where it listens; the port.
fn port(process: &mut Child) -> u16 {
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut said = String::new();
    loop {
        let Some(Ok(line)) = lines.next() else {
            panic!("the registry ended at once:\n{said}");
        };
        let address = line
            .split_once("listening on 127.0.0.1:")
            .map(|(_, rest)| rest);
        if let Some(address) = address {
            let port = address.split([',', '"']).next().unwrap().parse();
            // Its words must go somewhere, or it stops.
            std::thread::spawn(move || lines.for_each(drop));
            return port.unwrap();
        }
        said += &line;
        said.push('\n');
    }
}

fn configuration(kind: Kind, folder: &Path) -> String {
    let shown = folder.display();
    let mut text = format!(
        "version: 0.1\nlog: {{level: info, formatter: text}}\nstorage:\n  \
         filesystem: {{rootdirectory: {shown}/blobs}}\n  delete: {{enabled: true}}\nhttp:\n  addr: 127.0.0.1:0\n"
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
pub(crate) fn certify(folder: &Path) {
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
