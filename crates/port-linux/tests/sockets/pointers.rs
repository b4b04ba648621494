//! Every pointer, at the end of memory and past it.

use thimble_abi::calls::{self, Call, ParameterKind};
use thimble_abi::{CallSpec, Errno};
use thimble_runtime::port::Protocol;

use super::fixture::{ADDRESS, Device, MEMORY};

fn network_calls() -> impl Iterator<Item = &'static CallSpec> {
    calls::all().filter(|spec| matches!(spec.call, Call::Sock(_)) || spec.name.starts_with("sock_"))
}

#[test]
fn a_bad_pointer_is_a_fault_and_nothing_else() {
    let device = Device::new();
    for spec in network_calls() {
        let pointers = spec.parameters.iter().enumerate();
        let pointers = pointers.filter(|(_, parameter)| {
            matches!(parameter, ParameterKind::Pointer | ParameterKind::String)
        });
        for (place, _) in pointers {
            let name = spec.call.description().parameters[place];
            for bad in [MEMORY, MEMORY + 1, u32::MAX, u32::MAX - 3] {
                let mut guest = device.guest(&["net"]);
                let socket = guest.open(Protocol::Udp, false);
                guest.put_address("127.0.0.1:9");
                guest.nonblocking(socket);
                let before = guest.memory.clone();
                let mut arguments: Vec<u64> = spec
                    .parameters
                    .iter()
                    .map(|parameter| match *parameter {
                        ParameterKind::Descriptor => socket,
                        ParameterKind::Pointer | ParameterKind::String => ADDRESS.into(),
                        ParameterKind::Length => 1,
                        _ => 0,
                    })
                    .collect();
                arguments[place] = bad.into();
                let errno = guest.call(spec.name, &arguments);
                assert_eq!(errno, Errno::Fault.number(), "{} {name} {bad}", spec.name);
                assert_eq!(guest.memory, before, "{} {name}", spec.name);
            }
        }
    }
}

#[test]
fn lengths_that_overflow_are_faults() {
    let device = Device::new();
    let mut guest = device.guest(&["net"]);
    let socket = guest.open(Protocol::Udp, false);
    guest.put(128, &[0xFF; 8]);
    let errno = guest.call("sock_send", &[socket, 128, 1, 0, 16]);
    assert_eq!(errno, Errno::Fault.number());
    assert_eq!(
        guest.call("sock_send", &[socket, 128, 0, 0, 16]),
        Errno::Invalid.number()
    );
    assert_eq!(
        guest.call("sock_send", &[socket, 128, 1 << 29, 0, 16]),
        Errno::Invalid.number()
    );
    guest.put(256, b"127.0.0.1\0\0");
    let arguments = [256, 265, 700, 1024, 0x0924_924A, 16];
    assert_eq!(
        guest.call("sock_addr_resolve", &arguments),
        Errno::Fault.number()
    );
}
