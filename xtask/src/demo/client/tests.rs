//! The client against small servers.

use super::ask;
use crate::demo::steps::Request;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

/// A server that gives one answer, beside a process that stays alive.
fn check(request: Request, answer: &'static [u8], expected: Result<&str, &str>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 512];
        let _ = stream.read(&mut request).unwrap();
        stream.write_all(answer).unwrap();
    });
    let mut process = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let outcome = ask(port, request, &mut process);
    drop(process.stdin.take());
    process.wait().unwrap();
    server.join().unwrap();
    match (outcome, expected) {
        (Ok(text), Ok(wanted)) => assert_eq!(text, wanted),
        (Err(error), Err(wanted)) => {
            assert!(format!("{error:#}").contains(wanted), "{error:#}")
        }
        (outcome, expected) => panic!("{outcome:?} instead of {expected:?}"),
    }
}

#[test]
fn shows_what_the_server_answers() {
    check(Request::Echo("hello"), b"hello\n", Ok("hello\n"));
    check(Request::Echo("hello"), b"HELLO\n", Err("something else"));
    check(Request::Echo("hello"), b"he", Err("did not send it back"));
    check(
        Request::Get("/"),
        b"HTTP/1.1 200 OK\r\n\r\nhi",
        Ok("HTTP/1.1 200 OK\r\n\r\nhi"),
    );
    check(
        Request::Get("/"),
        b"HTTP/1.1 404 Not Found\r\n\r\n",
        Err("404"),
    );
}

#[test]
fn a_server_that_ended_is_not_waited_for() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut process = Command::new("true").spawn().unwrap();
    process.wait().unwrap();
    let error = ask(port, Request::Echo("hello"), &mut process).unwrap_err();
    assert!(
        format!("{error:#}").contains("ended by itself"),
        "{error:#}"
    );
}
