//! Grants: what a container may do, deny by default.
//!
//! A grant is parsed once, at the edge, into [`Grants`]; host calls ask it questions. Unknown names and bad
//! scopes are errors with a hint, never ignored.

pub(crate) mod net;
mod parse;
#[cfg(test)]
mod tests;
mod topic;

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use thimble_abi::GrantKind;

use crate::port::{PinName, Protocol};

pub use net::{HostPattern, PortRange};
pub use parse::GrantError;
pub use topic::{TopicError, TopicFilter, check_topic};

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grant {
    /// Use the files of the mounts.
    Files,
    /// Bind and listen; `None` stands for either protocol.
    Listen(Option<Protocol>, PortRange),
    /// Connect and send to; `None` stands for either protocol.
    Connect(Option<Protocol>, HostPattern, PortRange),
    /// Look names up.
    Resolve(HostPattern),
    /// Publish.
    Publish(TopicFilter),
    /// Subscribe.
    Subscribe(TopicFilter),
    /// Use pins: a name, `port.pin` or `*`.
    Gpio(String),
    /// Read sensors: a name or `*`.
    Sensor(String),
    /// Create timers.
    Timer,
    /// Use the key-value store.
    KeyValue,
}

/// All grants of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

impl Grants {
    /// Reads grants as people write them: `fs`, `net.connect:host:443`, `gpio:led0`, Ocre's aliases.
    ///
    /// # Errors
    /// [`GrantError`] names the text and says what would be right.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, GrantError> {
        let mut grants = Vec::new();
        for text in texts {
            parse::parse(text, &mut grants)?;
        }
        grants.shrink_to_fit();
        Ok(Self(grants))
    }

    /// Adds a grant.
    pub fn add(&mut self, grant: Grant) {
        self.0.push(grant);
    }

    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[Grant] {
        &self.0
    }

    /// Whether one of them gives everything that `other` would.
    #[must_use]
    pub fn covers(&self, other: &Grant) -> bool {
        self.0.iter().any(|grant| grant.covers(other))
    }

    /// Whether there is any grant of this kind; for [`GrantKind::Network`], any about the network.
    #[must_use]
    pub fn any(&self, kind: GrantKind) -> bool {
        self.0.iter().any(|grant| match kind {
            GrantKind::Network => matches!(
                grant,
                Grant::Listen(..) | Grant::Connect(..) | Grant::Resolve(_)
            ),
            kind => grant.kind() == kind,
        })
    }

    /// Whether the files of mounts may be used.
    #[must_use]
    pub fn files(&self) -> bool {
        self.any(GrantKind::Files)
    }

    /// Whether timers may be made.
    #[must_use]
    pub fn timer(&self) -> bool {
        self.any(GrantKind::Timer)
    }

    /// Whether the key-value store may be used.
    #[must_use]
    pub fn key_value(&self) -> bool {
        self.any(GrantKind::KeyValue)
    }

    /// Whether it may bind this local port; 0 is one the device chooses.
    #[must_use]
    pub fn listen(&self, protocol: Protocol, port: u16) -> bool {
        self.0.iter().any(|grant| matches!(grant, Grant::Listen(of, ports) if of.is_none_or(|of| of == protocol) && ports.contains(port)))
    }

    /// Whether it may connect or send to this address. `names` are the host names that this container
    /// looked up and that gave this address.
    #[must_use]
    pub fn connect<'a>(
        &self,
        protocol: Protocol,
        address: IpAddr,
        port: u16,
        names: impl Iterator<Item = &'a str> + Clone,
    ) -> bool {
        self.0.iter().any(|grant| match grant {
            Grant::Connect(of, host, ports) => {
                of.is_none_or(|of| of == protocol)
                    && ports.contains(port)
                    && (host.matches_address(address)
                        || names.clone().any(|name| host.matches_name(name)))
            }
            _ => false,
        })
    }

    /// Whether it may look this name up: a grant to connect to a name implies it.
    #[must_use]
    pub fn resolve(&self, name: &str) -> bool {
        self.0.iter().any(|grant| match grant {
            Grant::Resolve(host) | Grant::Connect(_, host, _) => host.matches_name(name),
            _ => false,
        })
    }

    /// Whether it may publish on this topic.
    #[must_use]
    pub fn publish(&self, topic: &str) -> bool {
        self.0
            .iter()
            .any(|grant| matches!(grant, Grant::Publish(filter) if filter.matches(topic)))
    }

    /// Whether it may receive messages of this topic.
    #[must_use]
    pub fn receive(&self, topic: &str) -> bool {
        self.0
            .iter()
            .any(|grant| matches!(grant, Grant::Subscribe(filter) if filter.matches(topic)))
    }

    /// Whether every topic that `filter` matches may be received.
    #[must_use]
    pub fn subscribe(&self, filter: &TopicFilter) -> bool {
        self.0
            .iter()
            .any(|grant| matches!(grant, Grant::Subscribe(granted) if granted.covers(filter)))
    }

    /// Whether it may use this pin.
    #[must_use]
    pub fn gpio(&self, pin: &PinName) -> bool {
        let place = alloc::format!("{}.{}", pin.port, pin.pin);
        self.0.iter().any(|grant| {
            matches!(grant, Grant::Gpio(scope) if scope == "*" || *scope == place || Some(scope) == pin.name.as_ref())
        })
    }

    /// Whether it may read this sensor.
    #[must_use]
    pub fn sensor(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|grant| matches!(grant, Grant::Sensor(scope) if scope == "*" || scope == name))
    }
}

impl Grant {
    /// Whether it gives everything that `other` would.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let either =
            |mine: &Option<Protocol>, theirs: &Option<Protocol>| mine.is_none() || mine == theirs;
        match (self, other) {
            (Self::Listen(mine, ports), Self::Listen(theirs, wanted)) => {
                either(mine, theirs) && ports.covers(*wanted)
            }
            (Self::Connect(mine, hosts, ports), Self::Connect(theirs, host, wanted)) => {
                either(mine, theirs) && hosts.covers(host) && ports.covers(*wanted)
            }
            // A grant to connect to a name implies looking it up.
            (Self::Resolve(hosts) | Self::Connect(_, hosts, _), Self::Resolve(host)) => {
                hosts.covers(host)
            }
            (Self::Publish(filter), Self::Publish(wanted))
            | (Self::Subscribe(filter), Self::Subscribe(wanted)) => filter.covers(wanted),
            (Self::Gpio(scope), Self::Gpio(wanted))
            | (Self::Sensor(scope), Self::Sensor(wanted)) => scope == "*" || scope == wanted,
            (mine, other) => mine == other,
        }
    }

    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> GrantKind {
        match self {
            Self::Files => GrantKind::Files,
            Self::Listen(..) => GrantKind::NetListen,
            Self::Connect(..) => GrantKind::NetConnect,
            Self::Resolve(_) => GrantKind::NetResolve,
            Self::Publish(_) => GrantKind::BusPublish,
            Self::Subscribe(_) => GrantKind::BusSubscribe,
            Self::Gpio(_) => GrantKind::Gpio,
            Self::Sensor(_) => GrantKind::Sensor,
            Self::Timer => GrantKind::Timer,
            Self::KeyValue => GrantKind::KeyValue,
        }
    }
}
