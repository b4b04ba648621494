//! The native servers: a thread for each connection.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use anyhow::{Context as _, Result, bail};

/// The argument that makes this program such a server.
pub(crate) const CHILD: &str = "__serve";

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 70\r\n\r\n\
<!doctype html><title>Thimble</title><h1>Hello from a container</h1>\n\n";

/// Serves until it is killed.
pub(crate) fn child(arguments: &[OsString]) -> Result<()> {
    let [kind, port] = arguments else {
        bail!("needs echo|http and PORT")
    };
    let port: u16 = port.to_str().context("not a port")?.parse()?;
    let serve: fn(TcpStream) = if kind == "echo" { echo } else { http };
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        std::thread::spawn(move || serve(stream));
    }
    Ok(())
}

fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if stream
            .write_all(buffer.get(..count).unwrap_or_default())
            .is_err()
        {
            return;
        }
    }
}

/// Clients have one request under way each and send it in one piece.
fn http(mut stream: TcpStream) {
    let mut buffer = [0; 1024];
    while let Ok(1..) = stream.read(&mut buffer) {
        if stream.write_all(ANSWER).is_err() {
            return;
        }
    }
}
