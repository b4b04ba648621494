//! Name look-up, without any name server.

use std::net::SocketAddr;

use thimble_abi::Errno;
use thimble_runtime::port::Protocol;

use super::fixture::{Device, OUT};

fn addresses(found: Result<(Vec<(SocketAddr, u32)>, u32), u16>) -> Vec<String> {
    found
        .unwrap()
        .0
        .iter()
        .map(|(address, kind)| format!("{address} {kind}"))
        .collect()
}

#[test]
fn addresses_stand_for_themselves_and_need_no_grant() {
    let device = Device::new();
    let mut guest = device.guest(&[]);
    assert_eq!(
        addresses(guest.resolve("192.0.2.7", "http", Some((1, 2)), 4)),
        ["192.0.2.7:80 1"]
    );
    assert_eq!(
        addresses(guest.resolve("2001:db8::7", "53", None, 4)),
        ["[2001:db8::7]:53 1", "[2001:db8::7]:53 0"]
    );
    assert_eq!(
        guest.resolve("192.0.2.7", "", Some((1, 1)), 4),
        Err(Errno::NoEntry.number()),
        "no IPv6"
    );
    assert_eq!(
        guest.resolve("192.0.2.7", "no-such-service", None, 4),
        Err(Errno::Invalid.number())
    );
    assert_eq!(
        guest.resolve("192.0.2.7", "70000", None, 4),
        Err(Errno::Invalid.number())
    );
    assert_eq!(
        guest.resolve("192.0.2.7", "ntp", Some((1, 2)), 4),
        Err(Errno::Invalid.number()),
        "no TCP"
    );
    assert_eq!(
        guest.resolve("192.0.2.7", "", Some((9, 2)), 4),
        Err(Errno::Invalid.number())
    );
    assert_eq!(
        guest.resolve("192.0.2.7", "", Some((1, 3)), 4),
        Err(Errno::AddressFamilyNotSupported.number())
    );
    for nothing in ["", "a..b", "300.1.1.1", "exa mple", "ex\u{e4}mple"] {
        assert_eq!(
            guest.resolve(nothing, "", None, 4),
            Err(Errno::NoEntry.number()),
            "{nothing}"
        );
    }
    assert!(device.traces().is_empty());
}

#[test]
fn this_device_is_known_without_a_network() {
    let device = Device::new();
    let mut guest = device.guest(&["net.resolve:*"]);
    let found = addresses(guest.resolve("localhost", "8080", Some((1, 2)), 8));
    assert!(found.contains(&"127.0.0.1:8080 1".to_owned()), "{found:?}");
    assert_eq!(
        guest.resolve("unknown.invalid", "", None, 8),
        Err(Errno::NoEntry.number())
    );
}

#[test]
fn entries_that_do_not_fit_are_counted() {
    let device =
        Device::with_names(&[("many.example", &["192.0.2.1", "192.0.2.2", "2001:db8::1"])]);
    let mut guest = device.guest(&["net.resolve:*.example"]);
    let (entries, available) = guest
        .resolve("many.example", "80", Some((-1, 2)), 2)
        .unwrap();
    assert_eq!((entries.len(), available), (2, 6));
    assert_eq!(
        guest
            .resolve("many.example", "80", Some((1, 1)), 0)
            .unwrap(),
        (Vec::new(), 1)
    );
}

#[test]
fn a_guest_blocked_in_a_look_up_can_be_dropped() {
    let device = Device::new();
    let mut guest = device.guest(&["net.resolve"]);
    guest.put(256, b"localhost\0\0");
    guest.attempt("sock_addr_resolve", &[256, 265, 700, 2048, 1, OUT.into()]);
    drop(guest);
    let mut next = device.guest(&["net"]);
    assert!(next.resolve("localhost", "", None, 1).is_ok());
    let socket = next.open(Protocol::Udp, false);
    assert_eq!(next.connect(socket, "127.0.0.1:9"), 0);
}
