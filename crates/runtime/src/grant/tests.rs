//! Tests of grants: what texts mean, and the matching rules against plain models.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use super::{Grants, HostPattern, PortRange, TopicFilter, check_topic};
use crate::port::Protocol;

fn grants(text: &str) -> Grants {
    Grants::parse([text]).unwrap()
}

fn connects(grant: &str, protocol: Protocol, address: &str, port: u16) -> bool {
    let names = core::iter::empty();
    grants(grant).connect(protocol, address.parse().unwrap(), port, names)
}

#[test]
fn wrong_texts_are_told() {
    let check = |text: &str, told: &str| {
        let error = Grants::parse([text]).unwrap_err().to_string();
        assert!(error.contains(told), "{text}: {error}");
    };
    check("netwerk", "did you mean `net`?");
    check("xyz", "grants are fs, net,");
    check("fs:/data", "takes no scope");
    check("net:all", "takes no scope");
    check("gpio:", "NAME|PORT.PIN|*");
    check("bus.pub:a/#/b", "only at the end");
    for text in [
        "net.listen:",
        "net.listen:tcp/",
        "net.listen:70000",
        "net.listen:+80",
        "net.listen:90-80",
        "net.listen:sctp/80",
        "net.connect:",
        "net.connect::80",
        "net.connect:host:",
        "net.connect:host:x",
        "net.connect:10.0.0.0/33",
        "net.connect:10.0.0.0/+8",
        "net.connect:300.1.1.1",
        "net.connect:a..b",
        "net.connect:ho st",
        "net.connect:*.",
        "net.connect:[::ffff:0:0/8]:80",
        "net.resolve:",
    ] {
        check(text, "form");
    }
}

#[test]
fn scopes_are_kept() {
    use Protocol::{Tcp, Udp};
    assert!(grants("net.listen:tcp/8080").listen(Tcp, 8080));
    assert!(!grants("net.listen:tcp/8080").listen(Udp, 8080));
    assert!(!grants("net.listen:tcp/8080").listen(Tcp, 0));
    assert!(grants("net.listen:8000-8099").listen(Udp, 8099));
    assert!(grants("networking").listen(Udp, 0));
    assert!(connects(
        "net.connect:udp/10.0.0.0/8:53",
        Udp,
        "10.9.8.7",
        53
    ));
    assert!(!connects(
        "net.connect:udp/10.0.0.0/8:53",
        Tcp,
        "10.9.8.7",
        53
    ));
    assert!(!connects(
        "net.connect:udp/10.0.0.0/8:53",
        Udp,
        "11.9.8.7",
        53
    ));
    assert!(connects("net.connect:[fd00::/8]:443", Tcp, "fd12::1", 443));
    assert!(connects("net.connect:fd00::/8", Tcp, "fd12::1", 1));
    assert!(!connects(
        "net.connect:[::/0]:443",
        Tcp,
        "::ffff:10.0.0.1",
        443
    ));
    assert!(connects(
        "net.connect:[::ffff:10.0.0.0/104]",
        Tcp,
        "10.255.0.1",
        443
    ));
    assert!(connects("net.connect:localhost", Tcp, "127.1.2.3", 1));
    assert!(grants("net.connect:Example.ORG.:443").resolve("example.org"));
    assert!(grants("net.connect:*.example.org").resolve("a.b.example.org."));
    assert!(!grants("net.connect:*.example.org").resolve("example.org"));
    assert!(!grants("net.connect:*.example.org").resolve("badexample.org"));
    assert!(grants("net.connect:127.0.0.1:80").resolve("localhost"));
    assert!(!grants("net.connect:10.0.0.1:80").resolve("localhost"));
    assert!(!grants("net.resolve:*").connect(
        Tcp,
        Ipv4Addr::LOCALHOST.into(),
        1,
        ["a"].into_iter()
    ));
    assert_eq!(grants("console"), Grants::default());
}

/// A small generator with a printed seed (Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap() % bound
    }
}

#[test]
fn networks_match_as_bits_do() {
    let mut numbers = Numbers(7);
    for round in 0..5000 {
        let bits = numbers.below(33);
        let network = numbers.below(u32::MAX);
        // Close to the network, so that both answers are frequent.
        let address = network ^ (1 << numbers.below(32));
        let pattern =
            HostPattern::parse(&format!("{}/{bits}", Ipv4Addr::from_bits(network))).unwrap();
        let same = (0..bits).all(|bit| (network >> (31 - bit)) & 1 == (address >> (31 - bit)) & 1);
        let address = Ipv4Addr::from_bits(address);
        assert_eq!(
            pattern.matches_address(address.into()),
            same,
            "round {round}: {pattern:?} {address}"
        );
        let mapped = IpAddr::from(address.to_ipv6_mapped());
        assert_eq!(
            pattern.matches_address(mapped),
            same,
            "round {round}: {pattern:?} {mapped}"
        );
    }
}

#[test]
fn ranges_hold_what_lies_between() {
    let mut numbers = Numbers(11);
    for _ in 0..1000 {
        let mut port = || u16::try_from(numbers.below(65_536)).unwrap();
        let (first, last, asked) = (port(), port(), port());
        match PortRange::parse(&format!("{first}-{last}")) {
            Some(range) => assert_eq!(range.contains(asked), (first..=last).contains(&asked)),
            None => assert!(first > last),
        }
    }
}

/// Every text of one to three levels out of these.
fn texts(levels: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut last: Vec<String> = levels.iter().map(ToString::to_string).collect();
    for _ in 0..3 {
        all.extend(last.iter().cloned());
        last = last
            .iter()
            .flat_map(|text| levels.iter().map(move |level| format!("{text}/{level}")))
            .collect();
    }
    all
}

#[test]
fn a_filter_covers_exactly_the_filters_whose_topics_it_matches() {
    // Three values, one of them in no filter, and one level more than filters have, tell all filters apart.
    let topics: Vec<String> = texts(&["a", "b", "z", "$s"])
        .into_iter()
        .flat_map(|text| [format!("{text}/z/z"), text])
        .filter(|topic| check_topic(topic).is_ok())
        .collect();
    let filters: Vec<TopicFilter> = texts(&["a", "+", "#", "$s"])
        .iter()
        .filter_map(|text| TopicFilter::parse(text).ok())
        .collect();
    for mine in &filters {
        for theirs in &filters {
            let all = topics
                .iter()
                .all(|topic| !theirs.matches(topic) || mine.matches(topic));
            assert!(
                !mine.covers(theirs) || all,
                "{mine} covers {theirs}, but not all of it"
            );
            // `+/#` and `+` in front of a filter for all can cover more than is claimed: safe.
            assert!(
                mine.covers(theirs) || !all || theirs.as_str().contains('#'),
                "{mine} does not cover {theirs}"
            );
        }
    }
}

#[test]
fn a_grant_covers_what_it_gives() {
    for (granted, wanted, is_covered) in [
        ("fs", "fs", true),
        ("timer", "kv", false),
        ("net", "net.listen:tcp/80", true),
        ("net", "net.resolve:*.example.org", true),
        ("net.listen:tcp/8000-8099", "net.listen:tcp/8080", true),
        ("net.listen:tcp/8080", "net.listen:8080", false),
        ("net.listen:tcp/8080", "net.listen:tcp/8000-8099", false),
        (
            "net.connect:*.example.org:443",
            "net.connect:a.example.org:443",
            true,
        ),
        (
            "net.connect:*.example.org:443",
            "net.connect:*.b.example.org:443",
            true,
        ),
        (
            "net.connect:*.example.org:443",
            "net.connect:*.badexample.org:443",
            false,
        ),
        (
            "net.connect:a.example.org:443",
            "net.connect:*.example.org:443",
            false,
        ),
        ("net.connect:10.0.0.0/8", "net.connect:10.1.0.0/16", true),
        ("net.connect:10.1.0.0/16", "net.connect:10.0.0.0/8", false),
        ("net.connect:10.1.0.0/16", "net.connect:*", false),
        (
            "net.connect:a.example.org:443",
            "net.resolve:a.example.org",
            true,
        ),
        (
            "net.resolve:a.example.org",
            "net.connect:a.example.org:443",
            false,
        ),
        ("bus.pub:line1/#", "bus.pub:line1/+/t", true),
        ("bus.pub:line1/#", "bus.sub:line1/t", false),
        ("gpio:*", "gpio:led0", true),
        ("gpio:led0", "gpio", false),
        ("ocre_gpio", "gpio:led0", true),
        ("sensor:temp", "sensor:temp", true),
    ] {
        let granted_all = grants(granted);
        let wanted_all = grants(wanted);
        let found = wanted_all
            .as_slice()
            .iter()
            .all(|wanted| granted_all.covers(wanted));
        assert_eq!(found, is_covered, "{granted} covers {wanted}");
    }
}
