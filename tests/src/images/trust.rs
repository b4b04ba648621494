//! `thimble sign` and `verify`, and the trust policy at `pull` and `run`, with keys and certificates by openssl.

use std::path::PathBuf;

use thimble_testkit::registry::tool;

use super::device::{Device, exits};
use thimble_testkit::registry::{Kind, Registry};

/// An authority, and a signer that it certified.
struct Signer {
    device: Device,
}

impl Signer {
    fn new() -> Self {
        let device = Device::new();
        let folder = device.place.path();
        let openssl = |line: &str| tool("openssl", &line.split(' ').collect::<Vec<_>>(), folder);
        device.place.file(
            "extensions",
            "[leaf]\nbasicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\n\
             extendedKeyUsage=codeSigning\n[root]\nbasicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n",
        );
        openssl("ecparam -name prime256v1 -genkey -noout -out root.key");
        openssl("req -new -key root.key -out root.csr -subj /C=XX/O=Plant/CN=Root");
        openssl(
            "x509 -req -in root.csr -signkey root.key -out root.pem -days 3 -extfile extensions -extensions root -sha256",
        );
        openssl("ecparam -name prime256v1 -genkey -noout -out leaf.key");
        openssl("req -new -key leaf.key -out leaf.csr -subj /C=XX/ST=Y/O=Maker/CN=Signer");
        openssl(
            "x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -out leaf.pem -days 2 -extfile extensions -extensions leaf -sha256",
        );
        let chain = ["leaf.pem", "root.pem"]
            .map(|name| std::fs::read_to_string(folder.join(name)).unwrap());
        device.place.file("chain.pem", chain.concat());
        Self { device }
    }

    fn path(&self, name: &str) -> String {
        self.device
            .place
            .path()
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    }

    fn sign(&self, on: &Device, image: &str) {
        on.ok(&[
            "sign",
            "--key",
            &self.path("leaf.key"),
            "--cert",
            &self.path("chain.pem"),
            image,
        ]);
    }

    /// Lets a device trust this authority for a scope.
    fn trusted_by(&self, device: &Device, scope: &str, level: &str) {
        let root = std::fs::read_to_string(PathBuf::from(self.path("root.pem"))).unwrap();
        device.setting("truststore/x509/ca/plant/root.pem", &root);
        policy(device, scope, level, r#"["*"]"#);
    }
}

fn policy(device: &Device, scope: &str, level: &str, identities: &str) {
    let trust = if level == "skip" {
        String::new()
    } else {
        format!(r#","trustStores":["ca:plant"],"trustedIdentities":{identities}"#)
    };
    device.setting(
        "trustpolicy.json",
        &format!(
            r#"{{"version":"1.0","trustPolicies":[{{"name":"p","registryScopes":["{scope}"],
                "signatureVerification":{{"level":"{level}"}}{trust}}}]}}"#
        ),
    );
}

#[test]
fn a_signed_image_is_trusted_wherever_it_is_pulled() {
    let registry = Registry::start(Kind::Open);
    let (maker, device, signer) = (Device::new(), Device::new(), Signer::new());
    let name = registry.name("line1/app:1");
    maker.build(&name, &exits(5, "signed"));
    signer.sign(&maker, &name);
    maker.ok(&["verify", "--ca", &signer.path("root.pem"), &name]);
    maker.ok(&["push", &name]);
    signer.trusted_by(&device, &registry.name("line1/app"), "strict");
    device.ok(&["pull", &name]);
    assert_eq!(device.run(&["run", "--pull", "never", &name]).code, 5);
    device.ok(&["verify", &name]);
    let shown = device.ok(&["inspect", &name]);
    assert!(
        shown.contains("CN=Signer") && shown.contains("CN=Root"),
        "{shown}"
    );
    // Pruning keeps the signature as long as the image.
    device.ok(&["prune"]);
    assert_eq!(device.run(&["run", "--pull", "never", &name]).code, 5);
    // An archive carries it too.
    let offline = Device::new();
    device.ok(&["save", "-o", "signed.tar", &name]);
    signer.trusted_by(&offline, "*", "strict");
    offline.ok(&[
        "load",
        "-i",
        device.place.path().join("signed.tar").to_str().unwrap(),
    ]);
    assert_eq!(offline.run(&["run", "--pull", "never", &name]).code, 5);
}

#[test]
fn what_is_not_trusted_is_neither_pulled_nor_run() {
    let registry = Registry::start(Kind::Open);
    let (maker, device) = (Device::new(), Device::new());
    let (signer, stranger) = (Signer::new(), Signer::new());
    let [unsigned, strange] = ["unsigned:1", "strange:1"].map(|name| registry.name(name));
    for (name, text) in [(&unsigned, "a"), (&strange, "b")] {
        maker.build(name, &exits(5, text));
    }
    stranger.sign(&maker, &strange);
    for name in [&unsigned, &strange] {
        maker.ok(&["push", name]);
        // Before there is a policy, everything is trusted.
        assert_eq!(device.run(&["run", name]).code, 5);
    }
    signer.trusted_by(&device, "*", "strict");
    for (name, word) in [(&unsigned, "not signed"), (&strange, "trust")] {
        device.refused(
            126,
            &["not trusted", word],
            &["run", "--pull", "never", name],
        );
        device.refused(126, &["not trusted", word], &["pull", name]);
        device.refused(126, &["not trusted", word], &["verify", name]);
    }
    // Refused before anything but the documents and signatures was fetched.
    let fresh = Device::new();
    signer.trusted_by(&fresh, "*", "strict");
    fresh.refused(126, &["not trusted"], &["pull", &unsigned]);
    assert_eq!(fresh.json(&["images"]).as_array().unwrap().len(), 0);
    assert!(fresh.store().usage().unwrap().blobs <= 2);
    // Audited, it runs and is told.
    signer.trusted_by(&device, "*", "audit");
    let audited = device.run(&["run", "--pull", "never", &strange]);
    assert!(
        audited.code == 5 && audited.stderr.contains("audit"),
        "{audited:?}"
    );
    policy(&device, &registry.name("strange"), "skip", "");
    let skipped = device.run(&["run", "--pull", "never", &strange]);
    assert!(
        skipped.code == 5 && !skipped.stderr.contains("audit"),
        "{skipped:?}"
    );
}

#[test]
fn a_policy_denies_what_it_does_not_name() {
    let (device, signer) = (Device::new(), Signer::new());
    device.build("localhost/app:1", &exits(5, "x"));
    signer.sign(&device, "localhost/app:1");
    signer.trusted_by(&device, "localhost/other", "strict");
    device.refused(
        126,
        &["no statement", "localhost/app"],
        &["run", "--pull", "never", "localhost/app:1"],
    );
    let file = device.place.file("file.wat", exits(6, "y"));
    device.refused(
        126,
        &["no statement", "file"],
        &["run", file.to_str().unwrap()],
    );
    policy(&device, "file", "skip", "");
    assert_eq!(device.run(&["run", file.to_str().unwrap()]).code, 6);
    signer.trusted_by(&device, "localhost/app", "strict");
    assert_eq!(
        device
            .run(&["run", "--pull", "never", "localhost/app:1"])
            .code,
        5
    );
    policy(
        &device,
        "localhost/app",
        "strict",
        r#"["x509.subject: C=XX,ST=Y,O=Somebody else"]"#,
    );
    device.refused(
        126,
        &["not trusted"],
        &["run", "--pull", "never", "localhost/app:1"],
    );
    policy(
        &device,
        "localhost/app",
        "strict",
        r#"["x509.subject: C=XX,ST=Y,O=Maker"]"#,
    );
    assert_eq!(
        device
            .run(&["run", "--pull", "never", "localhost/app:1"])
            .code,
        5
    );
    for wrong in ["", "{}", "{\"version\":\"9\",\"trustPolicies\":[]}"] {
        device.setting("trustpolicy.json", wrong);
        device.refused(
            125,
            &["trustpolicy.json"],
            &["run", "--pull", "never", "localhost/app:1"],
        );
    }
}

#[test]
fn a_signature_that_is_over_does_not_count() {
    let (device, signer) = (Device::new(), Signer::new());
    device.build("localhost/app:1", &exits(5, "x"));
    device.ok(&[
        "sign",
        "--key",
        &signer.path("leaf.key"),
        "--cert",
        &signer.path("chain.pem"),
        "--expires",
        "1s",
        "localhost/app:1",
    ]);
    signer.trusted_by(&device, "*", "strict");
    // Until then it counts, and from then on it does not.
    let refused = loop {
        let outcome = device.run(&["run", "--pull", "never", "localhost/app:1"]);
        if outcome.code != 5 {
            break outcome;
        }
    };
    assert_eq!(refused.code, 126, "{refused:?}");
    assert!(refused.stderr.contains("expired"), "{refused:?}");
}

#[test]
fn keys_that_do_not_fit_are_told() {
    let (device, signer, stranger) = (Device::new(), Signer::new(), Signer::new());
    device.build("localhost/app:1", &exits(5, "x"));
    let sign = |key: &str, cert: &str| {
        ["sign", "--key", key, "--cert", cert, "localhost/app:1"].map(str::to_owned)
    };
    for (arguments, word) in [
        (
            sign(&stranger.path("leaf.key"), &signer.path("chain.pem")),
            "key",
        ),
        (
            sign(&signer.path("chain.pem"), &signer.path("chain.pem")),
            "key",
        ),
        (
            sign(&signer.path("leaf.key"), &signer.path("leaf.key")),
            "certificate",
        ),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        device.refused(125, &[word], &arguments);
    }
}
