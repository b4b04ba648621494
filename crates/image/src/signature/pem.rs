//! PEM (RFC 7468): blocks of base64 between lines that name them, with any text around.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use x509_cert::der::Document;

const CERTIFICATE: &str = "CERTIFICATE";
const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// Why a text holds no certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PemError {
    /// No block is called `CERTIFICATE`.
    NoCertificate,
    /// A block is damaged.
    Malformed {
        /// Which certificate: the first is 1.
        number: usize,
        /// What the parser said.
        reason: String,
    },
    /// There are too many.
    TooMany {
        /// How many there may be.
        max: usize,
    },
}

/// The blocks of a text with their names, beginning and end included. What has no end is no block.
pub(super) fn blocks(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let (_, block) = rest.split_at_checked(rest.find(BEGIN)?)?;
        let (label, content) = block.strip_prefix(BEGIN)?.split_once(DASHES)?;
        let end = alloc::format!("-----END {label}-----");
        let head = block.len() - content.len();
        let (block, after) = block.split_at_checked(head + content.find(&end)? + end.len())?;
        rest = after;
        Some((label, block))
    })
}

/// The certificates of a text in DER, in their order.
pub(super) fn certificates(text: &str, max: usize) -> Result<Vec<Vec<u8>>, PemError> {
    let mut found = Vec::new();
    for (_, block) in blocks(text).filter(|(label, _)| *label == CERTIFICATE) {
        if found.len() == max {
            return Err(PemError::TooMany { max });
        }
        let (_, document) = Document::from_pem(block).map_err(|error| PemError::Malformed {
            number: found.len() + 1,
            reason: error.to_string(),
        })?;
        found.push(document.into_vec());
    }
    if found.is_empty() {
        return Err(PemError::NoCertificate);
    }
    Ok(found)
}

impl fmt::Display for PemError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => formatter.write_str(
                "it holds no certificate: no block begins `-----BEGIN CERTIFICATE-----`",
            ),
            Self::Malformed { number, reason } => {
                write!(formatter, "certificate {number} in it is damaged: {reason}")
            }
            Self::TooMany { max } => write!(formatter, "it holds more than {max} certificates"),
        }
    }
}

impl core::error::Error for PemError {}
