//! Services by number and by their well-known names.

use crate::port::Protocol;

/// The services that programs ask for by name, from IANA's registry: name, port, and protocol if only one.
const SERVICES: &[(&str, u16, Option<Protocol>)] = &[
    ("echo", 7, None),
    ("discard", 9, None),
    ("daytime", 13, None),
    ("ftp", 21, Some(Protocol::Tcp)),
    ("ssh", 22, Some(Protocol::Tcp)),
    ("telnet", 23, Some(Protocol::Tcp)),
    ("smtp", 25, Some(Protocol::Tcp)),
    ("time", 37, None),
    ("domain", 53, None),
    ("tftp", 69, Some(Protocol::Udp)),
    ("http", 80, Some(Protocol::Tcp)),
    ("pop3", 110, Some(Protocol::Tcp)),
    ("ntp", 123, Some(Protocol::Udp)),
    ("imap", 143, Some(Protocol::Tcp)),
    ("snmp", 161, Some(Protocol::Udp)),
    ("snmptrap", 162, Some(Protocol::Udp)),
    ("ldap", 389, Some(Protocol::Tcp)),
    ("https", 443, Some(Protocol::Tcp)),
    ("mbap", 502, Some(Protocol::Tcp)),
    ("syslog", 514, Some(Protocol::Udp)),
    ("ldaps", 636, Some(Protocol::Tcp)),
    ("imaps", 993, Some(Protocol::Tcp)),
    ("pop3s", 995, Some(Protocol::Tcp)),
    ("mqtt", 1883, Some(Protocol::Tcp)),
    ("opcua-tcp", 4840, Some(Protocol::Tcp)),
    ("mdns", 5353, Some(Protocol::Udp)),
    ("postgresql", 5432, Some(Protocol::Tcp)),
    ("amqp", 5672, Some(Protocol::Tcp)),
    ("coap", 5683, None),
    ("coaps", 5684, None),
    ("http-alt", 8080, Some(Protocol::Tcp)),
    ("secure-mqtt", 8883, Some(Protocol::Tcp)),
    ("bacnet", 47808, Some(Protocol::Udp)),
];

/// The port of a service and its protocol, if it has only one; port 0 for no service.
pub(super) fn port(text: &str) -> Option<(u16, Option<Protocol>)> {
    if text.is_empty() {
        return Some((0, None));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(|port| (port, None));
    }
    let (_, port, protocol) = SERVICES
        .iter()
        .find(|(name, ..)| name.eq_ignore_ascii_case(text))?;
    Some((*port, *protocol))
}
