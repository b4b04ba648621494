//! A device over a real terminal, a socket, a bad line, and no device at all.

#![expect(
    clippy::unwrap_used,
    reason = "everything here is a test and may stop at the first surprise"
)]

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use thimble_image::Digest;
use thimble_port_serial::{
    Address, Client, Heard, Package, SerialError, Settings, TextSink, Watcher, Wish,
};
use thimble_serial::link::Timing;
use thimble_serial::{Declaration, LogEntry, RefusalKind, Reply, Request, RunState};
use thimble_testkit::random::Random;
use thimble_testkit::serial_device::SerialDevice;

const QUICK: Settings = Settings {
    baud: 115_200,
    timing: Timing {
        repeat_ms: 150,
        tries_max: 3,
    },
    patience: Duration::from_secs(20),
};

/// A device behind a socket in a folder of its own.
struct Bench {
    folder: tempfile::TempDir,
    device: JoinHandle<SerialDevice>,
}

impl Bench {
    fn new(device: SerialDevice) -> Self {
        Self::with(device, |stream| stream)
    }

    /// The same with something between the device and the line.
    fn with<L: Read + Write>(
        mut device: SerialDevice,
        wrap: impl FnOnce(UnixStream) -> L + Send + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("uart")).unwrap();
        let device = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            device.serve(&mut wrap(stream));
            device
        });
        Self { folder, device }
    }

    fn address(&self) -> Address {
        Address::Unix(self.folder.path().join("uart"))
    }

    fn client(&self) -> Client {
        Client::open(&self.address(), QUICK, None).unwrap()
    }

    /// What the device was asked.
    fn asked(self) -> Vec<Request> {
        self.device.join().unwrap().asked
    }
}

/// Sees what is written, and wishes one thing after the other.
#[derive(Default)]
struct Seen {
    text: String,
    wishes: Vec<Wish>,
}

impl Watcher for Seen {
    fn wrote(&mut self, entries: &[LogEntry], _: u64) -> ControlFlow<()> {
        for entry in entries {
            self.text += std::str::from_utf8(&entry.bytes).unwrap();
        }
        ControlFlow::Continue(())
    }

    fn wish(&mut self) -> Option<Wish> {
        (!self.wishes.is_empty()).then(|| self.wishes.remove(0))
    }
}

fn module(bytes: usize) -> Vec<u8> {
    Random::new(3).bytes(bytes)
}

/// Installs a module, tells the digest, and checks that progress was told to the end.
fn install(client: &mut Client, layer: &[u8]) -> Result<String, SerialError> {
    let manifest = format!("{{\"layer\": \"{}\"}}", Digest::of(layer));
    let package = Package {
        manifest: manifest.as_bytes(),
        config: b"{}",
        layer,
        reference: "line1/pump:1",
    };
    let mut last = (0, u32::try_from(layer.len()).unwrap());
    let digest = client.install(&package, &mut |done, all| last = (done, all))?;
    assert_eq!(digest, Digest::of(package.manifest).to_string());
    assert!(last.0 == 0 || last.0 == last.1, "{last:?}");
    Ok(digest)
}

fn declared(name: &str, env: &[&str]) -> Declaration {
    Declaration {
        name: name.into(),
        image: "line1/pump:1".into(),
        env: env.iter().map(|text| (*text).into()).collect(),
        ..Declaration::default()
    }
}

#[test]
fn a_terminal_is_a_port() {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let path: PathBuf = ptsname(&ours, Vec::new())
        .unwrap()
        .into_string()
        .unwrap()
        .into();
    let mut line = std::fs::File::from(ours);
    let device = std::thread::spawn(move || {
        let mut device = SerialDevice::new(1024);
        device.serve(&mut line);
        device.asked
    });
    let mut client = Client::open(&Address::Port(path.clone()), QUICK, None).unwrap();
    install(&mut client, &module(20_000)).unwrap();
    // Another program would take bytes away; root may all the same.
    if !rustix_is_root() {
        let second = Client::open(&Address::Port(path), QUICK, None).unwrap_err();
        assert!(second.to_string().contains("another program"), "{second}");
    }
    drop(client);
    let asked = device.join().unwrap();
    assert!(asked.contains(&Request::InstallEnd));
}

fn rustix_is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt as _;
        own.uid() == 0
    })
}

#[test]
fn a_socket_is_a_port() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp:{}", listener.local_addr().unwrap());
    let device = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        SerialDevice::new(512).serve(&mut stream);
    });
    let mut client = Client::open(&address.parse().unwrap(), QUICK, None).unwrap();
    assert_eq!(client.message_bytes_max(), 512);
    assert_eq!(client.ask_device().unwrap().board, "testkit");
    drop(client);
    device.join().unwrap();
}

#[test]
fn an_image_travels_in_parts_once() {
    let bench = Bench::new(SerialDevice::new(300));
    let mut client = bench.client();
    let layer = module(10_000);
    let digest = install(&mut client, &layer).unwrap();
    assert_eq!(install(&mut client, &layer).unwrap(), digest);
    let images = client.images().unwrap();
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].digest, digest);
    assert_eq!(images[0].module_bytes, 10_000);
    drop(client);
    let asked = bench.asked();
    let begun = asked
        .iter()
        .filter(|one| matches!(one, Request::InstallBegin { .. }))
        .count();
    let parts = asked
        .iter()
        .filter(|one| matches!(one, Request::InstallPart { .. }))
        .count();
    // A manifest as in `install`, and `{}`, come before the layer.
    let whole = 10_000 + 85 + 2_usize;
    assert_eq!((begun, parts), (2, whole.div_ceil(300 - 16)));
}

#[test]
fn an_empty_module_is_only_documents() {
    let bench = Bench::new(SerialDevice::new(300));
    install(&mut bench.client(), b"").unwrap();
}

#[test]
fn a_device_that_restarts_is_given_the_image_again() {
    let mut device = SerialDevice::new(300);
    device.forget_after(5);
    let bench = Bench::new(device);
    install(&mut bench.client(), &module(5000)).unwrap();
}

#[test]
fn documents_may_be_longer_than_a_message() {
    let bench = Bench::new(SerialDevice::new(300));
    let mut client = bench.client();
    let mut manifest = format!("{{\"layer\": \"{}\"}}", Digest::of(b"module")).into_bytes();
    manifest.resize(1000, b' ');
    let package = Package {
        manifest: &manifest,
        config: &[b' '; 700],
        layer: b"module",
        reference: "a:1",
    };
    let digest = client.install(&package, &mut |_, _| ()).unwrap();
    assert_eq!(digest, Digest::of(&manifest).to_string());
}

/// A line on which bytes are damaged on their way to the client.
struct BadLine {
    stream: UnixStream,
    random: Random,
}

impl Read for BadLine {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.damage(&mut buffer[..count]);
        Ok(count)
    }
}

impl Write for BadLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut bytes = bytes.to_vec();
        self.damage(&mut bytes);
        self.stream.write(&bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BadLine {
    fn damage(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.random.below(3000) == 0 {
                *byte ^= 0x40;
            }
        }
    }
}

#[test]
fn a_bad_line_takes_longer() {
    let bench = Bench::with(SerialDevice::new(512), |stream| BadLine {
        stream,
        random: Random::new(11),
    });
    let settings = Settings {
        timing: Timing {
            repeat_ms: 60,
            tries_max: 100,
        },
        ..QUICK
    };
    let mut client = Client::open(&bench.address(), settings, None).unwrap();
    install(&mut client, &module(20_000)).unwrap();
    let mut seen = Seen::default();
    let env = ["SAY=one", "SAY=two", "SAY=three", "EXIT=7"];
    let ended = client
        .run(declared("pump", &env), &mut seen)
        .unwrap()
        .unwrap();
    assert_eq!(ended.end.unwrap().exit_code, 7);
    assert_eq!(seen.text, "one\ntwo\nthree\n");
    drop(client);
    let created = bench
        .asked()
        .into_iter()
        .filter(|one| matches!(one, Request::Create { .. }))
        .count();
    assert_eq!(created, 1, "it is carried out once");
}

#[test]
fn a_container_that_runs_for_ever_is_stopped_and_killed() {
    let bench = Bench::new(SerialDevice::new(512));
    let mut client = bench.client();
    install(&mut client, b"module").unwrap();
    for (wish, code) in [(Wish::Stop, 143), (Wish::Kill, 137)] {
        let mut seen = Seen {
            wishes: vec![wish],
            ..Seen::default()
        };
        let declaration = declared("pump", &["SAY=hello", "FOREVER=1"]);
        let ended = client.run(declaration, &mut seen).unwrap().unwrap();
        assert_eq!(ended.end.unwrap().exit_code, code);
        assert_eq!(seen.text, "hello\n");
        client
            .done(&Request::Remove {
                name: "pump".into(),
                force: false,
            })
            .unwrap();
    }
    let mut seen = Seen {
        wishes: vec![Wish::Leave],
        ..Seen::default()
    };
    let declaration = declared("pump", &["FOREVER=1"]);
    assert!(client.run(declaration, &mut seen).unwrap().is_none());
    assert_eq!(client.inspect("pump").unwrap().state, RunState::Running);
}

#[test]
fn refusals_are_errors() {
    let bench = Bench::new(SerialDevice::new(512));
    let mut client = bench.client();
    let error = client.inspect("gone").unwrap_err();
    assert!(error.is_not_found());
    assert_eq!(error.to_string(), "there is no container gone");
    let error = client.create(declared("pump", &[]), false).unwrap_err();
    assert_eq!(error.refusal().unwrap().kind, RefusalKind::NotFound);
    assert_eq!(client.containers().unwrap(), []);
    assert!(matches!(
        client.request(&Request::Fault),
        Ok(Reply::Fault(_))
    ));
}

#[test]
fn what_the_console_says_is_heard_beside() {
    let bench = Bench::new(SerialDevice::new(512));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = heard.clone();
    let sink: TextSink = Box::new(move |text| kept.lock().unwrap().extend_from_slice(text));
    let mut client = Client::open(&bench.address(), QUICK, Some(sink)).unwrap();
    client.idle(Duration::from_millis(50)).unwrap();
    let text = String::from_utf8(heard.lock().unwrap().clone()).unwrap();
    assert!(text.starts_with("a device for tests\r\n"), "{text:?}");
}

/// What is told when somebody else is at the other end.
fn told(say: &'static [u8]) -> SerialError {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("uart")).unwrap();
    let peer = std::thread::spawn(move || {
        let (mut device, _) = listener.accept().unwrap();
        device.write_all(say).unwrap();
        let mut rest = Vec::new();
        device.read_to_end(&mut rest).unwrap();
    });
    let address = Address::Unix(folder.path().join("uart"));
    let error = Client::open(&address, QUICK, None).unwrap_err();
    peer.join().unwrap();
    error
}

#[test]
fn what_is_wrong_is_told() {
    for (say, expected) in [
        (&b""[..], Heard::Nothing),
        (b"U-Boot 2024\r\n=> ", Heard::Text),
        (b"\xf8\x80\xfe\x83\xf8\x9c", Heard::Noise),
    ] {
        match told(say) {
            SerialError::Silent {
                heard, tries: 3, ..
            } => assert_eq!(heard, expected),
            other => panic!("{other:?}"),
        }
    }
    let open = |text: &str| {
        let error = Client::open(&text.parse().unwrap(), QUICK, None).unwrap_err();
        error.to_string()
    };
    assert!(open("/dev/ttyNOPE9").contains("there is no such port"));
    assert!(open("unix:/nowhere/uart").contains("is the emulator running"));
    assert!(open("/dev/null").contains("it is no serial port"));
}

#[test]
fn a_device_that_goes_away_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("uart")).unwrap();
    let peer = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let address = Address::Unix(folder.path().join("uart"));
    let error = Client::open(&address, QUICK, None).unwrap_err();
    assert!(matches!(error, SerialError::Lost { .. }), "{error:?}");
    peer.join().unwrap();
}

#[test]
fn addresses() {
    for text in [
        "/dev/ttyUSB0",
        "COM3",
        "unix:/run/uart",
        "tcp:localhost:4444",
        "tcp:[::1]:1",
    ] {
        assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
    }
    for text in ["", "unix:", "tcp:", "tcp:host", "tcp::1", "tcp:host:99999"] {
        assert!(text.parse::<Address>().is_err(), "{text}");
    }
}
