//! The clients: one connection that sends and waits, and many that each have one request under way.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::clock::micros;
use thimble_bench_report::{Summary, summarize};

const TIMEOUT: Duration = Duration::from_secs(20);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn connect(server: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// Sends 64 bytes and waits until they are back, `rounds` times; microseconds.
pub(super) fn echo(server: SocketAddr, rounds: usize) -> Result<Summary> {
    let mut stream = connect(server)?;
    let (sent, mut received) = ([0x55_u8; 64], [0_u8; 64]);
    let mut samples = Vec::with_capacity(rounds);
    for round in 0..rounds + rounds / 10 {
        let begun = Instant::now();
        stream.write_all(&sent)?;
        stream.read_exact(&mut received)?;
        // The first tenth warms up.
        if round >= rounds / 10 {
            samples.push(micros(begun.elapsed()));
        }
    }
    if sent != received {
        bail!("the echo is not what was sent");
    }
    Ok(summarize(samples))
}

/// A connection with one request under way.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// Requests that are answered per second, with one under way on each connection.
pub(super) fn http(server: SocketAddr, connections: usize, requests: usize) -> Result<f64> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection {
            stream: connect(server)?,
            buffer: vec![0; 4096],
            filled: 0,
        });
    }
    let begun = Instant::now();
    for connection in &mut open {
        connection.stream.write_all(REQUEST)?;
    }
    let rounds = requests.div_ceil(connections);
    for round in 1..=rounds {
        for connection in &mut open {
            connection.receive()?;
            if round < rounds {
                connection.stream.write_all(REQUEST)?;
            }
        }
    }
    Ok((rounds * connections) as f64 / begun.elapsed().as_secs_f64())
}

impl Connection {
    /// Reads one answer to its end.
    fn receive(&mut self) -> Result<()> {
        loop {
            if let Some(length) = answer_length(self.buffer.get(..self.filled).unwrap_or_default())?
            {
                self.buffer.copy_within(length..self.filled, 0);
                self.filled -= length;
                return Ok(());
            }
            let room = self
                .buffer
                .get_mut(self.filled..)
                .filter(|room| !room.is_empty())
                .context("an endless answer")?;
            match self.stream.read(room)? {
                0 => bail!("the server closed the connection"),
                count => self.filled += count,
            }
        }
    }
}

/// The length of the answer at the beginning, if it is all there.
fn answer_length(bytes: &[u8]) -> Result<Option<usize>> {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(bytes.get(..head).unwrap_or_default())?;
    if !text.starts_with("HTTP/1.1 200") {
        bail!(
            "the server answered {}",
            text.lines().next().unwrap_or_default()
        );
    }
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .context("no Content-Length")?;
    let whole = head + 4 + length.trim().parse::<usize>()?;
    Ok((bytes.len() >= whole).then_some(whole))
}

#[cfg(test)]
mod tests {
    use super::answer_length;

    #[test]
    fn an_answer_ends_with_its_content() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP";
        let length = |end: usize| answer_length(&answer[..end]).unwrap();
        assert_eq!(
            (length(20), length(39), length(answer.len())),
            (None, None, Some(40))
        );
        assert!(answer_length(b"HTTP/1.1 404 Not Found\r\n\r\n").is_err());
    }
}
