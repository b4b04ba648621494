//! A folder where openssl makes keys and certificates, as the guide describes it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use thimble_image::signature::UnixTime;

/// A folder of its own for each test, below the target folder.
pub(crate) struct Workshop(PathBuf);

impl Workshop {
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("notary-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Runs openssl with these words; what it writes to its output is returned.
    pub(crate) fn openssl(&self, line: &str) -> Vec<u8> {
        self.run(
            OsStr::new("openssl"),
            &line.split_whitespace().collect::<Vec<_>>(),
            "install openssl",
        )
    }

    /// Runs a program that is needed.
    pub(crate) fn run(&self, program: &OsStr, arguments: &[&str], remedy: &str) -> Vec<u8> {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.0)
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}; {remedy}", program.display()));
        assert!(
            output.status.success(),
            "{} {}: {}",
            program.display(),
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// Makes `root.pem`, and `leaf.key` with `chain.pem`, on this curve.
    pub(crate) fn make_chain(&self, curve: &str, digest: &str) {
        self.write(
            "leaf.ext",
            "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n",
        );
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:{curve} -nodes -keyout root.key -out root.pem \
             -days 3650 -{digest} -subj /C=DE/ST=Bayern/O=Acme/CN=Root \
             -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign"
        ));
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:{curve} -nodes -keyout leaf.key -out leaf.csr \
             -subj /C=DE/ST=Bayern/O=Acme/CN=Builder"
        ));
        self.openssl(&format!(
            "x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -days 365 -{digest} \
             -extfile leaf.ext -out leaf.pem"
        ));
        let chain = self.text("leaf.pem") + &self.text("root.pem");
        self.write("chain.pem", chain);
    }

    /// The certificates that openssl made, leaf first.
    pub(crate) fn chain_der(&self) -> Vec<Vec<u8>> {
        ["leaf", "root"]
            .iter()
            .map(|name| self.openssl(&format!("x509 -in {name}.pem -outform DER")))
            .collect()
    }
}

/// What time it is: openssl cannot be told another.
pub(crate) fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixTime(i64::try_from(since.as_secs()).unwrap())
}
