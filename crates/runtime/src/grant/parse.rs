//! Reads grants as people write them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use thimble_abi::GrantKind;
use thimble_abi::grant::{GRANT_ALIASES, GRANTS, GrantSpec};

use crate::port::Protocol;

use super::Grant;
use super::net::{HostPattern, PortRange};
use super::topic::{TopicError, TopicFilter};

/// Why a text is not a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrantError {
    /// No grant has this name.
    UnknownName {
        /// The text as given.
        text: String,
        /// A grant that was perhaps meant.
        near: Option<&'static str>,
    },
    /// The scope after the colon is not of the grant's form.
    BadScope {
        /// The text as given.
        text: String,
        /// The grant's form.
        form: &'static str,
        /// An example that is right.
        example: &'static str,
    },
    /// The scope is a topic filter that breaks the rules.
    BadTopic {
        /// The text as given.
        text: String,
        /// What is wrong with it.
        error: TopicError,
    },
}

impl fmt::Display for GrantError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName { text, near } => {
                write!(formatter, "there is no grant `{text}`")?;
                match near {
                    Some(near) => write!(formatter, "; did you mean `{near}`?"),
                    None => {
                        formatter.write_str("; grants are ")?;
                        for (index, spec) in GRANTS.iter().enumerate() {
                            write!(
                                formatter,
                                "{}{}",
                                if index == 0 { "" } else { ", " },
                                spec.name
                            )?;
                        }
                        Ok(())
                    }
                }
            }
            Self::BadScope {
                text,
                form: "",
                example,
            } => {
                write!(
                    formatter,
                    "the grant `{text}` takes no scope; write `{example}`"
                )
            }
            Self::BadScope {
                text,
                form,
                example,
            } => {
                write!(
                    formatter,
                    "the scope of the grant `{text}` must have the form {form}, for example `{example}`"
                )
            }
            Self::BadTopic { text, error } => write!(
                formatter,
                "the topic filter of the grant `{text}` is wrong: {error}"
            ),
        }
    }
}

impl core::error::Error for GrantError {}

/// Reads one text, which may stand for several grants, and adds them.
pub(super) fn parse(text: &str, grants: &mut Vec<Grant>) -> Result<(), GrantError> {
    let text = text.trim_ascii();
    if let Some((_, meanings)) = GRANT_ALIASES.iter().find(|(alias, _)| *alias == text) {
        return meanings
            .iter()
            .try_for_each(|meaning| parse(meaning, grants));
    }
    let (name, scope) = text
        .split_once(':')
        .map_or((text, None), |(name, scope)| (name, Some(scope)));
    let Some(spec) = GRANTS.iter().find(|spec| spec.name == name) else {
        return Err(GrantError::UnknownName {
            text: text.to_string(),
            near: near(name),
        });
    };
    if spec.kind == GrantKind::Network && scope.is_none() {
        grants.push(Grant::Listen(None, PortRange::ALL));
        grants.push(Grant::Connect(None, HostPattern::Any, PortRange::ALL));
        return Ok(());
    }
    grants.push(one(text, spec, scope)?);
    Ok(())
}

fn one(text: &str, spec: &GrantSpec, scope: Option<&str>) -> Result<Grant, GrantError> {
    let bad = || GrantError::BadScope {
        text: text.to_string(),
        form: spec.scope,
        example: spec.example,
    };
    let filter = || {
        TopicFilter::parse(scope.unwrap_or("#")).map_err(|error| GrantError::BadTopic {
            text: text.to_string(),
            error,
        })
    };
    let name = || match scope {
        None => Ok("*".to_string()),
        Some("") => Err(bad()),
        Some(scope) => Ok(scope.to_string()),
    };
    match (spec.kind, scope) {
        (GrantKind::Files, None) => Ok(Grant::Files),
        (GrantKind::Timer, None) => Ok(Grant::Timer),
        (GrantKind::KeyValue, None) => Ok(Grant::KeyValue),
        (GrantKind::NetListen, scope) => {
            let (protocol, ports) = protocol(scope.unwrap_or("*"));
            Ok(Grant::Listen(
                protocol,
                PortRange::parse(ports).ok_or_else(bad)?,
            ))
        }
        (GrantKind::NetConnect, scope) => {
            let (protocol, target) = protocol(scope.unwrap_or("*"));
            let (host, ports) = host_and_ports(target);
            let host = HostPattern::parse(host).ok_or_else(bad)?;
            Ok(Grant::Connect(
                protocol,
                host,
                PortRange::parse(ports).ok_or_else(bad)?,
            ))
        }
        (GrantKind::NetResolve, scope) => Ok(Grant::Resolve(
            HostPattern::parse(scope.unwrap_or("*")).ok_or_else(bad)?,
        )),
        (GrantKind::BusPublish, _) => Ok(Grant::Publish(filter()?)),
        (GrantKind::BusSubscribe, _) => Ok(Grant::Subscribe(filter()?)),
        (GrantKind::Gpio, _) => Ok(Grant::Gpio(name()?)),
        (GrantKind::Sensor, _) => Ok(Grant::Sensor(name()?)),
        _ => Err(bad()),
    }
}

/// Splits `tcp/…` or `udp/…`.
fn protocol(text: &str) -> (Option<Protocol>, &str) {
    match text.split_once('/') {
        Some(("tcp", rest)) => (Some(Protocol::Tcp), rest),
        Some(("udp", rest)) => (Some(Protocol::Udp), rest),
        _ => (None, text),
    }
}

/// Splits `host:ports`, `[v6]:ports`, or a host alone, which stands for all its ports.
fn host_and_ports(text: &str) -> (&str, &str) {
    if let Some(rest) = text.strip_prefix('[') {
        let split = rest
            .split_once(']')
            .and_then(|(host, rest)| Some((host, rest.strip_prefix(':')?)));
        return split.unwrap_or((text, "*"));
    }
    match text.rsplit_once(':') {
        // A second colon makes it an IPv6 address without ports.
        Some((host, ports)) if !host.contains(':') => (host, ports),
        _ => (text, "*"),
    }
}

/// The grant whose name shares the longest beginning with a wrong one, if any does.
fn near(name: &str) -> Option<&'static str> {
    let shared = |spec: &GrantSpec| {
        spec.name
            .bytes()
            .zip(name.bytes())
            .take_while(|(a, b)| a == b)
            .count()
    };
    // Of several, the first: the general one stands before its parts.
    let best = GRANTS.iter().rev().max_by_key(|spec| shared(spec))?;
    (shared(best) >= 2).then_some(best.example)
}
