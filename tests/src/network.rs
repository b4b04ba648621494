//! Servers in containers, asked over loopback.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Child;

use crate::command::{ENGINES, Place, guest, signal};

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Connects as soon as the server listens; gives up when the server has ended.
fn connect(server: &mut Child, port: u16) -> TcpStream {
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => return stream,
            Err(error) => match server.try_wait().unwrap() {
                None => std::thread::yield_now(),
                Some(status) => panic!("the server ended with {status}: {error}"),
            },
        }
    }
}

fn ask(server: &mut Child, port: u16, path: &str) -> String {
    let mut stream = connect(server, port);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Starts a server on a listener that the runtime opens; the server and its port.
fn serve(place: &Place, engine: &str, name: &str) -> (Child, u16) {
    let port = free_port();
    let listen = format!("tcp/127.0.0.1:{port}");
    let program = guest(name);
    let program = program.to_str().unwrap();
    let server = place.spawn(["run", "--engine", engine, "--listen", &listen, program]);
    (server, port)
}

#[test]
fn a_web_server_in_c_and_one_in_go_answer() {
    for engine in ENGINES {
        for name in ["webserver-c", "http-server-go"] {
            let place = Place::new();
            let (mut server, port) = serve(&place, engine, name);
            let answer = ask(&mut server, port, "/");
            assert!(
                answer.starts_with("HTTP/1.1 200"),
                "{engine} {name}: {answer}"
            );
            signal(&server, "TERM");
            assert_eq!(server.wait().unwrap().code(), Some(143));
        }
    }
}

#[test]
fn an_echo_server_gives_back_what_it_gets() {
    for engine in ENGINES {
        let place = Place::new();
        let (mut server, port) = serve(&place, engine, "tcp-echo-c");
        let mut stream = connect(&mut server, port);
        for round in 0..100_u32 {
            let sent = [round.to_le_bytes(); 16].concat();
            stream.write_all(&sent).unwrap();
            let mut got = [0; 64];
            stream.read_exact(&mut got).unwrap();
            assert_eq!(got.as_slice(), sent);
        }
        // A blocked accept or read ends at once.
        signal(&server, "INT");
        assert_eq!(server.wait().unwrap().code(), Some(130));
    }
}

#[test]
fn a_server_that_was_granted_nothing_is_refused_by_name() {
    for engine in ENGINES {
        let outcome = Place::new().thimble([
            "run",
            "--engine",
            engine,
            "--timeout",
            "5s",
            guest("tcp-echo-c").to_str().unwrap(),
        ]);
        assert_ne!(outcome.code, 0, "{outcome:?}");
        assert!(
            outcome.stderr.contains("--allow net.listen:tcp/"),
            "{outcome:?}"
        );
    }
}
