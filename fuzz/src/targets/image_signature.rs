//! Envelopes of signatures and trust policies from bytes nobody would send.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use thimble_image::signature::policy::{self, Judgement, TrustPolicy};
use thimble_image::signature::{Envelope, TrustStore, UnixTime};

use crate::finding::{Violation, ensure, home, says_something};
use crate::shapes::Shapes;

use super::{Target, TargetSpec};

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "image_signature",
    summary: "envelopes and trust policies: never panic, and nothing is trusted that was not signed",
    bytes_max: 8192,
    patience: Duration::from_secs(5),
    tokens: &[
        b"\xd2\x84",
        b"\x18\x21",
        b"io.cncf.notary.signingScheme",
        b"io.cncf.notary.signingTime",
        b"io.cncf.notary.authenticSigningTime",
        b"io.cncf.notary.expiry",
        b"io.cncf.notary.signingAgent",
        b"notary.x509",
        b"notary.x509.signingAuthority",
        b"application/vnd.cncf.notary.payload.v1+json",
        b"{\"targetArtifact\":{",
        b"\xc1\x1a",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xbf",
        b"\xff",
        b"{\"version\":\"1.0\",\"trustPolicies\":[{",
        b"\"registryScopes\":[\"*\"]",
        b"\"signatureVerification\":{\"level\":\"strict\"}",
        b"\"trustStores\":[\"ca:a\"]",
        b"\"trustedIdentities\":[\"x509.subject: C=US, ST=WA, O=a\"]",
    ],
    make: || Box::new(Signatures::new()),
};

/// The envelopes that are known to be good, from the corpus; a change of any may not make another statement.
static KNOWN: LazyLock<Vec<Envelope>> = LazyLock::new(|| {
    let folder = home().join("corpus/image_signature");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    files.iter().filter_map(|path| envelope_of(path)).collect()
});

/// What a file of the corpus holds, if it is an envelope.
fn envelope_of(path: &Path) -> Option<Envelope> {
    Envelope::parse(&std::fs::read(path).ok()?).ok()
}

struct Signatures {
    /// The roots of every known envelope.
    trusted: TrustStore,
    policy: TrustPolicy,
}

const STRICT: &[u8] = br#"{"version":"1.0","trustPolicies":[{"name":"all","registryScopes":["*"],
    "signatureVerification":{"level":"strict"},"trustStores":["ca:known","signingAuthority:known"],
    "trustedIdentities":["*"]}]}"#;

impl Signatures {
    fn new() -> Self {
        let mut trusted = TrustStore::default();
        for envelope in KNOWN.iter() {
            let root = envelope.chain().last();
            for kind in ["ca:known", "signingAuthority:known"] {
                // A root that is no authority is found out when it is asked for.
                let _ = root.map(|root| trusted.add(kind, root.der()));
            }
        }
        Self {
            trusted,
            policy: TrustPolicy::parse(STRICT).unwrap_or_else(|error| unreachable!("{error}")),
        }
    }
}

impl Target for Signatures {
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        if input.starts_with(b"{") {
            read_policy(input, shapes)
        } else {
            self.envelope(input, shapes)
        }
    }
}

impl Signatures {
    fn envelope(&self, bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        let envelope = match Envelope::parse(bytes) {
            Ok(envelope) => envelope,
            Err(error) => {
                shapes.note((0, core::mem::discriminant(&error)));
                return says_something(&error);
            }
        };
        shapes.note((1, envelope.chain().len(), envelope.is_timestamped()));
        // While it was valid, so that only what is signed decides.
        let time = envelope
            .chain()
            .iter()
            .map(|certificate| certificate.not_before())
            .max()
            .unwrap_or(UnixTime(0));
        let Some(statement) = self.policy.statement("example.org/any") else {
            return Ok(());
        };
        let judgement = policy::judge(
            statement,
            envelope.target(),
            &[bytes.to_vec()],
            &self.trusted,
            time,
        );
        match judgement {
            Judgement::Trusted { .. } => {
                shapes.note(2);
                let is_known = KNOWN
                    .iter()
                    .any(|known| known.signed_bytes() == envelope.signed_bytes());
                ensure(is_known, "nothing is trusted that was not signed", || {
                    format!("{envelope:?}")
                })
            }
            Judgement::Refused(refusal) => {
                shapes.note((3, core::mem::discriminant(&refusal)));
                says_something(&refusal)
            }
            other => Err(Violation::new(
                "a strict statement trusts or refuses",
                format!("{other:?}"),
            )),
        }
    }
}

fn read_policy(bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
    match TrustPolicy::parse(bytes) {
        Ok(policy) => {
            shapes.note((4, policy.statements().len().min(4)));
            // Whatever it says, it can be asked.
            let _ = policy.statement("localhost:5000/a");
            Ok(())
        }
        Err(error) => {
            shapes.note((5, core::mem::discriminant(&error)));
            says_something(&error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Signatures;
    use crate::shapes::Shapes;

    #[test]
    fn a_known_envelope_is_trusted_until_it_is_changed() {
        let signatures = Signatures::new();
        let path = crate::finding::home().join("corpus/image_signature/chain-of-three");
        let envelope = std::fs::read(path).unwrap();
        let is_trusted = |envelope: &[u8]| {
            let mut shapes = Shapes::default();
            signatures.envelope(envelope, &mut shapes).unwrap();
            let mut trusted = Shapes::default();
            trusted.note(2);
            shapes.holds(&trusted)
        };
        assert!(is_trusted(&envelope));
        let mut changed = envelope.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(!is_trusted(&changed));
    }
}
