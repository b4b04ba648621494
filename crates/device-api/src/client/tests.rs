//! The client against a server that says what a test wants, over a real socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use tempfile::TempDir;

use super::{Client, ClientError, EventQuery, LogQuery, Milestone};
use crate::{AppSpec, ContainerSpec, EventKind, ProblemKind, Publish, PullRequest, Update};

/// A request as it arrived.
struct Arrived {
    head: String,
    body: Vec<u8>,
}

/// A server that answers each connection with the next of these texts, and what it heard.
struct Server {
    folder: TempDir,
    heard: Receiver<Arrived>,
}

impl Server {
    fn new(answers: Vec<String>) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        let (sender, heard) = channel();
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                // A client that has heard enough goes.
                if let Some(arrived) = arrived(&stream) {
                    let _ = sender.send(arrived);
                }
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { folder, heard }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    fn client(&self) -> Client {
        Client::new(self.socket()).unwrap()
    }
}

fn arrived(stream: &UnixStream) -> Option<Arrived> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let mut body = Vec::new();
    let lower = head.to_lowercase();
    if let Some((_, rest)) = lower.split_once("content-length: ") {
        let length = rest.lines().next()?.trim().parse().ok()?;
        body.resize(length, 0);
        reader.read_exact(&mut body).ok()?;
    } else if lower.contains("transfer-encoding: chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let length = usize::from_str_radix(line.trim(), 16).ok()?;
            let mut chunk = vec![0; length + 2];
            reader.read_exact(&mut chunk).ok()?;
            body.extend_from_slice(&chunk[..length]);
            if length == 0 {
                break;
            }
        }
    }
    Some(Arrived { head, body })
}

fn answer(status: &str, media_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn json(body: &str) -> String {
    answer("200 OK", "application/json", body)
}

fn problem(body: &str) -> String {
    answer("404 Not Found", "application/problem+json", body)
}

/// Every call asks for its path; that the empty answer is none does not matter here.
#[test]
fn every_call_has_its_path() {
    type Call = fn(&Client) -> Option<ClientError>;
    let calls: [(&str, Call); 36] = [
        ("GET /v1/device ", |c| c.device().err()),
        ("GET /v1/health ", |c| c.health().err()),
        ("GET /v1/containers ", |c| c.containers(false, None).err()),
        ("GET /v1/containers?all=true&app=a%26b ", |c| {
            c.containers(true, Some("a&b")).err()
        }),
        ("POST /v1/containers?start=true ", |c| {
            c.create(&ContainerSpec::default(), true).err()
        }),
        ("POST /v1/containers ", |c| {
            c.create(&ContainerSpec::default(), false).err()
        }),
        ("GET /v1/containers/a%2F..%2Fb%20%3F ", |c| {
            c.container("a/../b ?").err()
        }),
        ("DELETE /v1/containers/a ", |c| {
            c.remove("a", false, false).err()
        }),
        ("DELETE /v1/containers/a?force=true&volumes=true ", |c| {
            c.remove("a", true, true).err()
        }),
        ("PATCH /v1/containers/a ", |c| {
            c.update("a", &Update::default()).err()
        }),
        ("POST /v1/containers/a/start ", |c| c.start("a").err()),
        ("POST /v1/containers/a/stop ", |c| c.stop("a", None).err()),
        ("POST /v1/containers/a/stop?grace_ms=5 ", |c| {
            c.stop("a", Some(5)).err()
        }),
        ("POST /v1/containers/a/kill ", |c| c.kill("a").err()),
        ("POST /v1/containers/a/pause ", |c| c.pause("a").err()),
        ("POST /v1/containers/a/unpause ", |c| c.unpause("a").err()),
        ("POST /v1/containers/a/restart?grace_ms=0 ", |c| {
            c.restart("a", Some(0)).err()
        }),
        ("GET /v1/containers/a/wait?condition=ended ", |c| {
            c.wait_ended("a").err()
        }),
        ("GET /v1/containers/a/wait?condition=healthy ", |c| {
            c.wait_for("a", Milestone::Healthy).err()
        }),
        (
            "GET /v1/containers/a/logs?follow=true&since=1970-01-01T00%3A00%3A01Z&tail=3 ",
            |c| {
                let query = LogQuery {
                    follow: true,
                    since: crate::Timestamp::from_second(1).ok(),
                    tail: Some(3),
                    ..LogQuery::default()
                };
                c.logs("a", &query).err()
            },
        ),
        ("GET /v1/containers/a/attach ", |c| c.attach("a").err()),
        ("POST /v1/containers/a/stdin?close=true ", |c| {
            c.send_stdin("a", &b"x"[..], true).err()
        }),
        ("GET /v1/stats ", |c| c.stats(&[]).err()),
        ("GET /v1/stats?stream=true&container=a&container=b ", |c| {
            c.stats_stream(&["a".into(), "b".into()]).err()
        }),
        (
            "GET /v1/events?follow=true&container=a&app=b&kind=crash-loop ",
            |c| {
                let query = EventQuery {
                    follow: true,
                    container: Some("a".into()),
                    app: Some("b".into()),
                    kind: Some(EventKind::CrashLoop),
                    ..EventQuery::default()
                };
                c.events(&query).err()
            },
        ),
        ("GET /v1/containers/a/files?path=%2Fdata%2F%C3%A4 ", |c| {
            c.files("a", "/data/ä").err()
        }),
        ("PUT /v1/containers/a/files?path=%2F ", |c| {
            c.put_files("a", "/", &b"tar"[..]).err()
        }),
        ("GET /v1/apps ", |c| c.apps().err()),
        ("GET /v1/apps/a ", |c| c.app("a").err()),
        ("PUT /v1/apps/a ", |c| {
            c.apply_app("a", &AppSpec::default()).err()
        }),
        ("POST /v1/apps/a/plan ", |c| {
            c.plan_app("a", &AppSpec::default()).err()
        }),
        ("DELETE /v1/apps/a?volumes=true ", |c| {
            c.remove_app("a", true).err()
        }),
        ("POST /v1/images/pull ", |c| {
            let request = PullRequest {
                reference: "a".into(),
                plain_http: false,
            };
            c.pull(&request).err()
        }),
        ("POST /v1/images/load ", |c| c.load(&b"tar"[..]).err()),
        ("DELETE /v1/volumes/a.b ", |c| c.remove_volume("a.b").err()),
        ("GET /v1/bus/subscribe?filter=a%2F%23 ", |c| {
            c.subscribe("a/#").err()
        }),
    ];
    let server = Server::new(calls.iter().map(|_| json("")).collect());
    let client = server.client();
    for (start, call) in calls {
        drop(call(&client));
        let arrived = server.heard.recv().unwrap();
        assert!(arrived.head.starts_with(start), "{start}\n{}", arrived.head);
    }
}

#[test]
fn bodies_arrive_whole() {
    let bytes: Vec<u8> = (0..300_000_u32)
        .map(|number| number.to_le_bytes()[0])
        .collect();
    let server = Server::new(vec![
        json(r#"{"digest": "sha256:0"}"#),
        json(r#"{"delivered": 2, "refused": 1}"#),
    ]);
    let client = server.client();
    let sent = std::io::Cursor::new(bytes.clone());
    assert_eq!(client.load(sent).unwrap().digest, "sha256:0");
    let arrived = server.heard.recv().unwrap();
    assert!(arrived.head.contains("application/x-tar"));
    assert_eq!(arrived.body, bytes);

    let message = Publish {
        topic: "a/b".into(),
        payload: "x".into(),
        content_type: String::new(),
        retain: false,
    };
    assert_eq!(client.publish(&message).unwrap().delivered, 2);
    let arrived = server.heard.recv().unwrap();
    assert!(arrived.head.contains("application/json"));
    let body: Publish = serde_json::from_slice(&arrived.body).unwrap();
    assert_eq!(body, message);
}

#[test]
fn lines_come_one_by_one() {
    let message = |topic: &str| format!("{{\"topic\": \"{topic}\", \"payload\": \"\"}}");
    let chunked = |parts: &[String]| {
        let mut text = String::from("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        for part in parts {
            text.push_str(&format!("{:x}\r\n{part}\r\n", part.len()));
        }
        text + "0\r\n\r\n"
    };
    let lines = format!("{}\n\r\n\n{}\n{}", message("a"), message("b"), message("c"));
    let (first, second) = lines.split_at(40);
    let server = Server::new(vec![
        chunked(&[first.into(), second.into()]),
        chunked(&[format!("{}\nnonsense\n{}\n", message("a"), message("b"))]),
        chunked(&[format!(
            "{}\n{}\n",
            message("a"),
            r#"{"type": "urn:thimble:problem:not-ready", "title": "", "status": 503, "detail": "bye"}"#
        )]),
        chunked(&[message("a")]).replace("0\r\n\r\n", ""),
    ]);
    let client = server.client();
    let topics = || {
        let lines = client.subscribe("#").unwrap();
        lines
            .map(|line| match line {
                Ok(message) => message.topic,
                Err(ClientError::Problem(problem)) => problem.detail,
                Err(ClientError::Broken { .. }) => "broken".into(),
                Err(ClientError::Gone { .. }) => "gone".into(),
                Err(error) => error.to_string(),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(topics(), ["a", "b", "c"]);
    assert_eq!(topics(), ["a", "broken"]);
    assert_eq!(topics(), ["a", "bye"]);
    assert_eq!(topics(), ["gone"]);
}

#[test]
fn a_stream_is_ended_by_another_thread() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        arrived(&stream).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            .unwrap();
        let mut rest = Vec::new();
        // Until the client goes.
        stream.read_to_end(&mut rest).unwrap();
    });
    let client = Client::new(socket).unwrap();
    let mut lines = client.subscribe("#").unwrap();
    let canceller = lines.canceller();
    let other = thread::spawn(move || canceller.cancel());
    assert!(lines.next().is_none());
    other.join().unwrap();
    drop(lines);
    server.join().unwrap();
}

#[test]
fn downloads_are_read() {
    let server = Server::new(vec![answer("200 OK", "application/x-tar", "some bytes")]);
    let mut text = String::new();
    let mut download = server.client().files("a", "/data").unwrap();
    download.read_to_string(&mut text).unwrap();
    assert_eq!(text, "some bytes");
}

#[test]
fn what_goes_wrong_is_told() {
    let no_such = r#"{"type": "urn:thimble:problem:no-such-container", "title": "No such container", "status": 404,
                      "detail": "there is no container of this name", "subject": "pump"}"#;
    let new = r#"{"type": "urn:thimble:problem:of-tomorrow", "title": "New", "status": 404, "detail": "what?"}"#;
    let server = Server::new(vec![
        problem(no_such),
        problem(new),
        problem("{}"),
        answer("500 Internal Server Error", "text/plain", "oh\u{7}"),
        json("[1, 2"),
        json("{}"),
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".into(),
        String::new(),
        "SSH-2.0-OpenSSH\r\n".into(),
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n".into(),
    ]);
    let client = server.client();
    let error = || client.device().unwrap_err();
    let first = error();
    assert_eq!(first.problem().unwrap().kind, ProblemKind::NoSuchContainer);
    assert_eq!(
        first.to_string(),
        "pump: there is no container of this name"
    );
    let second = error();
    assert_eq!(second.problem().unwrap().kind, ProblemKind::Unknown);
    assert_eq!(second.to_string(), "what?");
    assert!(matches!(error(), ClientError::Broken { .. }));
    let plain = error().to_string();
    assert!(
        plain.contains("500 Internal Server Error and \"oh\\u{7}\""),
        "{plain}"
    );
    assert!(matches!(error(), ClientError::Broken { .. }));
    assert!(matches!(error(), ClientError::Broken { .. }));
    assert!(matches!(error(), ClientError::Gone { .. }));
    assert!(matches!(error(), ClientError::Gone { .. }));
    assert!(matches!(error(), ClientError::Broken { .. }));
    assert!(matches!(error(), ClientError::Broken { .. }));
}

#[test]
fn a_daemon_that_is_not_there_is_told_with_what_starts_one() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("socket");
    let told = || {
        let client = Client::new(socket.clone()).unwrap();
        client.device().unwrap_err().to_string()
    };
    let start = "start one with `thimble daemon` or `systemctl start thimble`";
    let missing = told();
    assert!(
        missing.contains(start) && !missing.contains("left behind"),
        "{missing}"
    );
    drop(UnixListener::bind(&socket).unwrap());
    let left = told();
    assert!(
        left.contains(start) && left.contains("left behind"),
        "{left}"
    );
}

#[test]
fn an_empty_name_is_no_other_path() {
    let server = Server::new(Vec::new());
    let error = server.client().remove("", true, true).unwrap_err();
    assert_eq!(error.problem().unwrap().kind, ProblemKind::Invalid);
}

#[test]
fn input_that_cannot_be_read_is_our_own_fault() {
    struct Torn;
    impl Read for Torn {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("torn"))
        }
    }
    let server = Server::new(vec![json("{}")]);
    let error = server.client().load(Torn).unwrap_err();
    assert!(matches!(error, ClientError::Io { .. }), "{error:?}");
}
