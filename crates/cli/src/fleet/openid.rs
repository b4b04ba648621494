//! Signing in with a browser at an OpenID provider: the browser comes back to a port of this machine (RFC 8252, 7.3).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use thimble_hub_api::identity::{IssuedToken, OpenIdBegin, OpenIdFinish};

use crate::failure::Failure;

use super::session::Session;

/// Time that somebody has to sign in.
const TIME: Duration = Duration::from_secs(300);
/// Time that the browser has for its request.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// Bytes of a request's head at most.
const HEAD_BYTES_MAX: u64 = 16 << 10;

/// What the browser brought back.
#[derive(Debug, PartialEq, Eq)]
enum Brought {
    /// What the provider gave.
    Code { state: String, code: String },
    /// The provider did not let them in.
    Refused(String),
    /// Something else: the icon of the page, for example.
    Nothing,
}

/// Signs in at this provider.
pub(super) fn sign_in(session: &Session, provider: &str) -> Result<IssuedToken, Failure> {
    let failed = |error: std::io::Error| Failure::device("waiting for the browser", error);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let begin = OpenIdBegin {
        provider: provider.to_owned(),
        redirect_url: format!("http://127.0.0.1:{}/callback", address.port()),
    };
    let start = session.about(provider, session.client.openid_begin(&begin))?;
    eprintln!(
        "Open this address in a browser of this machine, and sign in there:\n\n  {}\n",
        crate::observer::printable(&start.authorization_url)
    );
    let code = wait(&listener, &start.state)?;
    let finish = OpenIdFinish {
        state: start.state,
        code,
    };
    session.about(provider, session.client.openid_finish(&finish))
}

/// Waits for the browser to come back with what belongs to this sign-in.
fn wait(listener: &TcpListener, expected: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::device("waiting for the browser", error);
    listener.set_nonblocking(true).map_err(failed)?;
    let until = Instant::now() + TIME;
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if Instant::now() > until {
                    return Err(Failure::device(
                        "waiting for the browser",
                        "nobody signed in within five minutes; try again",
                    ));
                }
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
            Err(error) => return Err(failed(error)),
        };
        // A browser that says nothing must not keep others from being heard.
        let Ok(brought) = serve(stream) else {
            continue;
        };
        match brought {
            Brought::Code { state, code } if state == expected => return Ok(code),
            Brought::Refused(reason) => {
                return Err(Failure::device("signing in at the provider", reason));
            }
            // Somebody else's, or none.
            Brought::Code { .. } | Brought::Nothing => {}
        }
    }
}

fn serve(mut stream: TcpStream) -> std::io::Result<Brought> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(REQUEST_TIME))?;
    stream.set_write_timeout(Some(REQUEST_TIME))?;
    let mut line = String::new();
    BufReader::new((&stream).take(HEAD_BYTES_MAX)).read_line(&mut line)?;
    let brought = understand(&line);
    let (status, words) = match &brought {
        // Whether the hub lets them in is known later.
        Brought::Code { .. } => (
            "200 OK",
            "Close this page: the terminal says whether you are signed in.",
        ),
        Brought::Refused(_) => ("200 OK", "You are not signed in; the terminal says why."),
        Brought::Nothing => ("404 Not Found", "There is nothing here."),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{words}",
        words.len()
    )?;
    Ok(brought)
}

/// Understands the first line of a request.
fn understand(line: &str) -> Brought {
    let target = line.split(' ').nth(1).unwrap_or_default();
    let Some(query) = target.strip_prefix("/callback?") else {
        return Brought::Nothing;
    };
    let value = |name: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| decoded(value))
    };
    if let Some(error) = value("error") {
        let more = value("error_description").unwrap_or_default();
        return Brought::Refused(crate::observer::printable(
            format!("{error} {more}").trim_end(),
        ));
    }
    match (value("state"), value("code")) {
        (Some(state), Some(code)) => Brought::Code { state, code },
        _ => Brought::Nothing,
    }
}

/// Undoes the encoding of a form (`+` and `%XX`).
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, value) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    //! What browsers bring.

    use super::*;

    #[test]
    fn what_the_browser_brings_is_understood() {
        let code = |state: &str, code: &str| Brought::Code {
            state: state.into(),
            code: code.into(),
        };
        for (line, expected) in [
            ("GET /callback?state=a&code=b HTTP/1.1\r\n", code("a", "b")),
            (
                "GET /callback?code=b%2Fc+d&state=%61 HTTP/1.1",
                code("a", "b/c d"),
            ),
            (
                "GET /callback?code=%f&state=%zz HTTP/1.1",
                code("%zz", "%f"),
            ),
            (
                "GET /callback?error=access_denied&error_description=not+today HTTP/1.1",
                Brought::Refused("access_denied not today".into()),
            ),
            ("GET /callback?code=b HTTP/1.1", Brought::Nothing),
            ("GET /favicon.ico HTTP/1.1", Brought::Nothing),
            ("", Brought::Nothing),
        ] {
            assert_eq!(understand(line), expected, "{line}");
        }
    }
}
