//! The names a container looked up, so that a grant for a name allows the addresses that it gave.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

/// Names remembered; the one that was looked up longest ago is forgotten first.
const NAMES_MAX: usize = 256;
/// Addresses remembered of one name, the latest first.
const ADDRESSES_MAX: usize = 64;

/// Names and their addresses, the latest last.
#[derive(Default)]
pub(super) struct Names(VecDeque<(String, Vec<IpAddr>)>);

impl Names {
    /// Remembers what a look-up gave.
    ///
    /// This device's own addresses count for `localhost` alone: whoever serves the name of another host
    /// must not open the device's own services to a container that may reach that host.
    pub(super) fn remember(&mut self, name: String, addresses: &[IpAddr]) {
        let local = is_localhost(&name);
        let mut known: Vec<IpAddr> = Vec::new();
        let fresh = addresses.iter().map(IpAddr::to_canonical);
        let fresh =
            fresh.filter(|address| local || !(address.is_loopback() || address.is_unspecified()));
        let place = self.0.iter().position(|(of, _)| *of == name);
        let before = place
            .and_then(|place| self.0.remove(place))
            .map(|(_, before)| before)
            .unwrap_or_default();
        for address in fresh.chain(before) {
            if known.len() < ADDRESSES_MAX && !known.contains(&address) {
                known.push(address);
            }
        }
        if self.0.len() >= NAMES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((name, known));
    }

    /// The names that gave a canonical address, the latest first.
    pub(super) fn of(&self, address: IpAddr) -> impl Iterator<Item = &str> + Clone {
        let gave = move |(_, addresses): &&(String, Vec<IpAddr>)| addresses.contains(&address);
        self.0
            .iter()
            .rev()
            .filter(gave)
            .map(|(name, _)| name.as_str())
    }
}

fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}
