//! What clients send that they should not: every answer is a problem, and the daemon goes on.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use thimble_device_api::{Problem, ProblemKind, State};
use thimble_testkit::random::{Random, seed};

use super::device::Device;
use super::guests::{IDLE, plain};

/// Sends bytes and reads what comes back.
fn raw(device: &Device, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(device.socket()).unwrap();
    // The daemon may have refused it before all of it is sent.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn request(method: &str, path: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The problem in an answer.
fn problem_in(answer: &str) -> Problem {
    assert!(
        answer.contains("content-type: application/problem+json"),
        "{answer}"
    );
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[test]
fn every_wrong_request_gets_a_problem_that_says_what_is_wrong() {
    let device = Device::started();
    device.image("idle", IDLE, plain());
    let long = "x".repeat(300);
    let cases: Vec<(&str, String, String, ProblemKind, &str)> = vec![
        (
            "GET",
            "/".into(),
            String::new(),
            ProblemKind::NoSuchPath,
            "no such path",
        ),
        (
            "GET",
            "/v2/containers".into(),
            String::new(),
            ProblemKind::NoSuchPath,
            "no such path",
        ),
        (
            "PUT",
            "/v1/containers".into(),
            String::new(),
            ProblemKind::NoSuchMethod,
            "does not have this method",
        ),
        (
            "POST",
            "/v1/containers".into(),
            String::new(),
            ProblemKind::Malformed,
            "EOF",
        ),
        (
            "POST",
            "/v1/containers".into(),
            "[]".into(),
            ProblemKind::Malformed,
            "the body is not the JSON",
        ),
        (
            "POST",
            "/v1/containers".into(),
            "{\"image\":\"a\",\"imagge\":1}".into(),
            ProblemKind::Malformed,
            "unknown field `imagge`",
        ),
        (
            "POST",
            "/v1/containers".into(),
            "{}".into(),
            ProblemKind::Malformed,
            "missing field `image`",
        ),
        (
            "POST",
            "/v1/containers".into(),
            "{\"image\":7}".into(),
            ProblemKind::Malformed,
            "expected a string",
        ),
        (
            "POST",
            "/v1/containers".into(),
            "{\"image\":\"A B\"}".into(),
            ProblemKind::ImageUnfit,
            "not the name of an image",
        ),
        (
            "POST",
            "/v1/containers?start=perhaps".into(),
            "{\"image\":\"a\"}".into(),
            ProblemKind::Malformed,
            "true",
        ),
        (
            "POST",
            "/v1/containers?begin=true".into(),
            "{\"image\":\"a\"}".into(),
            ProblemKind::Malformed,
            "unknown field `begin`",
        ),
        (
            "POST",
            "/v1/containers".into(),
            format!("{{\"image\":\"a\",\"name\":\"{long}\"}}"),
            ProblemKind::Invalid,
            "1 to 128 characters",
        ),
        (
            "POST",
            "/v1/containers".into(),
            "{\"image\":\"a\",\"name\":\"../../etc\"}".into(),
            ProblemKind::Invalid,
            "a name has",
        ),
        (
            "POST",
            "/v1/containers".into(),
            "{\"image\":\"a\",\"app\":\"x\"}".into(),
            ProblemKind::Invalid,
            "declaring the app",
        ),
        (
            "GET",
            "/v1/containers/%00".into(),
            String::new(),
            ProblemKind::NoSuchContainer,
            "no such container",
        ),
        (
            "GET",
            "/v1/containers/%ff".into(),
            String::new(),
            ProblemKind::Malformed,
            "cannot be read",
        ),
        (
            "GET",
            "/v1/containers/nobody/logs?tail=-1".into(),
            String::new(),
            ProblemKind::Malformed,
            "invalid digit",
        ),
        (
            "GET",
            "/v1/containers/nobody/logs?since=yesterday".into(),
            String::new(),
            ProblemKind::Malformed,
            "as year",
        ),
        (
            "GET",
            "/v1/stats?container=nobody".into(),
            String::new(),
            ProblemKind::NoSuchContainer,
            "no such container",
        ),
        (
            "GET",
            "/v1/stats?often=true".into(),
            String::new(),
            ProblemKind::Malformed,
            "stream=true",
        ),
        (
            "PUT",
            "/v1/apps/a.b".into(),
            "{\"containers\":{\"c\":{\"image\":\"a\"}}}".into(),
            ProblemKind::Invalid,
            "within apps",
        ),
        (
            "PUT",
            "/v1/apps/a".into(),
            "{\"containers\":{}}".into(),
            ProblemKind::Invalid,
            "1 to 1024 containers",
        ),
        (
            "DELETE",
            "/v1/apps/a".into(),
            String::new(),
            ProblemKind::NoSuchApp,
            "no such app",
        ),
        (
            "DELETE",
            "/v1/volumes/..".into(),
            String::new(),
            ProblemKind::Invalid,
            "a name has",
        ),
        (
            "DELETE",
            "/v1/volumes/none".into(),
            String::new(),
            ProblemKind::NoSuchVolume,
            "no such volume",
        ),
        (
            "POST",
            "/v1/bus/publish".into(),
            "{\"topic\":\"a/#\",\"payload\":\"\"}".into(),
            ProblemKind::Invalid,
            "topic",
        ),
        (
            "GET",
            "/v1/bus/subscribe?filter=a%23".into(),
            String::new(),
            ProblemKind::Invalid,
            "a#",
        ),
        (
            "POST",
            "/v1/images/pull".into(),
            "{\"reference\":\"A B\"}".into(),
            ProblemKind::Invalid,
            "not the name of an image",
        ),
        (
            "POST",
            "/v1/images/load".into(),
            "this is no archive".into(),
            ProblemKind::ImageUnfit,
            "archive",
        ),
    ];
    for (method, path, body, kind, says) in cases {
        let answer = raw(&device, &request(method, &path, &body));
        let problem = problem_in(&answer);
        assert_eq!(problem.kind, kind, "{method} {path} {body}: {problem}");
        assert!(
            problem.detail.contains(says),
            "{method} {path} {body}: {}",
            problem.detail
        );
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {}", problem.status)),
            "{answer}"
        );
    }
    assert!(device.client().health().is_ok());
}

#[test]
fn what_is_too_large_or_no_http_at_all_harms_nobody() {
    let seed = seed(3);
    let mut random = Random::new(seed);
    let device = Device::started();
    device.image("idle", IDLE, plain());
    device.run("idle", Device::spec("idle"));
    let large = format!("{{\"image\":\"{}\"}}", "a".repeat(2 << 20));
    let answer = raw(&device, &request("POST", "/v1/containers", &large));
    assert_eq!(problem_in(&answer).kind, ProblemKind::TooLarge);
    let deep = format!("{{\"image\":{}", "[".repeat(100_000));
    let answer = raw(&device, &request("POST", "/v1/containers", &deep));
    assert_eq!(problem_in(&answer).kind, ProblemKind::Malformed);
    // A head without end, and a body that is shorter than it says.
    raw(&device, &[b'x'; 100_000]);
    raw(
        &device,
        b"POST /v1/containers HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{",
    );
    for _ in 0..200 {
        let length = usize::try_from(random.below(200)).unwrap();
        let mut bytes: Vec<u8> = (0..length)
            .map(|_| u8::try_from(random.below(256)).unwrap())
            .collect();
        if random.below(2) == 0 {
            let mut good = request("GET", "/v1/containers", "");
            let at = usize::try_from(random.below(u64::try_from(good.len()).unwrap())).unwrap();
            good.splice(at..at, bytes);
            bytes = good;
        }
        raw(&device, &bytes);
    }
    // Many that say nothing are in nobody's way.
    let silent: Vec<UnixStream> = (0..100)
        .map(|_| UnixStream::connect(device.socket()).unwrap())
        .collect();
    assert_eq!(
        device.client().container("idle").unwrap().state,
        State::Running,
        "seed {seed}"
    );
    drop(silent);
}

#[test]
fn who_is_refused_early_reads_why_after_all_was_sent() {
    let device = Device::started();
    for (method, path) in [
        ("POST", "/v1/containers/nobody/stdin"),
        ("PUT", "/v1/containers/nobody/files?path=/data"),
        ("POST", "/v1/nowhere"),
        ("PATCH", "/v1/containers"),
    ] {
        let mut stream = UnixStream::connect(device.socket()).unwrap();
        let body = [b'x'; 300_000];
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // The answer is there before the body.
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        assert!(first.starts_with(b"HTTP/1.1 40"), "{method} {path}");
        stream
            .write_all(&body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        // And the connection can be used for the next request.
        stream.write_all(&request("GET", "/v1/health", "")).unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("application/problem+json"), "{rest}");
        assert!(rest.contains("HTTP/1.1 200 OK"), "{method} {path}: {rest}");
    }
}
