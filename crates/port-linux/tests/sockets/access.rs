//! What the grants allow.

use thimble_abi::Errno;
use thimble_runtime::port::Protocol;

use super::fixture::{Device, OK};

/// Whether connecting is allowed, whatever becomes of it, and else the grant that is wanted.
fn connecting(grants: &[&str], protocol: Protocol, address: &str) -> Result<(), String> {
    let device = Device::new();
    let mut guest = device.guest(grants);
    let socket = guest.open(protocol, address.starts_with('['));
    match guest.connect(socket, address) {
        2 => Err(device.traces().concat()),
        _ => Ok(()),
    }
}

#[test]
fn connecting_is_refused_with_the_grant_that_would_allow_it() {
    use Protocol::{Tcp, Udp};
    let refused: &[(&[&str], Protocol, &str, &str)] = &[
        (&[], Tcp, "127.0.0.1:9", "net.connect:127.0.0.1:9"),
        (&[], Udp, "127.0.0.1:9", "net.connect:udp/127.0.0.1:9"),
        (&[], Tcp, "[::1]:9", "net.connect:[::1]:9"),
        (
            &["net.listen", "net.resolve"],
            Tcp,
            "127.0.0.1:9",
            "net.connect:127.0.0.1:9",
        ),
        (
            &["net.connect:udp/127.0.0.1:9"],
            Tcp,
            "127.0.0.1:9",
            "net.connect:127.0.0.1:9",
        ),
        (
            &["net.connect:127.0.0.1:8"],
            Tcp,
            "127.0.0.1:9",
            "net.connect:127.0.0.1:9",
        ),
        (
            &["net.connect:10.0.0.0/8"],
            Tcp,
            "127.0.0.1:9",
            "net.connect:127.0.0.1:9",
        ),
        (
            &["net.connect:example.org"],
            Tcp,
            "127.0.0.1:9",
            "net.connect:127.0.0.1:9",
        ),
        // Other ways to say this device.
        (
            &["net.connect:10.0.0.0/8"],
            Tcp,
            "0.0.0.0:9",
            "net.connect:127.0.0.1:9",
        ),
        (
            &["net.connect:0.0.0.0"],
            Tcp,
            "0.0.0.0:9",
            "net.connect:127.0.0.1:9",
        ),
        (
            &["net.connect:[::]:9"],
            Tcp,
            "[::]:9",
            "net.connect:[::1]:9",
        ),
        (
            &["net.connect:[::/0]:9"],
            Tcp,
            "[::ffff:127.0.0.1]:9",
            "net.connect:127.0.0.1:9",
        ),
        (
            &["net.connect:[::/0]:9"],
            Udp,
            "[::ffff:0.0.0.0]:9",
            "net.connect:udp/127.0.0.1:9",
        ),
    ];
    for (grants, protocol, address, wanted) in refused {
        assert_eq!(
            connecting(grants, *protocol, address),
            Err((*wanted).to_owned()),
            "{grants:?} {address}"
        );
        assert_eq!(
            connecting(&[wanted], *protocol, address),
            Ok(()),
            "{wanted}"
        );
    }
}

#[test]
fn connecting_is_allowed() {
    use Protocol::{Tcp, Udp};
    let allowed: &[(&str, Protocol, &str)] = &[
        ("net", Tcp, "127.0.0.1:9"),
        ("networking", Udp, "127.0.0.1:9"),
        ("net.connect", Tcp, "127.0.0.1:9"),
        ("net.connect:*:9", Tcp, "127.0.0.1:9"),
        ("net.connect:tcp/*:1-9", Tcp, "127.0.0.1:9"),
        ("net.connect:127.0.0.0/8:9", Tcp, "127.0.0.1:9"),
        ("net.connect:localhost:9", Tcp, "[::1]:9"),
        ("net.connect:localhost:9", Tcp, "0.0.0.0:9"),
        ("net.connect:127.0.0.1", Udp, "[::ffff:127.0.0.1]:9"),
        ("net.connect:[::ffff:127.0.0.1]:9", Tcp, "127.0.0.1:9"),
    ];
    for (grant, protocol, address) in allowed {
        assert_eq!(
            connecting(&[grant], *protocol, address),
            Ok(()),
            "{grant} {address}"
        );
    }
}

#[test]
fn a_grant_for_a_name_allows_what_the_name_gave() {
    let device = Device::with_names(&[
        ("plant.example", &["127.8.8.8", "192.0.2.1"]),
        ("other.example", &["192.0.2.2"]),
    ]);
    let mut guest = device.guest(&["net.connect:udp/plant.example:9"]);
    let socket = guest.open(Protocol::Udp, false);
    assert_eq!(
        guest.connect(socket, "192.0.2.1:9"),
        Errno::Access.number(),
        "not looked up yet"
    );
    assert_eq!(
        guest.resolve("PLANT.example.", "9", Some((0, 0)), 4),
        Err(Errno::NoEntry.number()),
        "as it is written"
    );
    assert_eq!(
        guest
            .resolve("plant.example", "9", Some((0, 0)), 4)
            .unwrap()
            .1,
        2
    );
    assert_ne!(guest.connect(socket, "192.0.2.1:9"), Errno::Access.number());
    assert_eq!(
        guest.connect(socket, "192.0.2.1:10"),
        Errno::Access.number()
    );
    assert_eq!(guest.connect(socket, "192.0.2.2:9"), Errno::Access.number());
    assert_eq!(
        guest.connect(socket, "127.8.8.8:9"),
        Errno::Access.number(),
        "a name must not lead to this device"
    );
    assert_eq!(
        guest.resolve("other.example", "", None, 4),
        Err(Errno::Access.number())
    );
    let wanted = [
        "net.connect:udp/192.0.2.1:9",
        "net.connect:udp/plant.example:10",
        "net.connect:udp/192.0.2.2:9",
        "net.connect:udp/127.8.8.8:9",
        "net.resolve:other.example",
    ];
    assert_eq!(device.traces(), wanted);
}

#[test]
fn binding_and_listening_need_the_port() {
    let device = Device::new();
    let mut guest = device.guest(&["net.listen:tcp/0", "net.connect:tcp/*"]);
    let socket = guest.open(Protocol::Tcp, false);
    assert_eq!(guest.bind(socket, "127.0.0.1:8080"), Errno::Access.number());
    assert_eq!(guest.bind(socket, "127.0.0.1:0"), OK);
    assert_eq!(guest.call("sock_listen", &[socket, 1]), OK);
    let datagrams = guest.open(Protocol::Udp, false);
    assert_eq!(guest.bind(datagrams, "127.0.0.1:0"), Errno::Access.number());
    assert_eq!(
        guest.call("sock_listen", &[datagrams, 1]),
        Errno::NotSupported.number()
    );

    let mut client = device.guest(&["net.connect:tcp/*"]);
    let socket = client.open(Protocol::Tcp, false);
    assert_eq!(client.bind(socket, "0.0.0.0:0"), OK, "as connecting would");
    assert_eq!(
        client.call("sock_listen", &[socket, 1]),
        Errno::Access.number()
    );
    let unbound = client.open(Protocol::Tcp, false);
    assert_eq!(
        client.call("sock_listen", &[unbound, 1]),
        Errno::Access.number()
    );
    let wanted = [
        "net.listen:tcp/8080",
        "net.listen:udp/0",
        "net.listen:tcp/0",
    ];
    assert_eq!(device.traces(), wanted);
}
