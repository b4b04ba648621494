//! Many containers, many cycles.

use thimble_device_api::{ContainerSpec, State};

use super::device::Device;
use super::guests::{IDLE, ends, plain};

/// Containers at once.
const MANY: usize = 300;
/// Containers one after the other.
const CYCLES: usize = 300;

#[test]
fn hundreds_of_containers_run_and_come_back() {
    let mut device = Device::started();
    device.image("idle", IDLE, plain());
    let client = device.client();
    for number in 0..MANY {
        let spec = ContainerSpec {
            name: Some(format!("c{number}")),
            restart: Some("always".into()),
            ..Device::spec("idle")
        };
        client.create(&spec, true).unwrap();
    }
    device.kill();
    device.start();
    let running = device.client().containers(false, None).unwrap();
    assert_eq!(running.len(), MANY);
    assert!(
        running
            .iter()
            .all(|container| container.state == State::Running)
    );
    assert_eq!(device.stop(), 0);
}

#[test]
fn one_after_the_other_leaves_nothing_behind() {
    let device = Device::started();
    device.image("hello", &ends("hello", 0), plain());
    let client = device.client();
    let open = || {
        std::fs::read_dir(format!("/proc/{}/fd", device.pid()))
            .unwrap()
            .count()
    };
    let mut before = 0;
    for cycle in 0..CYCLES {
        let spec = ContainerSpec {
            name: Some("cycle".into()),
            ..Device::spec("hello")
        };
        client.create(&spec, true).unwrap();
        assert_eq!(client.wait_ended("cycle").unwrap().exit_code, 0);
        client.remove("cycle", false, false).unwrap();
        if cycle == 50 {
            before = open();
        }
    }
    assert!(
        open() <= before + 4,
        "{before} descriptors have become {}",
        open()
    );
    assert_eq!(device.states(), 0);
    let logs = std::fs::read_dir(device.root().join("daemon/logs"));
    assert_eq!(logs.map_or(0, Iterator::count), 0);
}
