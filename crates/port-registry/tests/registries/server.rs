//! The registry of Debian's package `docker-registry`, started for one test and ended with it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Who may enter a registry with a password, and with which.
pub(crate) const USER: (&str, &str) = ("someone", "pass:word é");
/// The same as `htpasswd -nbBC 5` writes it.
const HTPASSWD: &str = "someone:$2y$05$NIkd9xea4I2Y7kOFENEBpOkjMQXGC4e1BCq2aNibGaZfkXEBKPCZK\n";

pub(crate) struct Server {
    child: Child,
    folder: tempfile::TempDir,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
}

#[derive(Default)]
pub(crate) struct Options {
    pub(crate) has_password: bool,
    /// Certificate and key, PEM.
    pub(crate) tls: Option<(String, String)>,
}

impl Server {
    pub(crate) fn start(options: &Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = format!(
            "version: 0.1\nlog: {{level: info, formatter: text}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\nhttp:\n  addr: 127.0.0.1:0\n  secret: secret\n",
            folder.path().join("blobs").display()
        );
        if let Some((certificate, key)) = &options.tls {
            let write = |name: &str, text: &str| {
                let path = folder.path().join(name);
                std::fs::write(&path, text).unwrap();
                path.display().to_string()
            };
            let (certificate, key) = (write("cert.pem", certificate), write("key.pem", key));
            config += &format!("  tls: {{certificate: {certificate}, key: {key}}}\n");
        }
        if options.has_password {
            let path = folder.path().join("htpasswd");
            std::fs::write(&path, HTPASSWD).unwrap();
            let path = path.display();
            config += &format!("auth: {{htpasswd: {{realm: test, path: {path}}}}}\n");
        }
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let (child, address) = run(&file);
        Self {
            child,
            folder,
            address,
        }
    }

    pub(crate) fn plain() -> Self {
        Self::start(&Options::default())
    }

    /// An image's name at this registry.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn run(config: &Path) -> (Child, String) {
    let mut child = Command::new("docker-registry")
        .arg("serve")
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("docker-registry cannot be started ({error}); install Debian's package `docker-registry`")
        });
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    let address = loop {
        let Some(Ok(line)) = lines.next() else {
            panic!("docker-registry ended at once:\n{said}");
        };
        if let Some((_, rest)) = line.split_once("listening on ") {
            let address = rest.split([',', '"']).next().unwrap();
            break address.trim().to_owned();
        }
        said += &line;
        said.push('\n');
    };
    // Its words must go somewhere, or it stops.
    std::thread::spawn(move || lines.for_each(drop));
    (child, address)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
