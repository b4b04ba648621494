//! `thimble sign` and `thimble verify`.

use std::fs;
use std::path::Path;

use serde_json::json;
use thimble_image::signature::{
    self, Certificate, Envelope, Identity, PemSigner, SigningOptions, TrustStore, UnixTime,
};
use thimble_image::{Descriptor, Reference, media_type};
use thimble_port_linux::images::store::ImageStore;

use zeroize::Zeroizing;

use crate::arguments::{SignArguments, VerifyArguments};
use crate::failure::{Failure, ImageFault, chain};
use crate::observer::printable;
use crate::trust::{self, Trust};
use crate::values;

use super::opened;

/// The name of the authorities on the command line, among those of a trust store.
const GIVEN: &str = "ca:given";

/// Signs an image that is here; `push` sends the signature with it.
pub(super) fn sign(arguments: &SignArguments) -> Result<(), Failure> {
    let reference = opened::reference(&arguments.image)?;
    let signer = PemSigner::new(&text(&arguments.key)?, &text(&arguments.cert)?)
        .map_err(|error| Failure::option("--key", arguments.key.display().to_string(), error))?;
    let now = trust::now();
    let expiry = match &arguments.expires {
        Some(text) => {
            let time =
                values::time(text).map_err(|reason| Failure::option("--expires", text, reason))?;
            let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
            Some(UnixTime(now.0.saturating_add(seconds)))
        }
        None => None,
    };
    let store = opened::store()?;
    let failed = |error: &dyn std::error::Error| Failure::image_error(&arguments.image, error);
    let session = store.session().map_err(|error| failed(&error))?;
    let root = opened::find(&store, &reference)?;
    let target = Descriptor::new(&root.media_type, root.digest, root.size);
    let options = SigningOptions {
        time: now,
        expiry,
        agent: concat!("thimble/", env!("CARGO_PKG_VERSION")).into(),
        annotations: std::collections::BTreeMap::new(),
    };
    let envelope = signature::sign(&target, &signer, &options).map_err(|error| failed(&error))?;
    let created = now.to_string();
    let signed = signature::signature_manifest(&target, &envelope, &created)
        .map_err(|error| failed(&error))?;
    session
        .write(media_type::COSE, &envelope)
        .map_err(|error| failed(&error))?;
    session
        .write(&signed.manifest.config.media_type, &signed.config_content)
        .map_err(|error| failed(&error))?;
    let manifest = session
        .write(media_type::MANIFEST, &signed.manifest.to_json())
        .map_err(|error| failed(&error))?;
    if arguments.output.json {
        println!(
            "{}",
            json!({"reference": reference.to_string(), "digest": root.digest, "signature": manifest.digest})
        );
    } else {
        println!("{}: signed {}", reference.familiar(), root.digest);
    }
    Ok(())
}

/// Checks an image's signatures: by the trust policy, or by the authorities given.
pub(super) fn verify(arguments: &VerifyArguments) -> Result<(), Failure> {
    let reference = opened::reference(&arguments.image)?;
    let store = opened::store()?;
    let failed = |error: &dyn std::error::Error| Failure::image_error(&arguments.image, error);
    let root = opened::find(&store, &reference)?;
    let envelopes = opened::envelopes_of(&store, &root.digest).map_err(|error| failed(&error))?;
    let verdict = if arguments.ca.is_empty() {
        by_policy(&reference, &root, &envelopes)?
    } else {
        by_authorities(&arguments.ca, &root, &envelopes)?
    };
    let signers: Vec<Signer> = signers(&envelopes);
    if arguments.output.json {
        println!(
            "{:#}",
            json!({
                "reference": reference.to_string(),
                "digest": root.digest,
                "trusted": verdict.is_ok(),
                "problem": verdict.as_ref().err(),
                "signatures": signers.iter().map(Signer::as_json).collect::<Vec<_>>(),
            })
        );
    } else {
        signers
            .iter()
            .for_each(|signer| println!("{}", signer.as_text()));
        if verdict.is_ok() {
            println!("{}: {} is trusted", reference.familiar(), root.digest);
        }
    }
    verdict.map_err(|reason| Failure::image_fault(&arguments.image, ImageFault::CannotRun, reason))
}

fn by_policy(
    reference: &Reference,
    root: &Descriptor,
    envelopes: &[Vec<u8>],
) -> Result<Result<(), String>, Failure> {
    let trust = Trust::read()?;
    if !trust.has_policy() {
        return Err(Failure::image(
            reference.familiar(),
            "there is no trust policy, so nothing tells whom to trust; write trustpolicy.json, or give an authority with \
             --ca",
        ));
    }
    Ok(trust
        .judge(&reference.name(), Some(root), envelopes)
        .map(|notes| {
            for note in notes {
                eprintln!("thimble: {}: {note}", reference.familiar());
            }
        }))
}

fn by_authorities(
    files: &[std::path::PathBuf],
    root: &Descriptor,
    envelopes: &[Vec<u8>],
) -> Result<Result<(), String>, Failure> {
    let mut store = TrustStore::default();
    for file in files {
        let shown = file.display().to_string();
        let bytes = fs::read(file).map_err(|error| Failure::option("--ca", &shown, error))?;
        store
            .add(GIVEN, &bytes)
            .map_err(|error| Failure::option("--ca", &shown, error))?;
    }
    let anchors = store.select(&[GIVEN]);
    let mut problems = Vec::new();
    for envelope in envelopes {
        match signature::verify(envelope, root, &anchors, &[Identity::ANYBODY], trust::now()) {
            Ok(_) => return Ok(Ok(())),
            Err(error) => problems.push(chain(&error)),
        }
    }
    if problems.is_empty() {
        problems.push("it has no signature; sign it with `thimble sign`".into());
    }
    Ok(Err(format!("not trusted: {}", problems.join("; "))))
}

/// What an envelope says about itself.
pub(crate) struct Signer {
    subject: String,
    issuer: String,
    time: Option<UnixTime>,
    expiry: Option<UnixTime>,
    agent: Option<String>,
    damage: Option<String>,
}

/// What the envelopes of an image say; nothing of it is checked.
pub(crate) fn signers(envelopes: &[Vec<u8>]) -> Vec<Signer> {
    envelopes
        .iter()
        .map(|bytes| match Envelope::parse(bytes) {
            Ok(envelope) => Signer {
                subject: envelope
                    .chain()
                    .first()
                    .map(Certificate::subject)
                    .unwrap_or_default(),
                issuer: envelope
                    .chain()
                    .first()
                    .map(Certificate::issuer)
                    .unwrap_or_default(),
                time: Some(envelope.signing_time()),
                expiry: envelope.expiry(),
                agent: envelope.agent().map(str::to_owned),
                damage: None,
            },
            Err(error) => Signer {
                subject: String::new(),
                issuer: String::new(),
                time: None,
                expiry: None,
                agent: None,
                damage: Some(chain(&error)),
            },
        })
        .collect()
}

impl Signer {
    pub(crate) fn as_text(&self) -> String {
        if let Some(damage) = &self.damage {
            return format!("a signature that cannot be read: {}", printable(damage));
        }
        let mut text = format!(
            "signed by {}, issued by {}",
            printable(&self.subject),
            printable(&self.issuer)
        );
        if let Some(time) = self.time {
            text.push_str(&format!(", at {}", time));
        }
        if let Some(expiry) = self.expiry {
            text.push_str(&format!(", until {}", expiry));
        }
        text
    }

    pub(crate) fn as_json(&self) -> serde_json::Value {
        json!({
            "subject": self.subject,
            "issuer": self.issuer,
            "time": self.time.map(|time| time.to_string()),
            "expiry": self.expiry.map(|time| time.to_string()),
            "agent": self.agent,
            "damage": self.damage,
        })
    }
}

/// What is in a file that may be secret: wiped when it is not needed any more.
fn text(path: &Path) -> Result<Zeroizing<String>, Failure> {
    fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| Failure::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })
}

/// The signatures of an image that are here, for those who only want to see them.
pub(crate) fn signers_of(store: &ImageStore, root: &Descriptor) -> Vec<Signer> {
    opened::envelopes_of(store, &root.digest)
        .map(|envelopes| signers(&envelopes))
        .unwrap_or_default()
}
