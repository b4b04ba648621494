//! Socket options.

use thimble_abi::Errno;
use thimble_runtime::port::Protocol;

use super::fixture::{ADDRESS, Device, OK, OUT};

#[test]
fn what_is_set_is_read() {
    let device = Device::new();
    let mut guest = device.guest(&["net"]);
    let tcp = guest.open(Protocol::Tcp, false);
    let udp = guest.open(Protocol::Udp, false);
    let six = guest.open(Protocol::Tcp, true);
    let options = [
        ("broadcast", udp, 1, 1_u32),
        ("keep_alive", tcp, 7, 1),
        ("reuse_addr", tcp, 1, 1),
        ("reuse_port", udp, 1, 1),
        ("tcp_no_delay", tcp, 1, 1),
        ("tcp_quick_ack", tcp, 0, 0),
        ("tcp_fastopen_connect", tcp, 1, 1),
        ("ipv6_only", six, 1, 1),
        ("ip_ttl", tcp, 33, 33),
        ("ip_ttl", six, 34, 34),
        ("ip_multicast_ttl", udp, 5, 5),
        ("tcp_keep_idle", tcp, 120, 120),
        ("tcp_keep_intvl", tcp, 15, 15),
    ];
    for (name, socket, set, read) in options {
        guest.put(OUT, &[0xEE; 8]);
        assert_eq!(
            guest.call(&format!("sock_set_{name}"), &[socket, set]),
            OK,
            "{name}"
        );
        assert_eq!(
            guest.call(&format!("sock_get_{name}"), &[socket, OUT.into()]),
            OK,
            "{name}"
        );
        let bytes = if name.starts_with("tcp_keep") { 4 } else { 1 };
        assert_eq!(
            guest.bytes(OUT, bytes),
            &read.to_le_bytes()[..bytes as usize],
            "{name}"
        );
        assert_eq!(guest.bytes(OUT + bytes, 4), [0xEE; 4], "{name}");
    }
    for name in ["recv_buf_size", "send_buf_size"] {
        assert_eq!(guest.call(&format!("sock_set_{name}"), &[tcp, 65_536]), OK);
        assert_eq!(
            guest.call(&format!("sock_get_{name}"), &[tcp, OUT.into()]),
            OK
        );
        // Linux counts its own bookkeeping.
        assert!(guest.number(OUT) >= 65_536, "{name} {}", guest.number(OUT));
        assert_eq!(guest.bytes(OUT + 4, 4), [0xEE; 4]);
    }
}

#[test]
fn lingering_loops_and_groups() {
    let device = Device::new();
    let mut guest = device.guest(&["net.listen:udp/0"]);
    let tcp = guest.open(Protocol::Tcp, false);
    for (on, seconds) in [(1, 5), (1, 0), (0, 0)] {
        assert_eq!(guest.call("sock_set_linger", &[tcp, on, seconds]), OK);
        assert_eq!(
            guest.call("sock_get_linger", &[tcp, OUT.into(), u64::from(OUT) + 4]),
            OK
        );
        assert_eq!(
            (
                u64::from(guest.bytes(OUT, 1)[0]),
                u64::from(guest.number(OUT + 4))
            ),
            (on, seconds)
        );
    }
    let udp = guest.open(Protocol::Udp, false);
    assert_eq!(guest.call("sock_set_ip_multicast_loop", &[udp, 0, 0]), OK);
    assert_eq!(
        guest.call("sock_get_ip_multicast_loop", &[udp, 0, OUT.into()]),
        OK
    );
    assert_eq!(guest.bytes(OUT, 1), [0]);
    guest.put_address("224.0.0.251:0");
    let loopback = u64::from(u32::from_le_bytes([127, 0, 0, 1]));
    assert_eq!(
        guest.call(
            "sock_set_ip_add_membership",
            &[udp, ADDRESS.into(), loopback]
        ),
        OK
    );
    assert_eq!(
        guest.call(
            "sock_set_ip_drop_membership",
            &[udp, ADDRESS.into(), loopback]
        ),
        OK
    );
    let again = guest.call(
        "sock_set_ip_drop_membership",
        &[udp, ADDRESS.into(), loopback],
    );
    assert_eq!(again, Errno::AddressNotAvailable.number());

    let mut nobody = device.guest(&[]);
    let udp = nobody.open(Protocol::Udp, false);
    nobody.put_address("224.0.0.251:0");
    let refused = nobody.call(
        "sock_set_ip_add_membership",
        &[udp, ADDRESS.into(), loopback],
    );
    assert_eq!(refused, Errno::Access.number());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let device = Device::new();
    let mut guest = device.guest(&["net"]);
    let tcp = guest.open(Protocol::Tcp, false);
    let invalid = Errno::Invalid.number();
    assert_eq!(guest.call("sock_set_ip_ttl", &[tcp, 0]), invalid);
    assert_eq!(guest.call("sock_set_ip_ttl", &[tcp, 256]), invalid);
    assert_eq!(guest.call("sock_set_tcp_keep_idle", &[tcp, 0]), invalid);
    assert_eq!(
        guest.call("sock_set_linger", &[tcp, 1, u64::from(u32::MAX)]),
        invalid
    );
    assert_eq!(
        guest.call("sock_set_broadcast", &[1, 1]),
        Errno::NotSocket.number()
    );
    assert_eq!(
        guest.call("sock_set_broadcast", &[99, 1]),
        Errno::BadDescriptor.number()
    );
    let arguments = |family, kind| [u64::from(u32::MAX), family, kind, OUT.into()];
    assert_eq!(
        guest.call("sock_open", &arguments(2, 1)),
        Errno::AddressFamilyNotSupported.number()
    );
    assert_eq!(
        guest.call("sock_open", &arguments(0, u64::from(u32::MAX))),
        invalid
    );
}
