//! Every way a guest can wait or compute, and every way to end or hold it meanwhile.

use std::io::{PipeWriter, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use thimble_runtime::kernel::{Asked, State};
use thimble_runtime::record::End;

use super::device::{Device, Setup, Started};
use super::on_every_engine;

/// Modes of the guest `waits` in which it computes without end.
const BUSY: [&str; 3] = ["spin", "yield", "clock"];
/// Modes in which it waits in one call without end.
const BLOCKED: [&str; 6] = ["sleep", "poll", "read", "accept", "receive", "send"];

on_every_engine! {
    kill_ends_every_wait stop_ends_every_wait a_timeout_ends_every_wait
    pause_holds_a_busy_guest pause_holds_a_wait_that_is_over
    a_held_guest_is_ended_like_any_other
    a_guest_that_hears_of_a_stop_chooses_its_end
    a_guest_that_wants_to_be_asked_answers
}

/// A guest that waits in this mode, and the other end of its standard input.
fn waits(device: &Device, mode: &str) -> (Setup, PipeWriter) {
    let mut setup = Setup::new("waits", &["net"]);
    setup.config.args.push(mode.to_owned());
    setup.listener = Some(device.listener());
    let (reader, writer) = std::io::pipe().unwrap();
    setup.stdin = Some(device.input(&reader));
    (setup, writer)
}

/// Runs the device until the guest has said that it is ready and has given the processor back since.
fn until_ready(device: &Device, started: &Started) {
    device.machine.run_until(|machine| {
        let ran = machine.usage(started.id).unwrap().slices > 0;
        let ready = started.output.text().starts_with("ready\n");
        ran && ready || machine.state(started.id) != Some(State::Running)
    });
    assert_eq!(
        device.machine.state(started.id),
        Some(State::Running),
        "{} {:?}",
        started.output.text(),
        device.machine.record(started.id)
    );
}

/// Runs the device until the container has ended; how.
fn ended(device: &Device, started: &Started) -> End {
    device.machine.run_until(|machine| {
        !matches!(
            machine.state(started.id),
            Some(State::Running | State::Paused)
        )
    });
    device.machine.record(started.id).unwrap().end
}

/// Does something to a guest in every mode, and checks how it ends.
fn in_every_mode(device: &Device, act: impl Fn(&Started), expected: &End) {
    for mode in BUSY.iter().chain(&BLOCKED) {
        let (setup, _input) = waits(device, mode);
        let started = device.start(setup);
        until_ready(device, &started);
        act(&started);
        assert_eq!(&ended(device, &started), expected, "{mode}");
        assert_eq!(started.output.text(), "ready\n", "{mode}");
    }
}

fn kill_ends_every_wait(device: &Device) {
    let kill = |started: &Started| device.machine.kill(started.id).unwrap();
    in_every_mode(device, kill, &End::Killed);
}

fn stop_ends_every_wait(device: &Device) {
    let stop = |started: &Started| device.machine.stop(started.id).unwrap();
    in_every_mode(device, stop, &End::Stopped);
}

fn a_timeout_ends_every_wait(device: &Device) {
    for mode in BUSY.iter().chain(&BLOCKED) {
        let (mut setup, _input) = waits(device, mode);
        setup.config.timeout = Some(Duration::from_millis(30));
        assert_eq!(device.run(setup).0, End::TimedOut, "{mode}");
    }
}

/// Runs another guest for a few slices: time enough for one that is not held.
fn let_others_run(device: &Device) {
    let other = device.start(waits(device, "spin").0);
    device
        .machine
        .run_until(|machine| machine.usage(other.id).unwrap().slices >= 3);
    device.machine.kill(other.id).unwrap();
    ended(device, &other);
}

fn pause_holds_a_busy_guest(device: &Device) {
    for mode in BUSY {
        let started = device.start(waits(device, mode).0);
        until_ready(device, &started);
        let slices = || device.machine.usage(started.id).unwrap().slices;
        device.machine.pause(started.id).unwrap();
        let before = slices();
        let_others_run(device);
        assert_eq!(slices(), before, "{mode}");
        assert_eq!(device.machine.state(started.id), Some(State::Paused));
        device.machine.unpause(started.id).unwrap();
        device.machine.run_until(|_| slices() > before);
        device.machine.pause(started.id).unwrap();
        device.machine.kill(started.id).unwrap();
        assert_eq!(ended(device, &started), End::Killed, "{mode}");
    }
}

fn pause_holds_a_wait_that_is_over(device: &Device) {
    for mode in ["nap", "read", "accept", "poll"] {
        let (setup, mut input) = waits(device, mode);
        let listener = setup.listener.as_ref().unwrap();
        let address = listener.local_address().unwrap();
        let started = device.start(setup);
        if mode != "nap" {
            until_ready(device, &started);
        }
        device.machine.pause(started.id).unwrap();
        // What it waits for comes while it is held.
        input.write_all(b"x").unwrap();
        let _client = TcpStream::connect(address).unwrap();
        let_others_run(device);
        assert_eq!(device.machine.state(started.id), Some(State::Paused));
        assert!(!started.output.text().contains("done"), "{mode}");
        device.machine.unpause(started.id).unwrap();
        assert_eq!(ended(device, &started), End::Exited(9), "{mode}");
        assert_eq!(started.output.text(), "ready\ndone\n", "{mode}");
    }
}

fn a_held_guest_is_ended_like_any_other(device: &Device) {
    for mode in ["spin", "sleep"] {
        for expected in [End::Killed, End::Stopped, End::TimedOut] {
            let (mut setup, _input) = waits(device, mode);
            if expected == End::TimedOut {
                // Long enough to be held before it.
                setup.config.timeout = Some(Duration::from_secs(2));
            }
            let started = device.start(setup);
            until_ready(device, &started);
            device.machine.pause(started.id).unwrap();
            match expected {
                End::Killed => device.machine.kill(started.id).unwrap(),
                End::Stopped => device.machine.stop(started.id).unwrap(),
                _ => {}
            }
            assert_eq!(ended(device, &started), expected, "{mode}");
        }
    }
}

fn a_guest_that_hears_of_a_stop_chooses_its_end(device: &Device) {
    for (mode, output, expected) in [
        ("obeys", "ready\ntold\n", End::Exited(5)),
        ("ignores", "ready\ntold\n", End::Killed),
        ("busy", "ready\n", End::Killed),
    ] {
        let mut setup = Setup::new("stops", &[]);
        setup.config.args.push(mode.to_owned());
        setup.config.stop_grace = match mode {
            "obeys" => Duration::from_secs(60),
            // It must have heard of it before it is killed.
            "ignores" => Duration::from_secs(1),
            _ => Duration::from_millis(30),
        };
        let started = device.start(setup);
        until_ready(device, &started);
        device.machine.stop(started.id).unwrap();
        assert_eq!(ended(device, &started), expected, "{mode}");
        assert_eq!(started.output.text(), output, "{mode}");
    }
}

pub(super) fn a_guest_that_wants_to_be_asked_answers(device: &Device) {
    let mut setup = Setup::new("stops", &[]);
    setup.config.args.push("vetoes".to_owned());
    let started = device.start(setup);
    until_ready(device, &started);
    let time = Duration::from_secs(60);
    let asked = device.machine.ask_update(started.id, 7, time).unwrap();
    assert_eq!(asked, Asked::Asked);
    assert_eq!(
        ended(device, &started),
        End::Exited(6),
        "{}",
        started.output.text()
    );
    assert_eq!(started.output.text(), "ready\ntold\n");
    assert!(
        device
            .told()
            .iter()
            .any(|told| told == "update 7 false busy"),
        "{:?}",
        device.told()
    );
}
