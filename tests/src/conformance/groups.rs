//! One group of checks, one guest: what each is given, and what else must have happened.

use std::os::unix::fs::symlink;

use thimble_runtime::engine::TrapKind;
use thimble_runtime::limits::Limits;
use thimble_runtime::record::End;

use super::device::{Device, Setup};
use super::on_every_engine;

/// A guest, and what runs it.
type Group = (&'static str, fn(&Device));

/// All groups.
pub(super) const GROUPS: [Group; 10] = [
    ("files", files),
    ("directories", directories),
    ("process", process),
    ("tcp", tcp),
    ("udp", udp),
    ("options", options),
    ("env", env),
    ("thimble", thimble),
    ("refused", refused),
    ("limits", limits),
];

on_every_engine! {
    files directories process tcp udp options env thimble refused limits
    signals_and_codes_end_the_guest
}

fn files(device: &Device) {
    let mut setup = Setup::new("files", &["fs"]);
    let data = device.folder("files");
    setup.mounts.push(("/data", data, false));
    device.passes(setup);
}

fn directories(device: &Device) {
    let mut setup = Setup::new("directories", &["fs"]);
    let outside = device.folder("directories");
    let [data, fixed, other] = ["data", "fixed", "other"].map(|name| outside.join(name));
    for folder in [&data, &fixed, &other, &fixed.join("inner")] {
        std::fs::create_dir(folder).unwrap();
    }
    std::fs::write(outside.join("secret"), "secret").unwrap();
    std::fs::write(fixed.join("note"), "fixed").unwrap();
    symlink("../secret", data.join("out")).unwrap();
    symlink("../secret", fixed.join("out")).unwrap();
    setup.mounts = vec![
        ("/data", data.clone(), false),
        ("/fixed", fixed.clone(), true),
        ("/other", other, false),
    ];
    device.passes(setup);
    assert_eq!(
        std::fs::read(outside.join("secret")).unwrap(),
        b"secret",
        "nothing outside the mounts was changed"
    );
    assert_eq!(std::fs::read(data.join("twin")).unwrap(), b"1");
    assert_eq!(std::fs::read_dir(fixed).unwrap().count(), 3);
}

fn process_setup() -> Setup {
    let mut setup = Setup::new("process", &[]);
    setup.config.args = ["process", "", "two words", "π"].map(String::from).into();
    setup.config.env = [("A", "bc"), ("EMPTY", "")]
        .map(|(name, value)| (name.into(), value.into()))
        .into();
    setup
}

fn process(device: &Device) {
    device.passes(process_setup());
    let mut setup = process_setup();
    setup.config.args.push("exit".into());
    assert_eq!(device.run(setup).0, End::Exited(77));
}

fn signals_and_codes_end_the_guest(device: &Device) {
    for (signal, name) in [(2, "int"), (6, "abrt"), (9, "kill"), (15, "term")] {
        let mut setup = process_setup();
        setup.config.args.push(signal.to_string());
        let (End::Trapped(trap), _) = device.run(setup) else {
            panic!("signal {signal} did not end the guest");
        };
        assert_eq!(trap.kind, TrapKind::Signal);
        assert_eq!(trap.detail, name);
    }
}

fn tcp(device: &Device) {
    let mut setup = Setup::new("tcp", &["net"]);
    setup.listener = Some(device.listener());
    device.passes(setup);
}

fn udp(device: &Device) {
    device.passes(Setup::new("udp", &["net"]));
}

fn options(device: &Device) {
    device.passes(Setup::new("options", &[]));
}

fn env(device: &Device) {
    device.passes(Setup::new(
        "env",
        &[
            "timer",
            "gpio:led0",
            "gpio:sw0",
            "sensor:temp",
            "sensor:climate",
            "bus.pub:conform/#",
            "bus.sub:conform/#",
        ],
    ));
}

fn thimble(device: &Device) {
    let grants = [
        "timer",
        "kv",
        "gpio:led0",
        "gpio:sw0",
        "sensor:climate",
        "bus.pub:conform/#",
        "bus.sub:conform/#",
    ];
    let told = device.passes(Setup::new("thimble", &grants));
    for line in [
        "log 2 a line of the log",
        "log 4 ",
        "health Degraded not at my best",
        "refused sensor:temp",
    ] {
        assert!(told.iter().any(|told| told == line), "{line}: {told:?}");
    }
}

fn refused(device: &Device) {
    let mut setup = Setup::new("refused", &[]);
    setup
        .mounts
        .push(("/data", device.folder("refused"), false));
    let told = device.passes(setup);
    for grant in [
        "fs",
        "net.listen:tcp/0",
        "net.listen:udp/9",
        "net.connect:127.0.0.1:9",
        "net.connect:udp/127.0.0.1:9",
        "net.resolve:localhost",
        "timer",
        "bus.pub:topic",
        "bus.sub:topic",
        "gpio",
        "gpio:led0",
        "gpio:nothing",
        "sensor",
        "sensor:temp",
        "kv",
    ] {
        let line = format!("refused {grant}");
        assert!(told.contains(&line), "{line}: {told:?}");
    }
}

fn limits(device: &Device) {
    let grants = ["fs", "net", "timer", "kv", "bus.pub:#", "bus.sub:#"];
    let mut setup = Setup::new("limits", &grants);
    setup.mounts.push(("/data", device.folder("limits"), false));
    setup.config.limits = Limits {
        memory_bytes: 1 << 20,
        descriptors: 8,
        sockets: 2,
        timers: 3,
        subscriptions: 2,
        queue_messages: 3,
        message_bytes: 64,
        store_bytes: 256,
        ..Limits::default()
    };
    let told = device.passes(setup);
    for limit in [
        "memory",
        "descriptors",
        "sockets",
        "timers",
        "subscriptions",
        "message_bytes",
        "store_bytes",
    ] {
        let line = format!("limit {limit}");
        assert!(told.contains(&line), "{line}: {told:?}");
    }
}
