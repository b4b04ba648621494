//! Guests of a few lines, and how containers of them are declared.

use anyhow::{Context as _, Result};
use thimble_image::ImageConfig;
use thimble_serial::{Declaration, Policy};
use thimble_tests_boards::{Packed, Rig};

/// Bytes of operands and frames that they are given.
const STACK_BYTES: u32 = 512;

/// A guest.
#[derive(Clone, Copy)]
pub(super) struct Guest {
    pub(super) name: &'static str,
    text: &'static str,
    grants: &'static [&'static str],
}

macro_rules! guest {
    ($name:literal, $grants:expr) => {
        Guest {
            name: $name,
            text: include_str!(concat!("guests/", $name, ".wat")),
            grants: $grants,
        }
    };
}

pub(super) const WAITER: Guest = guest!("waiter", &[]);
pub(super) const LISTENER: Guest = guest!("listener", &["bus.sub:quiet"]);
pub(super) const BOTH: Guest = guest!("both", &["bus.sub:quiet", "timer"]);
pub(super) const TICKER: Guest = guest!("ticker", &["timer"]);
pub(super) const SPIN: Guest = guest!("spin", &[]);
pub(super) const TRAP: Guest = guest!("trap", &[]);
pub(super) const FLOOD_LOG: Guest = guest!("flood_log", &[]);
pub(super) const FLOOD_BUS: Guest = guest!("flood_bus", &["bus.pub:quiet"]);
pub(super) const LATE: Guest = guest!("late", &["timer"]);

impl Guest {
    /// Brings its image to the board; the digest.
    pub(super) fn install(self, rig: &mut Rig) -> Result<String> {
        let module =
            wat::parse_str(self.text).with_context(|| format!("{}.wat is not right", self.name))?;
        let packed = Packed::assembled(&module, ImageConfig::default());
        Ok(rig.install(&packed, &format!("{}:1", self.name))?)
    }

    /// A container of it, with an image that is there.
    pub(super) fn declare(self, name: &str, image: &str) -> Declaration {
        let mut declaration = Declaration {
            name: name.to_owned(),
            image: image.to_owned(),
            grants: self.grants.iter().map(|&grant| grant.to_owned()).collect(),
            restart: Policy::Always,
            ..Declaration::default()
        };
        declaration.limits.stack_bytes = Some(STACK_BYTES);
        declaration
    }

    /// Installs it, and makes a container of its own name.
    pub(super) fn begin(self, rig: &mut Rig) -> Result<()> {
        let image = self.install(rig)?;
        rig.client.create(self.declare(self.name, &image), false)?;
        Ok(())
    }
}
