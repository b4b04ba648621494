//! What a device would fetch, in one file: for a USB stick, a gateway's cache, a line that is down.
//!
//! A CBOR sequence (RFC 8742): `[0, "thimble-bundle", 1]`, then states `[1, device, envelope]`, manifests `[2, envelope]`, blobs
//! `[3, digest, content]` and the end `[4, items]`, in this order, so that one pass is enough; a bundle may serve all devices
//! of a site. Nothing in it is believed because it is in it: states and manifests are opened with
//! [`crate::sign`] as if they came from the hub, and blobs are what their digest says.

mod head;
mod reader;
mod writer;

pub use reader::{Event, ReadError, Reader};
pub use writer::{WriteError, Writer};

/// What the first item says.
const MAGIC: &str = "thimble-bundle";
/// The version of the form.
const FORM: u64 = 1;

/// States of a bundle at most: the devices of a large site.
pub const STATES_MAX: u32 = 4_096;
/// Manifests of a bundle at most.
pub const MANIFESTS_MAX: u32 = 1_024;
/// Blobs of a bundle at most.
pub const BLOBS_MAX: u32 = 16_384;

/// What an item is, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ItemKind {
    Header,
    State,
    Manifest,
    Blob,
    End,
}

impl ItemKind {
    const ALL: [Self; 5] = [
        Self::Header,
        Self::State,
        Self::Manifest,
        Self::Blob,
        Self::End,
    ];

    fn of_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    const fn number(self) -> u64 {
        match self {
            Self::Header => 0,
            Self::State => 1,
            Self::Manifest => 2,
            Self::Blob => 3,
            Self::End => 4,
        }
    }

    /// How many there may be in a bundle.
    const fn count_max(self) -> u32 {
        match self {
            Self::Header | Self::End => 1,
            Self::State => STATES_MAX,
            Self::Manifest => MANIFESTS_MAX,
            Self::Blob => BLOBS_MAX,
        }
    }
}
