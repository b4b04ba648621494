//! Look-ups for whoever can wait: commands, not containers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use thimble_abi::Errno;

use super::resolver::Resolver;

/// Looks names up as containers' look-ups do: without the libc.
#[derive(Default)]
pub struct Names(Resolver);

impl Names {
    /// The addresses of a host: of a name, or of what is an address already. Waits for the answer.
    ///
    /// # Errors
    /// If there is no such name, or nobody answers.
    pub fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        if let Ok(address) = bare.parse() {
            return Ok(vec![address]);
        }
        // RFC 6761, section 6.3.
        if host.eq_ignore_ascii_case("localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let answer = self.0.lookup(host).and_then(|mut lookup| {
            let waker = Waker::from(Arc::new(Unpark(thread::current())));
            let mut context = Context::from_waker(&waker);
            loop {
                if let Poll::Ready(answer) = lookup.poll(&mut context) {
                    return answer;
                }
                thread::park();
            }
        });
        answer.map_err(|errno| {
            let (kind, reason) = match errno {
                Errno::NoEntry => (io::ErrorKind::NotFound, "there is no such host"),
                _ => (io::ErrorKind::TimedOut, "no name server answers"),
            };
            io::Error::new(kind, format!("{host}: {reason}"))
        })
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use super::Names;

    #[test]
    fn addresses_and_localhost_need_nobody() {
        let names = Names::default();
        for (host, address) in [
            ("127.0.0.2", IpAddr::from([127, 0, 0, 2])),
            ("::1", IpAddr::from(Ipv6Addr::LOCALHOST)),
            ("[::1]", IpAddr::from(Ipv6Addr::LOCALHOST)),
            ("LocalHost", IpAddr::from([127, 0, 0, 1])),
        ] {
            assert_eq!(names.addresses(host).unwrap()[0], address, "{host}");
        }
    }

    #[test]
    fn a_name_that_nobody_has_is_an_error() {
        let error = Names::default().addresses("nobody.invalid").unwrap_err();
        assert!(error.to_string().contains("nobody.invalid"), "{error}");
    }
}
