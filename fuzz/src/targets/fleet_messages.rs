//! Messages of device and hub, their envelopes, tags and heads, from bytes nobody would send.

use std::fmt::Debug;
use std::sync::LazyLock;
use std::time::Duration;

use p256::SecretKey;
use thimble_image::Digest;
use thimble_protocol::sign::{Opened, P256Signer, StateOpened, open_manifest, open_state};
use thimble_protocol::{
    Capabilities, DecodeError, DesiredState, DeviceId, ETag, EnrolReply, EnrolRequest, Keyring,
    Manifest, Report, ReportReply, http,
};

use crate::finding::{Violation, ensure, home, says_something};
use crate::shapes::Shapes;

use super::{Target, TargetSpec};

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "fleet_messages",
    summary: "messages of device and hub: never panic, what is accepted is written and read the same, nothing opens that was not signed",
    bytes_max: 4096,
    patience: Duration::from_secs(5),
    tokens: &[
        b"\xd2\x84\x58",
        b"\xa0\x58",
        b"application/vnd.thimble.state+cbor",
        b"application/vnd.thimble.manifest+cbor",
        b"\x01\x50",
        b"\x02\x58\x20",
        b"\x58\x40",
        b"\xa1\x01\x82\xa3\x01\x18\x7f\x03\x01",
        b"https://a",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xbf",
        b"\xff",
        b"HTTP/1.1 304 Not Modified\r\n",
        b"Content-Length: 1\r\n",
        b"\r\n",
        b"\"1.47DEQpj8HBSa\"",
    ],
    make: || Box::new(Messages::new()),
};

/// The key whose envelopes are in the corpus. It keeps nothing.
const KEY: [u8; 32] = [1; 32];
/// The device that the states of the corpus are for.
const DEVICE: DeviceId = DeviceId([0xd1; 16]);
const STATE: u8 = 7;
const MANIFEST: u8 = 8;

/// The envelopes that are known to be good, from the corpus.
static KNOWN: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = home().join("corpus/fleet_messages");
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| std::fs::read(entry.ok()?.path()).ok())
        .filter_map(|bytes| match bytes.split_first() {
            Some((&(STATE | MANIFEST), envelope)) => Some(envelope.to_vec()),
            _ => None,
        })
        .collect()
});

struct Messages {
    keyring: Keyring,
}

impl Messages {
    fn new() -> Self {
        let key = SecretKey::from_slice(&KEY).unwrap_or_else(|error| unreachable!("{error}"));
        let keys = [P256Signer::new(&key).signing_key()];
        Self {
            keyring: Keyring::new(&keys).unwrap_or_else(|error| unreachable!("{error}")),
        }
    }
}

impl Target for Messages {
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        let Some((kind, bytes)) = input.split_first() else {
            return Ok(());
        };
        match kind % 11 {
            0 => message(0, bytes, DesiredState::decode, DesiredState::encode, shapes),
            1 => message(1, bytes, Manifest::decode, Manifest::encode, shapes),
            2 => message(2, bytes, Report::decode, Report::encode, shapes),
            3 => message(3, bytes, ReportReply::decode, ReportReply::encode, shapes),
            4 => message(4, bytes, EnrolRequest::decode, EnrolRequest::encode, shapes),
            5 => message(5, bytes, EnrolReply::decode, EnrolReply::encode, shapes),
            6 => message(6, bytes, Capabilities::decode, Capabilities::encode, shapes),
            STATE => self.state(bytes, shapes),
            MANIFEST => self.manifest(bytes, shapes),
            9 => tag(bytes, shapes),
            _ => head(bytes, shapes),
        }
    }
}

fn message<T: Debug + PartialEq>(
    kind: u8,
    bytes: &[u8],
    decode: fn(&[u8]) -> Result<T, DecodeError>,
    encode: fn(&T) -> Vec<u8>,
    shapes: &mut Shapes,
) -> Result<(), Violation> {
    match decode(bytes) {
        Ok(message) => {
            let written = encode(&message);
            shapes.note((kind, written.len().min(64)));
            ensure(
                written.len() <= bytes.len() && decode(&written).as_ref() == Ok(&message),
                "a message is read as it was written, and never longer than it came",
                || format!("{message:?}"),
            )
        }
        Err(error) => {
            shapes.note((kind, std::mem::discriminant(&error)));
            says_something(&error)
        }
    }
}

impl Messages {
    fn state(&self, bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        match open_state(bytes, &self.keyring, DEVICE, None) {
            Ok(StateOpened::Newer(opened)) => is_known(bytes, &opened, shapes),
            Ok(StateOpened::Unchanged) => Err(Violation::new(
                "a device that has nothing has not this",
                String::new(),
            )),
            Err(error) => {
                shapes.note((20, std::mem::discriminant(&error)));
                says_something(&error)
            }
        }
    }

    fn manifest(&self, bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        match open_manifest(bytes, &self.keyring, Digest::of(bytes)) {
            Ok(opened) => is_known(bytes, &opened, shapes),
            Err(error) => {
                shapes.note((21, std::mem::discriminant(&error)));
                says_something(&error)
            }
        }
    }
}

fn is_known<T>(bytes: &[u8], opened: &Opened<T>, shapes: &mut Shapes) -> Result<(), Violation> {
    shapes.note(22);
    ensure(
        KNOWN.iter().any(|known| known == bytes),
        "nothing opens that was not signed",
        || format!("a payload with the digest {}", opened.payload),
    )
}

fn tag(bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Ok(());
    };
    match text.parse::<ETag>() {
        Ok(tag) => {
            shapes.note(23);
            ensure(tag.to_string() == text, "a tag has one text", || {
                format!("{tag} and {text}")
            })
        }
        Err(error) => {
            shapes.note((24, std::mem::discriminant(&error)));
            says_something(&error)
        }
    }
}

fn head(bytes: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
    match http::read(bytes) {
        Ok(Some(head)) => {
            shapes.note((25, std::mem::discriminant(&head.body), head.headers.len()));
            ensure(
                head.bytes <= bytes.len(),
                "a head ends within what came",
                || format!("{head:?}"),
            )
        }
        Ok(None) => ensure(
            bytes.len() < http::HEAD_BYTES_MAX as usize,
            "a head that is too long is not waited for",
            || bytes.len().to_string(),
        ),
        Err(error) => {
            shapes.note((26, std::mem::discriminant(&error)));
            says_something(&error)
        }
    }
}
