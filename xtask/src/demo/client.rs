//! A client for one request to an example server on this machine.

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

#[cfg(test)]
mod tests {
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
}
