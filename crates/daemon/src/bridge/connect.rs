//! How a bridge reaches its broker: the options of one connection, and what its failure means.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use rumqttc::{
    ConnectReturnCode, ConnectionError, LastWill, MqttOptions, QoS, StateError, TlsConfiguration,
    TlsError, Transport, mqttbytes,
};

use super::settings::{BridgeSettings, Broker};
use super::trust::{self, TrustError};

/// Bytes of one packet from the broker or to it: a payload of 256 KiB, the most a guest publishes, and its topic.
pub const PACKET_BYTES_MAX: usize = (256 << 10) + 2048;
/// Messages that were sent and are not yet acknowledged.
pub(super) const WINDOW_MESSAGES: usize = 32;
/// Packet ids in use: a few more, for subscriptions, so that none is used twice at a time.
const PACKET_IDS: u16 = 48;
/// How long a connection, and each write, may take.
pub(super) const CONNECT_SECONDS_MAX: u64 = 10;
/// Bytes of a password's file.
const PASSWORD_BYTES_MAX: u64 = 4096;
/// Payloads of the status topic.
pub(super) const ONLINE: &[u8] = b"online";
/// See [`ONLINE`].
pub(super) const OFFLINE: &[u8] = b"offline";

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub(super) enum BridgeError {
    /// The settings are wrong, though they were checked; ours.
    Settings(String),
    /// The password cannot be read.
    Password {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// Nobody can be trusted.
    Trust(TrustError),
    /// The connection failed.
    Connection(Box<ConnectionError>),
    /// The broker refuses a subscription.
    Subscription,
    /// The daemon ends.
    Ending,
}

impl fmt::Display for BridgeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(reason) => write!(formatter, "the settings do not fit: {reason}"),
            Self::Password { path, error } => write!(
                formatter,
                "cannot read the password from {}: {error}",
                path.display()
            ),
            Self::Trust(error) => error.fmt(formatter),
            Self::Connection(error) => describe(error, formatter),
            Self::Subscription => formatter.write_str(
                "the broker refuses a subscription: allow the user the topics of the `in` rules",
            ),
            Self::Ending => formatter.write_str("the bridge ends"),
        }
    }
}

impl std::error::Error for BridgeError {}

impl From<ConnectionError> for BridgeError {
    fn from(error: ConnectionError) -> Self {
        Self::Connection(Box::new(error))
    }
}

impl BridgeError {
    /// Whether the broker sent a packet that is too long; a session that it keeps would bring it again.
    pub(super) fn is_too_long(&self) -> bool {
        let Self::Connection(error) = self else {
            return false;
        };
        matches!(
            **error,
            ConnectionError::MqttState(StateError::Deserialization(
                mqttbytes::Error::PayloadSizeLimitExceeded(_)
            ))
        )
    }
}

fn describe(error: &ConnectionError, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    use ConnectReturnCode::{
        BadClientId, BadUserNamePassword, NotAuthorized, RefusedProtocolVersion,
        ServiceUnavailable, Success,
    };
    match error {
        ConnectionError::ConnectionRefused(code) => formatter.write_str(match code {
            BadUserNamePassword | NotAuthorized => {
                "the broker refuses the user or the password: check `username` and `password_file`"
            }
            BadClientId => "the broker refuses the name of the device: set another `client_id`",
            RefusedProtocolVersion => "the broker does not speak MQTT 3.1.1",
            ServiceUnavailable | Success => "the broker is not available now",
        }),
        ConnectionError::MqttState(StateError::Deserialization(
            mqttbytes::Error::PayloadSizeLimitExceeded(bytes),
        )) => write!(
            formatter,
            "the broker sent a packet of {bytes} bytes, {PACKET_BYTES_MAX} are allowed: narrow the `in` rules"
        ),
        ConnectionError::MqttState(StateError::ConnectionAborted) => {
            formatter.write_str("the broker closed the connection")
        }
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            formatter.write_str("the broker gives no sign of life")
        }
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            write!(
                formatter,
                "the broker took longer than {CONNECT_SECONDS_MAX} s"
            )
        }
        ConnectionError::Io(error) | ConnectionError::Tls(TlsError::Io(error)) => {
            write!(formatter, "cannot reach the broker: {error}")
        }
        other => write!(
            formatter,
            "the broker and the device do not understand each other: {other}"
        ),
    }
}

/// The options of one connection. Reads the files that the settings name; blocks.
///
/// `clean` asks the broker to forget what it kept for the device.
pub(super) fn options(settings: &BridgeSettings, clean: bool) -> Result<MqttOptions, BridgeError> {
    let Broker { host, port, tls } = settings
        .broker()
        .map_err(|error| BridgeError::Settings(error.to_string()))?;
    let client_id = settings
        .client_id
        .clone()
        .unwrap_or_else(|| format!("thimble-{}-{}", hostname(), settings.name));
    let mut options = MqttOptions::new(client_id, host, port);
    options
        .set_keep_alive(Duration::from_secs(u64::from(settings.keep_alive)))
        .set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX)
        .set_inflight(PACKET_IDS)
        // A broker keeps messages for a device that is away only if it was asked for acknowledged ones.
        .set_clean_session(clean || settings.r#in.iter().all(|rule| rule.qos == 0));
    if let Some(username) = &settings.username {
        options.set_credentials(username, password(settings)?);
    }
    if let Some(topic) = &settings.status_topic {
        options.set_last_will(LastWill::new(topic, OFFLINE, QoS::AtLeastOnce, true));
    }
    if tls {
        let config = trust::client(settings.ca.as_deref()).map_err(BridgeError::Trust)?;
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(config)));
    }
    Ok(options)
}

fn password(settings: &BridgeSettings) -> Result<String, BridgeError> {
    let Some(path) = &settings.password_file else {
        return Ok(String::new());
    };
    let wrong = |error| BridgeError::Password {
        path: path.clone(),
        error,
    };
    let bytes = trust::read(path, PASSWORD_BYTES_MAX).map_err(wrong)?;
    let text =
        String::from_utf8(bytes).map_err(|_| wrong(std::io::Error::other("it is not UTF-8")))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "device".to_owned())
}
