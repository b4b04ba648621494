//! What the steps about images need: a registry, a signer with its authority, and a device that trusts it.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::loopback;
use crate::process;

/// How long the registry gets to listen.
const LISTEN_WAIT: Duration = Duration::from_secs(10);

/// A registry that runs until it is dropped.
pub(super) struct Registry {
    process: Child,
    port: u16,
}

impl Registry {
    /// Starts one that keeps its images in this folder.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let port = loopback::free_port()?;
        let config = folder.join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n\
             http: {{addr: '127.0.0.1:{port}'}}\n",
            folder.join("images").display()
        );
        fs::write(&config, text)?;
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start docker-registry")?;
        let mut registry = Self { process, port };
        let deadline = Instant::now() + LISTEN_WAIT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = registry.process.try_wait()? {
                bail!("docker-registry ended with {status}");
            }
            if Instant::now() >= deadline {
                bail!(
                    "docker-registry did not listen within {} s",
                    LISTEN_WAIT.as_secs()
                );
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(registry)
    }

    pub(super) fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What certificates of an authority and of a signer must say (Notary Project, certificate requirements).
const EXTENSIONS: &str = "\
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[leaf]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = codeSigning
";

/// What openssl is told to do, in this order.
const COMMANDS: [&str; 6] = [
    "ecparam -name prime256v1 -genkey -noout -out root.key",
    "req -new -key root.key -out root.csr -subj /C=XX/O=Demo/CN=Authority",
    "x509 -req -in root.csr -signkey root.key -sha256 -days 2 -extfile extensions -extensions root -out root.pem",
    "ecparam -name prime256v1 -genkey -noout -out leaf.key",
    "req -new -key leaf.key -out leaf.csr -subj /C=XX/ST=XX/O=Demo/CN=Signer",
    "x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -sha256 -days 1 -extfile extensions -extensions \
     leaf -out leaf.pem",
];

/// The keys and certificates of an authority and of a signer.
pub(super) struct Keys(PathBuf);

impl Keys {
    /// Makes them, with openssl.
    pub(super) fn make(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        fs::write(folder.join("extensions"), EXTENSIONS)?;
        for line in COMMANDS {
            let mut command = Command::new("openssl");
            command.args(line.split(' ')).current_dir(folder);
            process::capture(&mut command)?;
        }
        let chain = ["leaf.pem", "root.pem"].map(|name| fs::read_to_string(folder.join(name)));
        let [leaf, root] = chain;
        fs::write(folder.join("chain.pem"), leaf? + &root?)?;
        Ok(Self(folder.to_owned()))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// Sets up a device that runs what this authority certified from that registry, and nothing else.
    pub(super) fn trust(&self, device: &Path, host: &str) -> Result<()> {
        let store = device.join("config/truststore/x509/ca/demo");
        fs::create_dir_all(&store)?;
        fs::copy(self.0.join("root.pem"), store.join("root.pem"))?;
        let policy = format!(
            r#"{{"version": "1.0", "trustPolicies": [{{
                "name": "demo",
                "registryScopes": ["{host}/demo/hello", "{host}/demo/other"],
                "signatureVerification": {{"level": "strict"}},
                "trustStores": ["ca:demo"],
                "trustedIdentities": ["x509.subject: C=XX, ST=XX, O=Demo"]
            }}]}}"#
        );
        fs::write(device.join("config/trustpolicy.json"), policy)?;
        Ok(())
    }
}
