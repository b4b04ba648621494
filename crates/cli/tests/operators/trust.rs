//! A hub with a certificate that is not of this machine's authorities: whose is believed, and what is said if it is not.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tempfile::TempDir;

use crate::place::{Hub, Operator};

/// An authority that makes certificates for hubs.
struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let authority = Self {
            folder: TempDir::with_prefix("thimble-authority-").unwrap(),
            issuer: CertifiedIssuer::self_signed(parameters, key).unwrap(),
        };
        authority.write("root.pem", &authority.issuer.pem());
        authority
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn root(&self) -> String {
        text(&self.folder.path().join("root.pem"))
    }

    /// A hub with a certificate of this authority for 127.0.0.1, changed as wanted.
    fn hub(&self, change: impl FnOnce(&mut CertificateParams)) -> Hub {
        let mut parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        change(&mut parameters);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        self.hub_of(&certificate.pem(), &key)
    }

    fn hub_of(&self, certificate: &str, key: &KeyPair) -> Hub {
        let certificate = self.write("hub.pem", certificate);
        let key = self.write("hub.key", &key.serialize_pem());
        Hub::with(
            "https",
            &format!("certificate = {certificate:?}\nkey = {key:?}\n"),
        )
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Signs in, with this file of authorities or without one; what is said if that does not succeed.
fn login(operator: &Operator, hub: &Hub, ca: Option<&str>) -> Result<(), String> {
    let mut arguments = vec!["login", hub.url.as_str(), "--token-file", "-"];
    if let Some(ca) = ca {
        arguments.extend(["--ca", ca]);
    }
    let outcome = operator.with_input(&arguments, &hub.token);
    match outcome.code {
        0 => Ok(()),
        125 => Err(outcome.stderr),
        _ => panic!("{outcome:?}"),
    }
}

/// Finds out that signing in fails with these words, and leaves no login behind.
#[track_caller]
fn refused(hub: &Hub, ca: Option<&str>, words: &[&str]) {
    let operator = Operator::new();
    let said = login(&operator, hub, ca).unwrap_err();
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
    assert!(!said.contains(&hub.token), "{said}");
    assert!(!operator.path("thimble/config/hubs.json").exists());
}

#[test]
fn a_hub_with_its_own_authority_is_believed_by_its_file() {
    let authority = Authority::new("the plant");
    let hub = authority.hub(|_| {});
    let operator = Operator::new();
    login(&operator, &hub, Some(&authority.root())).unwrap();
    // The authority is kept with the login: the file may go.
    std::fs::remove_file(authority.root()).unwrap();
    assert_eq!(operator.json(&["whoami"])["user"], "admin");
    // Whoever gives no authority has a hub that nobody believes.
    refused(
        &hub,
        None,
        &["comes from nobody who is believed here", "--ca FILE"],
    );
    operator.ok(&["logout"]);
}

#[test]
fn certificates_that_do_not_fit_are_told_with_what_to_do() {
    let authority = Authority::new("the plant");
    let hub = authority.hub(|_| {});
    let stranger = Authority::new("a stranger");
    refused(
        &hub,
        Some(&stranger.root()),
        &["comes from nobody who is believed here", "--ca FILE"],
    );
    // The same name, and another key: an authority that was made anew.
    let renewed = Authority::new("the plant");
    refused(&hub, Some(&renewed.root()), &["--ca"]);
    // By a name that the certificate does not have.
    let other = authority.hub(|parameters| {
        let named = CertificateParams::new(vec!["hub.plant.example".to_owned()]).unwrap();
        parameters.subject_alt_names = named.subject_alt_names;
    });
    refused(
        &other,
        Some(&authority.root()),
        &["is for other names", "hub.plant.example"],
    );
    let ended = authority.hub(|parameters| {
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(2021, 1, 1);
    });
    refused(&ended, Some(&authority.root()), &["has ended", "renew"]);
    let early = authority.hub(|parameters| {
        parameters.not_before = date_time_ymd(2090, 1, 1);
        parameters.not_after = date_time_ymd(2091, 1, 1);
    });
    refused(&early, Some(&authority.root()), &["begins later", "clocks"]);
}

#[test]
fn a_certificate_that_is_its_own_authority_works_unless_it_says_so() {
    let authority = Authority::new("unused");
    for (is_ca, words) in [
        (IsCa::NoCa, None),
        (IsCa::Ca(BasicConstraints::Unconstrained), Some("CA:TRUE")),
    ] {
        let mut parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        parameters.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap().pem();
        let hub = authority.hub_of(&certificate, &key);
        let itself = text(&authority.write("itself.pem", &certificate));
        match words {
            None => login(&Operator::new(), &hub, Some(&itself)).unwrap(),
            Some(words) => refused(&hub, Some(&itself), &[words]),
        }
    }
}

#[test]
fn files_of_authorities_that_hold_none_are_told() {
    let authority = Authority::new("the plant");
    let hub = authority.hub(|_| {});
    let key = KeyPair::generate().unwrap().serialize_pem();
    for (name, content) in [
        ("empty.pem", ""),
        ("key.pem", key.as_str()),
        ("words.pem", "these are words\n"),
        (
            "damaged.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ),
    ] {
        let path = text(&authority.write(name, content));
        refused(
            &hub,
            Some(&path),
            &[name, "should hold certificates in PEM"],
        );
    }
    let folder = text(authority.folder.path());
    refused(&hub, Some(&folder), &["cannot be used"]);
}

#[test]
fn a_hub_that_speaks_no_tls_is_told() {
    let hub = Hub::start();
    let url = hub.url.replace("http://", "https://");
    let operator = Operator::new();
    let token = operator.write("token", &hub.token);
    operator.refused(
        125,
        &["was not reached", "check the address"],
        &["login", &url, "--token-file", &token],
    );
}
