//! One request and its answer, on a connection of their own.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, Read};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::client::conn::http1::{self, Connection};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};

use crate::problem::{self, Problem};

use super::ANSWER_BYTES_MAX;
use super::error::ClientError;
use super::query::Target;
use super::stream::{Canceller, Download, Lines};

/// Bytes of a streamed body that are read at once.
const CHUNK_BYTES: usize = 64 << 10;
/// Characters of an answer that nobody understands which are told.
const TOLD_CHARACTERS_MAX: usize = 200;

/// The way to the daemon.
pub(super) struct Wire {
    socket: PathBuf,
    runtime: Arc<Runtime>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Wire").field(&self.socket).finish()
    }
}

impl Wire {
    pub(super) fn new(socket: PathBuf) -> Result<Self, ClientError> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(|error| ClientError::io("preparing the connection to the daemon", error))?;
        Ok(Self {
            socket,
            runtime: Arc::new(runtime),
        })
    }

    /// Sends a request and waits for the head of its answer; a problem is an error.
    pub(super) fn send(
        &self,
        method: Method,
        target: &Target,
        body: Outgoing,
    ) -> Result<Answer, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(target.as_str())
            .header(HOST, "thimble")
            .header(ACCEPT, "*/*");
        if let Some(media_type) = body.media_type() {
            request = request.header(CONTENT_TYPE, media_type);
        }
        let request = request
            .body(body)
            .map_err(|error| ClientError::broken(format_args!("the request: {error}")))?;
        let (status, media_type, exchange) = self.runtime.block_on(self.exchange(request))?;
        let answer = Answer { exchange };
        if status.is_success() {
            return Ok(answer);
        }
        Err(answer.problem(status, media_type.as_ref()))
    }

    async fn exchange(
        &self,
        request: Request<Outgoing>,
    ) -> Result<(StatusCode, Option<HeaderValue>, Exchange), ClientError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| ClientError::connecting(&self.socket, error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| ClientError::http(&error))?;
        let mut driver = Driver(Some(Box::pin(connection)));
        let mut answer = pin!(sender.send_request(request));
        let answer = poll_fn(|context| {
            driver.poll(context);
            answer.as_mut().poll(context)
        })
        .await
        .map_err(|error| ClientError::http(&error))?;
        let (head, body) = answer.into_parts();
        let exchange = Exchange {
            runtime: self.runtime.clone(),
            driver,
            body,
            canceller: Canceller::default(),
        };
        let media_type = head.headers.get(CONTENT_TYPE).cloned();
        Ok((head.status, media_type, exchange))
    }
}

/// What makes a connection go on; it goes with whoever reads its answer.
struct Driver(Option<Pin<Box<UnixConnection>>>);

type UnixConnection = Connection<TokioIo<UnixStream>, Outgoing>;

impl Driver {
    fn poll(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = &mut self.0
            && connection.as_mut().poll(context).is_ready()
        {
            // Whether it ended well is told where the answer is read.
            self.0 = None;
        }
    }
}

/// The body of an answer while it comes.
pub(super) struct Exchange {
    runtime: Arc<Runtime>,
    driver: Driver,
    body: Incoming,
    canceller: Canceller,
}

impl Exchange {
    /// The next bytes; none at the end, or when it was cancelled.
    pub(super) fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        let Self {
            runtime,
            driver,
            body,
            canceller,
        } = self;
        loop {
            let frame = runtime.block_on(poll_fn(|context| {
                if canceller.is_cancelled(context) {
                    return Poll::Ready(None);
                }
                driver.poll(context);
                Pin::new(&mut *body).poll_frame(context)
            }));
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(ClientError::http(&error)),
                Some(Ok(frame)) => {
                    // Trailers say nothing that we ask for.
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    pub(super) fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }
}

/// An answer that is no problem.
pub(super) struct Answer {
    exchange: Exchange,
}

impl Answer {
    /// All of it, as JSON.
    pub(super) fn json<T: DeserializeOwned>(mut self) -> Result<T, ClientError> {
        let bytes = self.whole()?;
        serde_json::from_slice(&bytes).map_err(ClientError::broken)
    }

    /// Waits for its end; what is in it does not count.
    pub(super) fn ignore(mut self) -> Result<(), ClientError> {
        while self.exchange.chunk()?.is_some() {}
        Ok(())
    }

    pub(super) fn lines<T>(self) -> Lines<T> {
        Lines::new(self.exchange)
    }

    pub(super) fn download(self) -> Download {
        Download::new(self.exchange)
    }

    fn whole(&mut self) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.exchange.chunk()? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(ClientError::broken(format_args!(
                    "it has more than {} MiB",
                    ANSWER_BYTES_MAX >> 20
                )));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn problem(mut self, status: StatusCode, media_type: Option<&HeaderValue>) -> ClientError {
        let bytes = match self.whole() {
            Ok(bytes) => bytes,
            Err(error) => return error,
        };
        let is_problem = media_type
            .is_some_and(|value| value.as_bytes().starts_with(problem::MEDIA_TYPE.as_bytes()));
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) if is_problem => ClientError::Problem(problem),
            _ => {
                let text = String::from_utf8_lossy(&bytes);
                let told: String = text.trim().chars().take(TOLD_CHARACTERS_MAX).collect();
                ClientError::broken(format_args!("{status} and {told:?}"))
            }
        }
    }
}

/// What is sent with a request.
pub(super) enum Outgoing {
    /// Nothing.
    Empty,
    /// JSON.
    Json(Option<Bytes>),
    /// Bytes as they can be read.
    Stream {
        /// Where they come from.
        reader: Box<dyn Read + Send>,
        /// What they are.
        media_type: &'static str,
        /// Whether what was read last still has to be sent: it must not wait for what is read next.
        sending: bool,
    },
}

impl Outgoing {
    pub(super) fn json(value: &impl Serialize) -> Result<Self, ClientError> {
        let bytes = serde_json::to_vec(value)
            .map_err(|error| ClientError::broken(format_args!("the request: {error}")))?;
        Ok(Self::Json(Some(bytes.into())))
    }

    pub(super) fn archive(reader: impl Read + Send + 'static) -> Self {
        Self::stream(reader, "application/x-tar")
    }

    pub(super) fn bytes(reader: impl Read + Send + 'static) -> Self {
        Self::stream(reader, "application/octet-stream")
    }

    fn stream(reader: impl Read + Send + 'static, media_type: &'static str) -> Self {
        Self::Stream {
            reader: Box::new(reader),
            media_type,
            sending: false,
        }
    }

    const fn media_type(&self) -> Option<&'static str> {
        match self {
            Self::Empty => None,
            Self::Json(_) => Some("application/json"),
            Self::Stream { media_type, .. } => Some(media_type),
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Json(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream {
                reader, sending, ..
            } => {
                if std::mem::take(sending) {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                *sending = true;
                Poll::Ready(read_chunk(reader).map(|chunk| chunk.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty | Self::Json(None))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Empty | Self::Json(None) => hyper::body::SizeHint::with_exact(0),
            Self::Json(Some(bytes)) => hyper::body::SizeHint::with_exact(bytes.len() as u64),
            Self::Stream { .. } => hyper::body::SizeHint::default(),
        }
    }
}

/// The next bytes, none at the end. This waits: a connection carries one request, and has nothing else to do.
fn read_chunk(reader: &mut dyn Read) -> Option<io::Result<Bytes>> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return None,
            Ok(count) => {
                buffer.truncate(count);
                return Some(Ok(buffer.into()));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Some(Err(error)),
        }
    }
}
