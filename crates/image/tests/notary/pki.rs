//! Certificates made to measure: also those that no certificate authority would issue.

use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use sha2::{Digest as _, Sha256, Sha384};

use crate::bytes::{der, identifier, sequence};

pub(crate) const BASIC_CONSTRAINTS: &str = "2.5.29.19";
pub(crate) const KEY_USAGE: &str = "2.5.29.15";
pub(crate) const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
pub(crate) const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
pub(crate) const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";

pub(crate) const SHA_256: &str = "1.2.840.10045.4.3.2";
pub(crate) const SHA_384: &str = "1.2.840.10045.4.3.3";

const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";

/// A key that is always the same for the same seed.
#[derive(Clone)]
pub(crate) enum Key {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
}

/// An extension of a certificate.
#[derive(Clone)]
pub(crate) struct Extension {
    pub(crate) identifier: String,
    pub(crate) is_critical: bool,
    pub(crate) content: Vec<u8>,
}

/// What a certificate states.
#[derive(Clone)]
pub(crate) struct Template {
    /// Attributes by identifier, each a component of its own.
    pub(crate) subject: Vec<(String, String)>,
    pub(crate) key: Key,
    pub(crate) not_before: &'static str,
    pub(crate) not_after: &'static str,
    pub(crate) extensions: Vec<Extension>,
    /// How its issuer signs it.
    pub(crate) algorithm: &'static str,
    /// What it says about that inside.
    pub(crate) inner_algorithm: Option<&'static str>,
    /// What it says about its key instead of the truth.
    pub(crate) key_info: Option<Vec<u8>>,
}

impl Key {
    pub(crate) fn p256(seed: u8) -> Self {
        Self::P256(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub(crate) fn p384(seed: u8) -> Self {
        Self::P384(p384::ecdsa::SigningKey::from_slice(&[seed; 48]).unwrap())
    }

    /// Signs as COSE does.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    key.sign_prehash(&Sha256::digest(message)).unwrap();
                signature.to_bytes().to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature =
                    key.sign_prehash(&Sha384::digest(message)).unwrap();
                signature.to_bytes().to_vec()
            }
        }
    }

    fn sign_certificate(&self, algorithm: &str, content: &[u8]) -> Vec<u8> {
        let digest = match algorithm {
            SHA_384 => Sha384::digest(content).to_vec(),
            _ => Sha256::digest(content).to_vec(),
        };
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign_prehash(&digest).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign_prehash(&digest).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
        }
    }

    fn info(&self) -> Vec<u8> {
        let (curve, point) = match self {
            Self::P256(key) => (
                P256,
                key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            ),
            Self::P384(key) => (
                P384,
                key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            ),
        };
        key_info(
            &[identifier("1.2.840.10045.2.1"), identifier(curve)],
            &point,
        )
    }
}

/// A `SubjectPublicKeyInfo`.
pub(crate) fn key_info(algorithm: &[Vec<u8>], key: &[u8]) -> Vec<u8> {
    sequence(&[sequence(algorithm), der(0x03, &[&[0], key].concat())])
}

impl Extension {
    pub(crate) fn authority(path_length: Option<u8>) -> Self {
        let mut items = vec![der(0x01, &[0xff])];
        items.extend(path_length.map(|length| der(0x02, &[length])));
        Self {
            identifier: BASIC_CONSTRAINTS.into(),
            is_critical: true,
            content: sequence(&items),
        }
    }

    /// Key usage from the two bytes of its bit string, nine bits of which count.
    pub(crate) fn usage(bits: u16) -> Self {
        let [high, low] = bits.to_be_bytes();
        let content = if low & 0x80 == 0 {
            let unused = u8::try_from(high.trailing_zeros()).unwrap();
            der(0x03, &[unused, high])
        } else {
            der(0x03, &[7, high, low])
        };
        Self {
            identifier: KEY_USAGE.into(),
            is_critical: true,
            content,
        }
    }

    pub(crate) fn purposes(purposes: &[&str]) -> Self {
        let purposes: Vec<_> = purposes.iter().map(|it| identifier(it)).collect();
        Self {
            identifier: EXTENDED_KEY_USAGE.into(),
            is_critical: false,
            content: sequence(&purposes),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut items = vec![identifier(&self.identifier)];
        if self.is_critical {
            items.push(der(0x01, &[0xff]));
        }
        items.push(der(0x04, &self.content));
        sequence(&items)
    }
}

pub(crate) const DIGITAL_SIGNATURE: u16 = 0x8000;
pub(crate) const KEY_CERT_SIGN: u16 = 0x0400;

impl Template {
    /// A certificate authority.
    pub(crate) fn authority(name: &str, key: Key) -> Self {
        let extensions = vec![Extension::authority(None), Extension::usage(KEY_CERT_SIGN)];
        Self::new(name, key, extensions)
    }

    /// Somebody who signs code.
    pub(crate) fn signer(name: &str, key: Key) -> Self {
        let extensions = vec![
            Extension::usage(DIGITAL_SIGNATURE),
            Extension::purposes(&[CODE_SIGNING]),
        ];
        Self::new(name, key, extensions)
    }

    fn new(name: &str, key: Key, extensions: Vec<Extension>) -> Self {
        let subject = [
            ("2.5.4.6", "DE"),
            ("2.5.4.8", "Bayern"),
            ("2.5.4.10", "Acme"),
            ("2.5.4.3", name),
        ];
        Self {
            subject: subject
                .map(|(key, value)| (key.into(), value.into()))
                .into(),
            key,
            not_before: "250101000000Z",
            not_after: "350101000000Z",
            extensions,
            algorithm: SHA_256,
            inner_algorithm: None,
            key_info: None,
        }
    }

    pub(crate) fn extension(&mut self, identifier: &str) -> &mut Extension {
        self.extensions
            .iter_mut()
            .find(|it| it.identifier == identifier)
            .unwrap()
    }

    pub(crate) fn remove(&mut self, identifier: &str) {
        self.extensions.retain(|it| it.identifier != identifier);
    }

    /// The certificate, issued by this one.
    pub(crate) fn issue(&self, issuer: &Self) -> Vec<u8> {
        let inner = self.inner_algorithm.unwrap_or(self.algorithm);
        let extensions: Vec<_> = self.extensions.iter().map(Extension::encode).collect();
        let mut content = vec![
            der(0xa0, &der(0x02, &[2])),
            der(0x02, &[0x11, 0x22, 0x33]),
            sequence(&[identifier(inner)]),
            issuer.name(),
            sequence(&[
                der(0x17, self.not_before.as_bytes()),
                der(0x17, self.not_after.as_bytes()),
            ]),
            self.name(),
            self.key_info.clone().unwrap_or_else(|| self.key.info()),
        ];
        if !extensions.is_empty() {
            content.push(der(0xa3, &sequence(&extensions)));
        }
        let content = sequence(&content);
        let signature = issuer.key.sign_certificate(self.algorithm, &content);
        sequence(&[
            content,
            sequence(&[identifier(self.algorithm)]),
            der(0x03, &[&[0], &signature[..]].concat()),
        ])
    }

    fn name(&self) -> Vec<u8> {
        let components: Vec<_> = self
            .subject
            .iter()
            .map(|(key, value)| {
                let value = der(0x0c, value.as_bytes());
                der(0x31, &sequence(&[identifier(key), value]))
            })
            .collect();
        sequence(&components)
    }
}

/// A certificate in PEM.
pub(crate) fn pem(der: &[u8]) -> String {
    use base64ct::{Base64, Encoding as _};
    let text = Base64::encode_string(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}
