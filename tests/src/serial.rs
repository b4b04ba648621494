//! `thimble device` over a serial line, before a device of the testkit: the real link and console, containers that pretend.

use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use thimble_testkit::serial_device::SerialDevice;

use crate::command::{Outcome, Place};

const MODULE: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;

/// A device that any number of commands ask, one after the other.
struct Bench {
    place: Place,
    device: Arc<Mutex<SerialDevice>>,
}

impl Bench {
    fn new() -> Self {
        let place = Place::new();
        place.file(
            "hello.wasm",
            wat::Parser::new().parse_str(None, MODULE).unwrap(),
        );
        let device = Arc::new(Mutex::new(SerialDevice::new(2048)));
        let listener = UnixListener::bind(place.path().join("uart")).unwrap();
        let serving = device.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serving.lock().unwrap().serve(&mut stream.unwrap());
            }
        });
        Self { place, device }
    }

    /// Asks the device, with the port in the environment.
    fn ask(&self, arguments: &[&str]) -> Outcome {
        self.ask_with_input(arguments, b"")
    }

    fn ask_with_input(&self, arguments: &[&str], input: &[u8]) -> Outcome {
        use std::io::Write as _;
        let mut command = self.place.command();
        let mut child = command
            .env("THIMBLE_SERIAL", "unix:uart")
            .env("THIMBLE_ROOT", self.place.path().join("root"))
            .arg("device")
            .args(arguments)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        Outcome {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let outcome = self.ask(arguments);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        serde_json::from_str(&outcome.stdout).unwrap()
    }

    /// How often the device was asked for something.
    fn asked(&self, what: &str) -> usize {
        let device = self.device.lock().unwrap();
        let names = device.asked.iter().map(|request| format!("{request:?}"));
        names.filter(|name| name.starts_with(what)).count()
    }
}

#[test]
fn a_file_is_installed_once_and_run() {
    let bench = Bench::new();
    let run = [
        "run",
        "--rm",
        "-e",
        "SAY=hello",
        "-e",
        "EXIT=7",
        "hello.wasm",
        "an argument",
    ];
    let first = bench.ask(&run);
    assert_eq!(
        (first.code, first.stdout.as_str()),
        (7, "hello\n"),
        "{first:?}"
    );
    assert!(first.stderr.contains("installed hello"), "{first:?}");
    assert!(first.stderr.contains("run with --allow timer"), "{first:?}");
    let second = bench.ask(&run);
    assert_eq!(
        (second.code, second.stdout.as_str()),
        (7, "hello\n"),
        "{second:?}"
    );
    assert_eq!(bench.asked("InstallBegin"), 1);
    assert_eq!(bench.asked("Remove "), 2);
    assert_eq!(bench.json(&["ps", "-a", "--json"]), Value::Array(vec![]));
}

#[test]
fn an_image_has_the_same_digest_everywhere() {
    let bench = Bench::new();
    let root = bench.place.path().join("root");
    let mut build = bench.place.command();
    build.env("THIMBLE_ROOT", &root);
    let built = build
        .args(["build", "-t", "line1/pump:1", "--json", "hello.wasm"])
        .output()
        .unwrap();
    let built: Value = serde_json::from_slice(&built.stdout).unwrap();
    let of_file = bench.json(&["install", "--json", "--tag", "other:2", "hello.wasm"]);
    assert_eq!(of_file["digest"], built["digest"]);
    let of_image = bench.json(&["install", "--json", "line1/pump:1"]);
    assert_eq!(of_image["digest"], built["digest"]);
    let images = bench.json(&["images", "--json"]);
    assert_eq!(images[0]["digest"], built["digest"]);
    assert_eq!(images.as_array().unwrap().len(), 1);
    assert_eq!(bench.asked("InstallEnd"), 1);
    let run = bench.ask(&["run", "line1/pump:1"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(bench.asked("InstallBegin"), 2);
}

#[test]
fn containers_live() {
    let bench = Bench::new();
    let run = [
        "run",
        "-d",
        "--name",
        "pump",
        "-e",
        "FOREVER=1",
        "-e",
        "SAY=one",
        "-m",
        "64k",
        "hello.wasm",
    ];
    let run = bench.ask(&run);
    assert_eq!((run.code, run.stdout.as_str()), (0, "pump\n"), "{run:?}");
    let listed = bench.ask(&["ps"]).stdout;
    assert!(
        listed.contains("pump") && listed.contains("Up 1 second"),
        "{listed}"
    );
    assert_eq!(bench.ask(&["logs", "pump"]).stdout, "one\n");
    let refused = bench.ask(&["rm", "pump"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (125, ""));
    assert_eq!(
        refused.stderr,
        "thimble: pump: it runs; stop it first, or use -f\n"
    );
    for command in ["pause", "unpause", "restart", "stop", "start"] {
        let outcome = bench.ask(&[command, "pump"]);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (0, "pump\n"),
            "{outcome:?}"
        );
    }
    let stats = bench.json(&["stats", "--json"]);
    assert_eq!(stats[0]["memory_bytes"], 65_536);
    assert_eq!(bench.ask(&["kill", "pump"]).code, 0);
    let inspected = bench.json(&["inspect", "--json", "pump"]);
    assert_eq!(inspected["state"], "failed");
    assert_eq!(inspected["end"]["exit_code"], 137);
    let records = bench.ask(&["records", "--format", "{{ reason }}", "pump"]);
    assert_eq!(records.stdout, "killed\nstopped\nstopped\n");
    let both = bench.ask(&["rm", "gone", "pump"]);
    assert_eq!((both.code, both.stdout.as_str()), (127, "pump\n"));
    assert_eq!(both.stderr, "thimble: gone: there is no container gone\n");
}

#[test]
fn the_device_is_shown() {
    let bench = Bench::new();
    for arguments in [&["--serial", "unix:uart"][..], &["info"]] {
        let shown = bench.ask(arguments);
        assert!(shown.stdout.contains("testkit"), "{shown:?}");
    }
    assert_eq!(bench.json(&["info", "--json"])["message_bytes_max"], 2048);
    assert_eq!(bench.json(&["df", "--json"])["log_records"], 7);
    assert_eq!(
        bench.json(&["time", "--set", "--json"])["time"],
        "2000-02-29T12:34:56Z"
    );
    assert!(bench.ask(&["fault"]).stdout.contains("0xdeadbeef"));
    assert_eq!(bench.ask(&["fault", "--clear"]).code, 0);
    assert_eq!(bench.ask(&["fault"]).stdout, "no fault is recorded\n");
    assert_eq!(bench.ask(&["reboot"]).code, 0);
    assert_eq!(bench.ask(&["factory-reset", "--yes"]).code, 0);
    assert_eq!(bench.asked("FactoryReset"), 1);
}

#[test]
fn what_is_wrong_is_told() {
    let bench = Bench::new();
    let told = |arguments: &[&str], code: i32, expected: &str| {
        let outcome = bench.ask(arguments);
        assert_eq!(outcome.code, code, "{outcome:?}");
        assert!(outcome.stderr.contains(expected), "{outcome:?}");
    };
    told(&["factory-reset"], 125, "--yes");
    told(
        &["--serial", "tcp:nowhere", "ps"],
        125,
        "must be a serial port",
    );
    told(
        &["--serial", "/dev/ttyNOPE", "ps"],
        125,
        "there is no such port",
    );
    told(&["inspect", "gone"], 127, "there is no container gone");
    told(&["run", "gone.wasm"], 127, "there is no such file");
    told(
        &["run", "-m", "5q", "hello.wasm"],
        125,
        "--memory 5q: must be a size",
    );
    told(
        &["run", "--allow", "everything", "hello.wasm"],
        125,
        "--allow everything",
    );
    told(&["run", "--name", "A", "hello.wasm"], 125, "--name A");
    told(&["rmi", "gone:1"], 127, "there is no such image");
    told(&["--json", "ps"], 125, "stands behind the command");
    let nowhere = bench.place.thimble(["device", "ps"]);
    assert_eq!(nowhere.code, 125);
    assert!(
        nowhere.stderr.contains("name the port of the device"),
        "{nowhere:?}"
    );
}

#[test]
fn the_console_takes_scripts() {
    let bench = Bench::new();
    assert_eq!(bench.ask(&["install", "hello.wasm"]).code, 0);
    let script = b"run -d --name pump -e FOREVER=1 hello:latest\nps\n";
    let shown = bench.ask_with_input(&["console"], script);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.stdout.contains("Up 1s"), "{shown:?}");
    // It is on the device alone, and the tag need not be said.
    let run = bench.ask(&["run", "hello"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(bench.asked("InstallBegin"), 1);
}
