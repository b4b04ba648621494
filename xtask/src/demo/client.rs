//! A client for one request to an example server on this machine.

#[cfg(test)]
mod tests;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::steps::Request;

/// How long a server may take to listen, and then to answer.
const WAIT: Duration = Duration::from_secs(20);
/// More than any example says.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Waits until the server listens, shows and sends the request, and gives the answer.
pub(super) fn ask(port: u16, request: Request, server: &mut Child) -> Result<String> {
    let mut stream = connect(port, server)?;
    stream.set_read_timeout(Some(WAIT))?;
    let (shown, sent) = match request {
        Request::Echo(text) => (text.to_owned(), format!("{text}\n")),
        Request::Get(path) => (
            format!("GET http://127.0.0.1:{port}{path}"),
            format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"),
        ),
    };
    println!("  > {shown}");
    stream
        .write_all(sent.as_bytes())
        .context("the server closed the connection")?;
    let answer = match request {
        Request::Echo(_) => {
            let mut bytes = vec![0; sent.len()];
            stream
                .read_exact(&mut bytes)
                .context("the server did not send it back")?;
            ensure!(
                bytes == sent.as_bytes(),
                "the server sent something else back"
            );
            bytes
        }
        Request::Get(_) => {
            let bytes = read_all(stream)?;
            ensure!(
                is_ok(&bytes),
                "the server answered: {}",
                String::from_utf8_lossy(&bytes)
            );
            bytes
        }
    };
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn connect(port: u16, server: &mut Child) -> Result<TcpStream> {
    let deadline = Instant::now() + WAIT;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    loop {
        match TcpStream::connect_timeout(&address, WAIT) {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() >= deadline => {
                return Err(error).with_context(|| format!("nothing listens on {address}"));
            }
            Err(_) => {}
        }
        if let Some(status) = server.try_wait()? {
            bail!("the server ended by itself ({status})");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Everything until the server closes; one that resets the connection afterwards has answered too.
fn read_all(stream: TcpStream) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => {
            Err(error).context("the server did not finish its answer")
        }
        _ => Ok(bytes),
    }
}

fn is_ok(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.1 200") || answer.starts_with(b"HTTP/1.0 200")
}
