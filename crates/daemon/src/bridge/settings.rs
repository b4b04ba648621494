//! What an operator says of a bridge: where the broker is, and which topics go which way.
//!
//! Everything is checked before anything is connected ([`BridgeSettings::check`]).

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;

use serde::Deserialize;
use thimble_runtime::bus::FILTER_LEVELS_MAX;
use thimble_runtime::grant::{TopicError, TopicFilter, check_topic};

use super::route::overlap;

/// Rules of one direction: each is a subscription on either side.
pub const RULES_MAX: usize = 32;
/// Bytes of a name, a user name or a client id.
pub const NAME_BYTES_MAX: usize = 256;
/// Messages that may wait for the broker.
pub const QUEUE_MESSAGES_MAX: u32 = 65_536;
/// Bytes of the messages that may wait for the broker.
pub const QUEUE_BYTES_MAX: u32 = 64 << 20;
/// The longest time between two signs of life, in seconds.
pub const KEEP_ALIVE_SECONDS_MAX: u16 = 3600;

/// A bridge, as a `[[bridge]]` table describes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BridgeSettings {
    /// What logs and figures call it.
    pub name: String,
    /// `mqtt://host:1883` or, with TLS, `mqtts://host:8883`.
    pub url: String,
    /// What the broker knows the device by; `thimble-<hostname>-<name>` if absent.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The user to log in as.
    #[serde(default)]
    pub username: Option<String>,
    /// A file whose first line is the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// A PEM file with the only authorities to trust; the system's if absent.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Seconds between signs of life.
    #[serde(default = "keep_alive")]
    pub keep_alive: u16,
    /// A topic at the broker that says `online` or `offline`, retained.
    #[serde(default)]
    pub status_topic: Option<String>,
    /// What goes to the broker.
    #[serde(default)]
    pub out: Vec<Rule>,
    /// What comes from the broker.
    #[serde(default)]
    pub r#in: Vec<Rule>,
    /// Messages that may wait for the broker; the oldest give way.
    #[serde(default = "queue_messages")]
    pub queue_messages: u32,
    /// Bytes of the messages that may wait for the broker.
    #[serde(default = "queue_bytes")]
    pub queue_bytes: u32,
}

/// Topics that pass. Where several rules of one direction match a topic, the first counts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which topics, without the prefixes.
    pub filter: String,
    /// What such a topic begins with on the device, slash included.
    #[serde(default)]
    pub local_prefix: String,
    /// What it begins with at the broker, slash included.
    #[serde(default)]
    pub remote_prefix: String,
    /// 1, the default: a message is sent until it is acknowledged. 0: it is sent once.
    #[serde(default = "qos")]
    pub qos: u8,
    /// Whether the last message of each topic is kept on the other side for later subscribers.
    ///
    /// It applies to all messages of the rule: MQTT 3.1.1 tells a subscriber of a retained message only
    /// when it subscribes, and the device's bus does not tell at all.
    #[serde(default)]
    pub retain: bool,
}

const fn keep_alive() -> u16 {
    30
}

const fn queue_messages() -> u32 {
    1024
}

const fn queue_bytes() -> u32 {
    1 << 20
}

const fn qos() -> u8 {
    1
}

/// Why a bridge cannot be as it is described; the operator's to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BridgeSettingsError {
    /// The name is empty, too long, or has other signs than letters, digits, `.`, `_` and `-`.
    Name,
    /// The url is not one.
    Url {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A text is empty, too long or holds control characters.
    Text {
        /// Which setting.
        setting: &'static str,
    },
    /// A password without a user name.
    PasswordAlone,
    /// An authority for a connection without TLS.
    CaWithoutTls,
    /// A number is out of range.
    Range {
        /// Which setting.
        setting: &'static str,
        /// The least it may be.
        min: u32,
        /// The most it may be.
        max: u32,
    },
    /// There is no rule, or there are too many of one direction.
    Rules {
        /// How many each direction may have.
        limit: usize,
    },
    /// A rule's filter, or a prefix with it, or the status topic, is none.
    Topic {
        /// The text.
        text: String,
        /// What is wrong with it.
        error: TopicError,
    },
    /// A filter has more levels than the device's bus looks at.
    Levels {
        /// The filter.
        filter: String,
    },
    /// An `out` and an `in` rule would send messages around for ever.
    Loop {
        /// The filter on the device of what goes out.
        out: String,
        /// The filter on the device of what comes in.
        r#in: String,
    },
    /// Two bridges have the same name.
    Twice {
        /// The name.
        name: String,
    },
}

impl fmt::Display for BridgeSettingsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => write!(
                formatter,
                "`name` needs 1 to {NAME_BYTES_MAX} letters, digits, `.`, `_` or `-`"
            ),
            Self::Url { reason } => write!(
                formatter,
                "`url` is not `mqtt://HOST:PORT` or `mqtts://HOST:PORT`: {reason}"
            ),
            Self::Text { setting } => write!(
                formatter,
                "`{setting}` needs 1 to {NAME_BYTES_MAX} bytes without control characters"
            ),
            Self::PasswordAlone => {
                formatter.write_str("`password_file` without `username`: say who logs in")
            }
            Self::CaWithoutTls => {
                formatter.write_str("`ca` without TLS: write the url with `mqtts://`")
            }
            Self::Range { setting, min, max } => {
                write!(formatter, "`{setting}` must be {min} to {max}")
            }
            Self::Rules { limit } => write!(
                formatter,
                "a bridge needs a rule, and may have {limit} `out` and {limit} `in`"
            ),
            Self::Topic { text, error } => {
                write!(formatter, "{text:?} is no topic: {}", error)
            }
            Self::Levels { filter } => write!(
                formatter,
                "{filter:?} has more than {FILTER_LEVELS_MAX} levels"
            ),
            Self::Loop { out, r#in } => write!(
                formatter,
                "what comes in at {:?} would go out at {out:?} and come in again: give one of them another prefix",
                r#in
            ),
            Self::Twice { name } => write!(formatter, "two bridges are named {name}"),
        }
    }
}

impl std::error::Error for BridgeSettingsError {}

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broker {
    /// The host, an IPv6 address in brackets.
    pub(super) host: String,
    /// The port.
    pub(super) port: u16,
    /// Whether TLS is spoken.
    pub(super) tls: bool,
}

impl BridgeSettings {
    /// Checks everything that can be checked without the broker.
    ///
    /// # Errors
    /// [`BridgeSettingsError`], the first that is found.
    pub fn check(&self) -> Result<(), BridgeSettingsError> {
        let plain = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '_' | '-');
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX || !self.name.chars().all(plain)
        {
            return Err(BridgeSettingsError::Name);
        }
        let broker = self.broker()?;
        if self.ca.is_some() && !broker.tls {
            return Err(BridgeSettingsError::CaWithoutTls);
        }
        check_text("client_id", self.client_id.as_deref())?;
        check_text("username", self.username.as_deref())?;
        if self.password_file.is_some() && self.username.is_none() {
            return Err(BridgeSettingsError::PasswordAlone);
        }
        self.check_numbers()?;
        if let Some(topic) = &self.status_topic {
            check_topic(topic).map_err(|error| topic_error(topic, error))?;
        }
        self.check_rules()
    }

    /// Checks several bridges, and that their names differ.
    ///
    /// # Errors
    /// [`BridgeSettingsError`], the first that is found.
    pub fn check_all(bridges: &[Self]) -> Result<(), BridgeSettingsError> {
        let mut names = BTreeSet::new();
        bridges.iter().try_for_each(|bridge| {
            bridge.check()?;
            if names.insert(bridge.name.as_str()) {
                return Ok(());
            }
            let name = bridge.name.clone();
            Err(BridgeSettingsError::Twice { name })
        })
    }

    /// Reads the url.
    pub(super) fn broker(&self) -> Result<Broker, BridgeSettingsError> {
        let wrong = |reason| BridgeSettingsError::Url { reason };
        let (tls, rest, default_port) = match self.url.split_once("://") {
            Some(("mqtt", rest)) => (false, rest, 1883),
            Some(("mqtts", rest)) => (true, rest, 8883),
            _ => return Err(wrong("it begins otherwise")),
        };
        if rest.contains('@') {
            return Err(wrong(
                "credentials belong into `username` and `password_file`",
            ));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.split_once(']') {
            Some((address, port)) => (rest.get(..=address.len()).unwrap_or_default(), port),
            None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
        };
        let port = match port {
            "" => default_port,
            port => port
                .strip_prefix(':')
                .and_then(|port| port.parse().ok())
                .filter(|port| *port != 0)
                .ok_or(wrong("the port is no number from 1 to 65535"))?,
        };
        let address = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        match address {
            Some(_) if tls => return Err(wrong("TLS needs a name instead of an IPv6 address")),
            Some(address) if address.parse::<Ipv6Addr>().is_err() => {
                return Err(wrong("what is in brackets is no IPv6 address"));
            }
            None if !is_host(host) => return Err(wrong("the host is no name and no address")),
            _ => {}
        }
        Ok(Broker {
            host: host.to_owned(),
            port,
            tls,
        })
    }

    fn check_numbers(&self) -> Result<(), BridgeSettingsError> {
        let ranges = [
            (
                "keep_alive",
                u32::from(self.keep_alive),
                5,
                u32::from(KEEP_ALIVE_SECONDS_MAX),
            ),
            ("queue_messages", self.queue_messages, 1, QUEUE_MESSAGES_MAX),
            ("queue_bytes", self.queue_bytes, 1024, QUEUE_BYTES_MAX),
        ];
        for (setting, value, min, max) in ranges {
            if !(min..=max).contains(&value) {
                return Err(BridgeSettingsError::Range { setting, min, max });
            }
        }
        for rule in self.out.iter().chain(&self.r#in) {
            if rule.qos > 1 {
                return Err(BridgeSettingsError::Range {
                    setting: "qos",
                    min: 0,
                    max: 1,
                });
            }
        }
        Ok(())
    }

    fn check_rules(&self) -> Result<(), BridgeSettingsError> {
        let limit = RULES_MAX;
        if self.out.len() > limit
            || self.r#in.len() > limit
            || (self.out.is_empty() && self.r#in.is_empty())
        {
            return Err(BridgeSettingsError::Rules { limit });
        }
        for rule in self.out.iter().chain(&self.r#in) {
            rule.check()?;
        }
        for out in &self.out {
            for inward in &self.r#in {
                let local = overlap(&out.local_filter(), &inward.local_filter());
                if local && overlap(&out.remote_filter(), &inward.remote_filter()) {
                    return Err(BridgeSettingsError::Loop {
                        out: out.local_filter(),
                        r#in: inward.local_filter(),
                    });
                }
            }
        }
        Ok(())
    }
}

impl Rule {
    /// The filter on the device.
    pub(super) fn local_filter(&self) -> String {
        format!("{}{}", self.local_prefix, self.filter)
    }

    /// The filter at the broker.
    pub(super) fn remote_filter(&self) -> String {
        format!("{}{}", self.remote_prefix, self.filter)
    }

    fn check(&self) -> Result<(), BridgeSettingsError> {
        for prefix in [&self.local_prefix, &self.remote_prefix] {
            if !prefix.is_empty() {
                check_topic(prefix).map_err(|error| topic_error(prefix, error))?;
            }
        }
        for filter in [
            self.filter.clone(),
            self.local_filter(),
            self.remote_filter(),
        ] {
            TopicFilter::parse(&filter).map_err(|error| topic_error(&filter, error))?;
        }
        let filter = self.local_filter();
        if filter.split('/').count() > FILTER_LEVELS_MAX {
            return Err(BridgeSettingsError::Levels { filter });
        }
        Ok(())
    }
}

fn check_text(setting: &'static str, text: Option<&str>) -> Result<(), BridgeSettingsError> {
    match text {
        Some(text)
            if text.is_empty()
                || text.len() > NAME_BYTES_MAX
                || text.contains(char::is_control) =>
        {
            Err(BridgeSettingsError::Text { setting })
        }
        _ => Ok(()),
    }
}

fn topic_error(text: &str, error: TopicError) -> BridgeSettingsError {
    BridgeSettingsError::Topic {
        text: text.to_owned(),
        error,
    }
}

fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 253
        && host
            .chars()
            .all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_'))
}
