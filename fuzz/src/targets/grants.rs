//! Grants, topic filters, host patterns and port ranges from texts nobody would write.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use arbitrary::{Result as Drawn, Unstructured};
use thimble_abi::GrantKind;
use thimble_runtime::grant::{Grants, HostPattern, PortRange, TopicFilter, check_topic};
use thimble_runtime::port::{PinName, Protocol};

use crate::finding::{Violation, ensure};
use crate::shapes::Shapes;

use super::{Target, TargetSpec};

/// See the module's description.
pub(super) const SPEC: TargetSpec = TargetSpec {
    name: "grants",
    summary: "grants, topic filters, hosts and ports: never panic, and agree with each other",
    bytes_max: 512,
    patience: Duration::from_secs(5),
    tokens: &[
        b"net.connect:",
        b"net.listen:",
        b"net.resolve:",
        b"bus.pub:",
        b"bus.sub:",
        b"gpio:",
        b"sensor:",
        b"tcp/",
        b"udp/",
        b"*.",
        b"[::1]",
        b"::ffff:",
        b"127.0.0.1",
        b"/32",
        b"0-65535",
        b":",
        b"/",
        b"+",
        b"#",
        b"$",
        b"\n",
        b"localhost",
        b"ocre:api",
        b"T",
        b"*",
    ],
    make: || Box::new(GrantTexts),
};

struct GrantTexts;

impl Target for GrantTexts {
    fn examine(&mut self, input: &[u8], shapes: &mut Shapes) -> Result<(), Violation> {
        let Some((kind, rest)) = input.split_first() else {
            return Ok(());
        };
        let mut u = Unstructured::new(rest);
        let drawn = match kind % 4 {
            0 => return texts(&String::from_utf8_lossy(rest), shapes),
            1 => (topic(&mut u), topic(&mut u), topic(&mut u)),
            2 => return hosts(&mut u, shapes),
            _ => {
                // Filters as they come, one a line.
                let text = String::from_utf8_lossy(rest).into_owned();
                let mut lines = text.split('\n').map(|line| Ok(line.to_owned()));
                let mut line = || lines.next().unwrap_or(Ok(String::new()));
                (line(), line(), line())
            }
        };
        let (Ok(first), Ok(second), Ok(third)) = drawn else {
            return Ok(());
        };
        filters(&first, &second, &third, shapes)
    }
}

/// Any text: questions about what it grants must not fail, whatever they are.
fn texts(text: &str, shapes: &mut Shapes) -> Result<(), Violation> {
    let grants = match Grants::parse(text.split('\n')) {
        Ok(grants) => grants,
        Err(error) => {
            shapes.note((0, std::mem::discriminant(&error)));
            return ensure(
                !error.to_string().is_empty(),
                "errors say something",
                String::new,
            );
        }
    };
    for grant in grants.as_slice() {
        shapes.note((1, grant.kind()));
        ensure(
            grants.any(grant.kind()),
            "a grant is there once it is given",
            || format!("{grant:?}"),
        )?;
    }
    let addresses = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    for address in addresses {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let bare = grants.connect(protocol, address, 80, [].into_iter());
            let named = grants.connect(protocol, address, 80, [text, "example.org"].into_iter());
            ensure(!bare || named, "more names never allow less", || {
                text.to_owned()
            })?;
            shapes.note((2, bare, grants.listen(protocol, 80)));
        }
    }
    let pin = PinName {
        port: 0,
        pin: 1,
        name: Some(text.to_owned()),
    };
    shapes.note((
        3,
        grants.gpio(&pin),
        grants.sensor(text),
        grants.resolve(text),
    ));
    shapes.note((
        4,
        grants.publish(text),
        grants.receive(text),
        grants.any(GrantKind::Network),
    ));
    Ok(())
}

/// What is said about filters must hold for every topic.
fn filters(first: &str, second: &str, topic: &str, shapes: &mut Shapes) -> Result<(), Violation> {
    let (Ok(one), Ok(other)) = (TopicFilter::parse(first), TopicFilter::parse(second)) else {
        return Ok(());
    };
    ensure(
        one.as_str() == first,
        "a filter stays as it is written",
        || first.to_owned(),
    )?;
    ensure(one.covers(&one), "a filter covers itself", || {
        first.to_owned()
    })?;
    let covers = one.covers(&other);
    for topic in witnesses(second).iter().map(String::as_str).chain([topic]) {
        if check_topic(topic).is_err() {
            continue;
        }
        for (filter, text) in [(&one, first), (&other, second)] {
            let told = filter.matches(topic);
            ensure(told == matches(text, topic), "matching is MQTT's", || {
                format!("{text:?} {topic:?}: {told}")
            })?;
        }
        shapes.note((5, covers, one.matches(topic), other.matches(topic)));
        ensure(
            !covers || !other.matches(topic) || one.matches(topic),
            "what covers a filter matches its topics",
            || format!("{first:?} covers {second:?}, topic {topic:?}"),
        )?;
    }
    // `+/#` is `#` in other words, and nobody writes it.
    let all = witnesses(second)
        .iter()
        .filter(|topic| check_topic(topic).is_ok())
        .all(|topic| one.matches(topic));
    ensure(
        covers || !all || first.starts_with("+/#"),
        "a filter covers what it matches all of",
        || format!("{first:?} matches all that {second:?} does"),
    )
}

/// Topics that a filter matches, with levels that no other filter names.
fn witnesses(filter: &str) -> Vec<String> {
    let plain = filter.replace('+', "~1");
    match plain.strip_suffix("/#") {
        Some(parent) => vec![
            parent.into(),
            format!("{parent}/"),
            format!("{parent}/~2"),
            format!("{parent}/~2/~3"),
        ],
        None if plain == "#" => vec!["~1".into(), "/".into(), "~1/~2".into()],
        None => vec![plain.clone(), filter.replace('+', "")],
    }
}

/// MQTT 5.0, section 4.7, said once more.
fn matches(filter: &str, topic: &str) -> bool {
    fn levels(filter: &[&str], topic: &[&str]) -> bool {
        match (filter, topic) {
            (["#"], _) | ([], []) => true,
            ([pattern, filter @ ..], [level, topic @ ..]) => {
                (*pattern == "+" || pattern == level) && levels(filter, topic)
            }
            _ => false,
        }
    }
    if topic.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#')) {
        return false;
    }
    levels(
        &filter.split('/').collect::<Vec<_>>(),
        &topic.split('/').collect::<Vec<_>>(),
    )
}

/// A topic or filter of few different levels, so that they often meet.
fn topic(u: &mut Unstructured<'_>) -> Drawn<String> {
    const LEVELS: [&str; 9] = ["a", "b", "+", "#", "", "$", "$a", "a+", "é"];
    let count = u.int_in_range(1..=5)?;
    let levels: Vec<&str> = (0..count)
        .map(|_| u.choose(&LEVELS).copied())
        .collect::<Drawn<_>>()?;
    Ok(levels.join("/"))
}

/// Patterns mean what they are made of.
fn hosts(u: &mut Unstructured<'_>, shapes: &mut Shapes) -> Result<(), Violation> {
    let (Ok(bytes), Ok(six), Ok(bits), Ok(ports)) = (
        u.arbitrary::<[u8; 16]>(),
        u.int_in_range(0..=2),
        u.int_in_range(0..=130_u8),
        u.arbitrary::<(u16, u16)>(),
    ) else {
        return Ok(());
    };
    let [a, b, c, d, ..] = bytes;
    let v4 = Ipv4Addr::new(a, b, c, d);
    let address = match six {
        0 => IpAddr::V4(v4),
        1 => IpAddr::V6(bytes.into()),
        _ => IpAddr::V6(v4.to_ipv6_mapped()),
    };
    let (text, network) = (address.to_string(), format!("{address}/{bits}"));
    for text in [text.clone(), network, format!("[{text}]")] {
        let pattern = HostPattern::parse(&text);
        shapes.note((6, pattern.is_some(), six));
        let matches = pattern.is_none_or(|pattern| pattern.matches_address(address));
        ensure(matches, "an address lies in its own network", || text)?;
    }
    if let Ok(text) = u.arbitrary::<String>()
        && let Some(pattern) = HostPattern::parse(&text)
    {
        let itself = text
            .strip_prefix("*.")
            .map_or(text.clone(), |domain| format!("x.{domain}"));
        let network = matches!(pattern, HostPattern::Network(..));
        ensure(
            network || pattern.matches_name(&itself),
            "a host pattern means its name",
            || text,
        )?;
        shapes.note((7, std::mem::discriminant(&pattern)));
    }
    let (first, last) = (ports.0.min(ports.1), ports.0.max(ports.1));
    let range = PortRange::parse(&format!("{first}-{last}"));
    let holds = range.is_some_and(|range| {
        range.contains(first) && range.contains(last) && (first == 0 || !range.contains(first - 1))
    });
    ensure(holds, "a range holds its ports", || {
        format!("{first}-{last}")
    })
}
