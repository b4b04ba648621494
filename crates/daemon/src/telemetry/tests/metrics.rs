//! The text for Prometheus, and the way it is asked for.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{device, still};
use crate::telemetry::{CONNECTIONS_MAX, CONTENT_TYPE, DeviceFigures, prometheus, serve};

/// When a test gives up.
const DEADLINE: Duration = Duration::from_secs(60);
const GOLDEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/telemetry/tests/metrics.txt"
);

#[test]
fn the_text_is_as_it_was() {
    let text = prometheus(&device());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(GOLDEN, &text).unwrap();
    }
    let golden = std::fs::read_to_string(GOLDEN).unwrap();
    assert_eq!(text, golden, "if it is meant: UPDATE=1");
}

#[test]
fn prometheus_itself_finds_no_fault() {
    let mut many = device();
    many.containers = (0..100)
        .map(|number| super::container(&number.to_string()))
        .collect();
    for figures in [device(), DeviceFigures::default(), many] {
        let mut tool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("promtool: {error}; install it: apt-get install prometheus")
            });
        // The tool reads the older text, which has neither these lines nor the type `info`.
        let text: String = prometheus(&figures)
            .lines()
            .filter(|line| !line.starts_with("# UNIT") && *line != "# EOF")
            .map(|line| older(line) + "\n")
            .collect();
        tool.stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = tool.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{text}");
    }
}

/// Ends a process when the test does.
struct Ends(std::process::Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn prometheus_itself_takes_what_is_served() {
    let address = start();
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: device\n  \
         static_configs: [{{targets: ['{address}']}}]\n"
    );
    std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    let own = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let server = Command::new("prometheus")
        .current_dir(&folder)
        .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
        .arg(format!("--web.listen-address={own}"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("prometheus: {error}; install it: apt-get install prometheus")
        });
    let _server = Ends(server);
    for (query, expected) in [
        (
            "thimble_container_restarts_total%7Bname=%22web%22%7D",
            r#""2"]"#,
        ),
        (
            "thimble_container_last_exit_code%7Bname=%22odd%22%7D",
            r#""-1"]"#,
        ),
        (
            "thimble_container_info%7Bname=%22odd%22%7D",
            r#""app":"a \"quoted\" \\ app\nin two lines""#,
        ),
        ("thimble_bridge_connected", r#""bridge":"cloud""#),
        ("thimble_uptime_seconds", r#""61.25"]"#),
        ("up%7Bjob=%22device%22%7D", r#""1"]"#),
    ] {
        let request = format!("GET /api/v1/query?query={query} HTTP/1.0\r\n\r\n");
        let begun = std::time::Instant::now();
        loop {
            let answer = match TcpStream::connect(own) {
                Ok(_) => ask(own, request.as_bytes()),
                Err(error) => error.to_string(),
            };
            if answer.contains(expected) {
                break;
            }
            assert!(begun.elapsed() < DEADLINE, "{query}: {answer}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A line as the older text has it: a counter's name ends in `_total` everywhere, an info is a gauge.
fn older(line: &str) -> String {
    let counters = prometheus(&device());
    let words: Vec<&str> = line.splitn(4, ' ').collect();
    let ["#", kind, name, rest] = words[..] else {
        return line.to_owned();
    };
    let is = |of: &str| {
        counters
            .lines()
            .any(|line| line == format!("# TYPE {name} {of}"))
    };
    if is("counter") {
        format!("# {kind} {name}_total {rest}")
    } else if is("info") {
        format!("# {kind} {name}_info {}", rest.replace("info", "gauge"))
    } else {
        line.to_owned()
    }
}

/// Serves the device on a thread of its own.
fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(serve(listener, still(device())))
    });
    address
}

fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn only_what_is_there_is_served() {
    let address = start();
    let get = b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = ask(address, get);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains(&format!("content-type: {CONTENT_TYPE}\r\n")),
        "{answer}"
    );
    assert!(answer.ends_with(&prometheus(&device())), "{answer}");
    let huge = format!(
        "GET /metrics HTTP/1.1\r\na: {}\r\n\r\n",
        "a".repeat(100_000)
    );
    let body = b"POST /metrics HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\nabc";
    let cases: [(&[u8], &str); 5] = [
        (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 404"),
        (body, "HTTP/1.1 405"),
        (b"\0\x01\x02\r\n\r\n", "HTTP/1.1 400"),
        (huge.as_bytes(), "HTTP/1.1 431"),
        (b"HEAD /metrics HTTP/1.0\r\n\r\n", "HTTP/1.0 200"),
    ];
    for (request, expected) in cases {
        let answer = ask(address, request);
        assert!(answer.starts_with(expected), "{expected}: {answer}");
    }
}

#[test]
fn whoever_says_nothing_is_cut_off_and_others_are_served() {
    let address = start();
    let silent: Vec<TcpStream> = (0..CONNECTIONS_MAX)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    // It waits until the first of the silent ones are gone.
    let answer = ask(address, b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    drop(silent);
}
