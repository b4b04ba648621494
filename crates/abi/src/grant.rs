//! The names of what a container may be granted. One vocabulary for images, deployments, CLI and docs.

/// What a grant is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum GrantKind {
    /// `fs`: use the files of the container's mounts.
    Files,
    /// `net`: any network use; written as `net.listen`, `net.connect` or `net.resolve` when scoped.
    Network,
    /// `net.listen:tcp/8080`: bind and listen.
    NetListen,
    /// `net.connect:host:443`: connect and send to.
    NetConnect,
    /// `net.resolve:host`: look names up.
    NetResolve,
    /// `bus.pub:topic/#`: publish.
    BusPublish,
    /// `bus.sub:topic/#`: subscribe.
    BusSubscribe,
    /// `gpio:led0`: use a pin.
    Gpio,
    /// `sensor:temp`: read a sensor.
    Sensor,
    /// `timer`: create timers.
    Timer,
    /// `kv`: use the container's key-value store.
    KeyValue,
}

/// How a grant of some kind is written.
#[derive(Clone, Copy, Debug)]
pub struct GrantSpec {
    /// The kind.
    pub kind: GrantKind,
    /// Its name, before the colon.
    pub name: &'static str,
    /// The form of the scope after the colon, empty where there is none.
    pub scope: &'static str,
    /// An example that can be pasted.
    pub example: &'static str,
}

/// Every kind of grant.
pub const GRANTS: &[GrantSpec] = &[
    GrantSpec {
        kind: GrantKind::Files,
        name: "fs",
        scope: "",
        example: "fs",
    },
    GrantSpec {
        kind: GrantKind::Network,
        name: "net",
        scope: "",
        example: "net",
    },
    GrantSpec {
        kind: GrantKind::NetListen,
        name: "net.listen",
        scope: "[tcp|udp/][PORT|FIRST-LAST|*]",
        example: "net.listen:tcp/8080",
    },
    GrantSpec {
        kind: GrantKind::NetConnect,
        name: "net.connect",
        scope: "[tcp|udp/]HOST|*[:PORT|FIRST-LAST|*]",
        example: "net.connect:example.org:443",
    },
    GrantSpec {
        kind: GrantKind::NetResolve,
        name: "net.resolve",
        scope: "HOST|*.DOMAIN|*",
        example: "net.resolve:*.example.org",
    },
    GrantSpec {
        kind: GrantKind::BusPublish,
        name: "bus.pub",
        scope: "TOPIC-FILTER",
        example: "bus.pub:line1/#",
    },
    GrantSpec {
        kind: GrantKind::BusSubscribe,
        name: "bus.sub",
        scope: "TOPIC-FILTER",
        example: "bus.sub:line1/+/temperature",
    },
    GrantSpec {
        kind: GrantKind::Gpio,
        name: "gpio",
        scope: "NAME|PORT.PIN|*",
        example: "gpio:led0",
    },
    GrantSpec {
        kind: GrantKind::Sensor,
        name: "sensor",
        scope: "NAME|*",
        example: "sensor:temp",
    },
    GrantSpec {
        kind: GrantKind::Timer,
        name: "timer",
        scope: "",
        example: "timer",
    },
    GrantSpec {
        kind: GrantKind::KeyValue,
        name: "kv",
        scope: "",
        example: "kv",
    },
];

/// Other names for grants, kept so that Ocre's `build.yaml` and `-k` words work: alias, then what it means.
pub const GRANT_ALIASES: &[(&str, &[&str])] = &[
    ("filesystem", &["fs"]),
    ("networking", &["net"]),
    ("ocre_gpio", &["gpio"]),
    ("ocre_timers", &["timer"]),
    ("ocre_sensors", &["sensor"]),
    ("ocre_messaging", &["bus.pub", "bus.sub"]),
    (
        "ocre:api",
        &["timer", "gpio", "sensor", "bus.pub", "bus.sub"],
    ),
    ("console", &[]),
];

impl GrantKind {
    /// What a grant of this kind gives, for the documentation.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Files => {
                "Use the files of the container's mounts. A mount given on the command line implies it."
            }
            Self::Network => {
                "All network use: listen, connect and look up, any protocol, host and port."
            }
            Self::NetListen => "Bind to these local ports and listen on them.",
            Self::NetConnect => {
                "Connect and send to this host (name, address, network/prefix or *.domain) and port. A host name implies looking it up."
            }
            Self::NetResolve => "Look up host names.",
            Self::BusPublish => "Publish on topics that match (MQTT's + and #).",
            Self::BusSubscribe => "Receive messages on topics that match (MQTT's + and #).",
            Self::Gpio => "Use a pin of the board.",
            Self::Sensor => "Read a sensor of the board.",
            Self::Timer => "Create timers.",
            Self::KeyValue => "Use the container's key-value store.",
        }
    }

    /// How grants of this kind are written.
    #[must_use]
    pub fn spec(self) -> Option<&'static GrantSpec> {
        GRANTS.iter().find(|spec| spec.kind == self)
    }

    /// The name of the kind, as written before the colon.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Files => "fs",
            Self::Network => "net",
            Self::NetListen => "net.listen",
            Self::NetConnect => "net.connect",
            Self::NetResolve => "net.resolve",
            Self::BusPublish => "bus.pub",
            Self::BusSubscribe => "bus.sub",
            Self::Gpio => "gpio",
            Self::Sensor => "sensor",
            Self::Timer => "timer",
            Self::KeyValue => "kv",
        }
    }
}
