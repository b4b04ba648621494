//! A server that answers as a test says, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use thimble_image::{Descriptor, media_type};
use thimble_testkit::blobs::MemoryStore;

use crate::images::closure;

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// How often the same was asked before.
    pub(crate) before: usize,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

pub(crate) enum Reply {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// These bytes, then nothing more, and no end.
    Stall(Vec<u8>),
    /// These bytes, then others for ever.
    Endless(Vec<u8>),
}

/// A complete answer. `Content-Length` is added unless it is there.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut head = format!("HTTP/1.1 {status} Status\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let has_length = headers
        .iter()
        .any(|(name, _)| *name == "Content-Length" || *name == "Transfer-Encoding");
    if !has_length {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    head += "\r\n";
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    Reply::Bytes(bytes)
}

pub(crate) struct Scripted {
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

impl Scripted {
    pub(crate) fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (script, log): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&asked));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                std::thread::spawn(move || serve(client, &*script, &log));
            }
        });
        Self { address, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut client: TcpStream, script: &Script, log: &Mutex<Vec<Asked>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let mut asked = Asked {
        method,
        path,
        headers,
        body: Vec::new(),
        before: 0,
    };
    let length = asked
        .header("content-length")
        .and_then(|length| length.parse().ok());
    reader
        .take(length.unwrap_or(0))
        .read_to_end(&mut asked.body)
        .ok()?;
    {
        let mut log = log.lock().unwrap();
        let is_same = |other: &&Asked| other.method == asked.method && other.path == asked.path;
        asked.before = log.iter().filter(is_same).count();
        log.push(asked.clone());
    }
    match script(&asked) {
        Reply::Bytes(bytes) => client.write_all(&bytes).ok()?,
        Reply::Stall(bytes) => {
            client.write_all(&bytes).ok()?;
            // Until the other side has had enough.
            let _ = client.read(&mut [0]);
        }
        Reply::Endless(bytes) => {
            client.write_all(&bytes).ok()?;
            while client.write_all(&[b'x'; 4096]).is_ok() {}
        }
    }
    Some(())
}

/// What an honest registry would answer: the repository `app` with one image under the tag `v1`.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) store: MemoryStore,
    pub(crate) root: Descriptor,
}

impl Shop {
    pub(crate) fn answer(&self, asked: &Asked) -> Reply {
        let path = asked.path.split('?').next().unwrap();
        let body = |reply: Reply| match (reply, asked.method.as_str()) {
            (Reply::Bytes(mut bytes), "HEAD") => {
                let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
                bytes.truncate(end.unwrap() + 4);
                Reply::Bytes(bytes)
            }
            (reply, _) => reply,
        };
        if let Some(name) = path.strip_prefix("/v2/app/manifests/") {
            let found = closure(&self.store, &self.root).into_iter().find(|entry| {
                name == entry.digest.to_string() || name == "v1" && entry.digest == self.root.digest
            });
            if let Some(found) = found {
                let bytes = self.store.content(&found.digest).unwrap();
                let digest = found.digest.to_string();
                let headers = [
                    ("Content-Type", found.media_type.as_str()),
                    ("Docker-Content-Digest", &digest),
                ];
                return body(answer(200, &headers, &bytes));
            }
        }
        if let Some(name) = path.strip_prefix("/v2/app/blobs/") {
            let bytes = name
                .parse()
                .ok()
                .and_then(|digest| self.store.content(&digest));
            if let Some(bytes) = bytes {
                return body(part(asked, &bytes));
            }
        }
        if path == "/v2/" {
            return answer(200, &[], b"{}");
        }
        body(answer(
            404,
            &[("Content-Type", "application/json")],
            b"{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"not here\"}]}",
        ))
    }
}

fn part(asked: &Asked, bytes: &[u8]) -> Reply {
    let range = asked
        .header("range")
        .and_then(|range| range.strip_prefix("bytes="));
    let Some(first) = range.and_then(|range| range.strip_suffix('-')) else {
        return answer(200, &[], bytes);
    };
    let first: usize = first.parse().unwrap();
    if first >= bytes.len() {
        return answer(416, &[], b"");
    }
    let range = format!("bytes {first}-{}/{}", bytes.len() - 1, bytes.len());
    answer(206, &[("Content-Range", &range)], &bytes[first..])
}

/// An index of indexes, so many of them.
pub(crate) fn nested(store: &MemoryStore, levels: usize, image: &Descriptor) -> Descriptor {
    let mut root = image.clone();
    for _ in 0..levels {
        let index = thimble_image::Index::new(vec![root]);
        root = store.add(media_type::INDEX, &index.to_json());
    }
    root
}
