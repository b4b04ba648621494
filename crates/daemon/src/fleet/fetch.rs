//! Downloads: one blob after the other, over a connection of their own, gone on with where the last attempt ended.

use std::sync::Arc;

use axum::body::Bytes;
use thimble_agent::action::Ticket;
use thimble_agent::event::Failure;
use thimble_image::Digest;
use thimble_protocol::manifest::Blob;
use thimble_protocol::report::ReasonCode;
use thimble_protocol::session::Exchange;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::images::{BlobSink, ImageFault};

use super::link::{Answer, Link, LinkError};
use super::work::{Worker, image_failure};

/// Pieces on their way from the connection to the disk: some 16 KiB each.
const PIECES_MAX: usize = 8;

/// A download.
pub(super) struct Download {
    pub(super) ticket: Ticket,
    pub(super) blob: Blob,
    /// Where the hub is.
    pub(super) base: String,
    /// The request for all of it.
    pub(super) exchange: Exchange,
}

/// How a download ended.
pub(super) struct Downloaded {
    pub(super) ticket: Ticket,
    pub(super) digest: Digest,
    pub(super) result: Result<(), DownloadError>,
    /// Whether the hub answered on the way.
    pub(super) is_hub_there: bool,
}

/// Why a blob did not come.
#[derive(Debug)]
#[non_exhaustive]
pub(super) enum DownloadError {
    /// The hub cannot be reached, or the connection broke.
    Link(LinkError),
    /// The hub does not give it.
    Status {
        /// What it answers.
        status: u16,
    },
    /// The hub sends another part than was asked for, or more than the blob has.
    Range,
    /// It ended before the blob did.
    Short {
        /// Bytes that are here.
        here: u64,
        /// Bytes that it has.
        bytes: u64,
    },
    /// It cannot be kept, or is not what its digest says.
    Image(ImageFault),
    /// The daemon is going down.
    Ending,
}

impl std::fmt::Display for DownloadError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Link(error) => error.fmt(formatter),
            Self::Status { status } => write!(formatter, "the hub answers {status}"),
            Self::Range => formatter.write_str("the hub sends another part than was asked for"),
            Self::Short { here, bytes } => {
                write!(formatter, "it ended after {here} of {bytes} bytes")
            }
            Self::Image(fault) => fault.fmt(formatter),
            Self::Ending => formatter.write_str("the daemon is going down"),
        }
    }
}

impl std::error::Error for DownloadError {}

impl DownloadError {
    /// The same for the agent.
    pub(super) fn failure(self, digest: &Digest) -> Failure {
        let text = format!("{digest}: {self}");
        match self {
            Self::Image(ImageFault::Unfit { .. }) => Failure {
                code: ReasonCode::WrongDigest,
                text,
                // The hub may mend it: what was received is forgotten.
                is_passing: true,
            },
            Self::Image(fault) => Failure {
                text,
                ..image_failure(fault)
            },
            _ => Failure {
                code: ReasonCode::Unavailable,
                text,
                is_passing: true,
            },
        }
    }
}

/// Downloads what is asked for, in that order, until nobody asks any more.
pub(super) async fn run(
    worker: Arc<Worker>,
    mut link: Link,
    mut wanted: mpsc::UnboundedReceiver<Download>,
    told: impl Fn(Downloaded),
) {
    loop {
        let download = match wanted.try_recv() {
            Ok(download) => download,
            Err(mpsc::error::TryRecvError::Disconnected) => return,
            Err(mpsc::error::TryRecvError::Empty) => {
                // Nothing is left open for the time until the next update.
                link.close();
                match wanted.recv().await {
                    Some(download) => download,
                    None => return,
                }
            }
        };
        let mut is_hub_there = false;
        let result = fetch(&worker, &mut link, &download, &mut is_hub_there).await;
        if result.is_err() {
            link.close();
        }
        told(Downloaded {
            ticket: download.ticket,
            digest: download.blob.digest,
            result,
            is_hub_there,
        });
    }
}

async fn fetch(
    worker: &Arc<Worker>,
    link: &mut Link,
    download: &Download,
    is_hub_there: &mut bool,
) -> Result<(), DownloadError> {
    let Blob { digest, bytes } = download.blob;
    let opening = Arc::clone(worker);
    let sink = off_thread(move || receive(&opening, &digest, bytes.into())).await?;
    if let Some(sink) = sink {
        let sink = if sink.offset() < u64::from(bytes) {
            let mut answer = request(link, download, sink.offset()).await?;
            *is_hub_there = true;
            transfer(&mut answer, sink, bytes.into()).await?
        } else {
            sink
        };
        let here = sink.offset();
        if here < u64::from(bytes) {
            return Err(DownloadError::Short {
                here,
                bytes: bytes.into(),
            });
        }
        off_thread(move || sink.commit()).await?;
    }
    let fetched = Arc::clone(worker);
    off_thread(move || {
        fetched.fetched(&digest);
        Ok(())
    })
    .await
}

/// Makes room if there is none.
fn receive(
    worker: &Worker,
    digest: &Digest,
    bytes: u64,
) -> Result<Option<Box<dyn BlobSink>>, ImageFault> {
    let images = &worker.device.images;
    match images.receive(&worker.hold, digest, bytes) {
        Err(ImageFault::NoSpace { .. }) => {
            images.prune()?;
            images.receive(&worker.hold, digest, bytes)
        }
        result => result,
    }
}

async fn request(
    link: &mut Link,
    download: &Download,
    offset: u64,
) -> Result<Answer, DownloadError> {
    let mut exchange = download.exchange.clone();
    if offset > 0 {
        exchange.headers.push(("Range", format!("bytes={offset}-")));
    }
    let answer = link
        .send(&download.base, &exchange)
        .await
        .map_err(DownloadError::Link)?;
    match answer.status {
        200 => Ok(answer),
        206 if answer.range_begin() == Some(offset) => Ok(answer),
        206 => Err(DownloadError::Range),
        status => Err(DownloadError::Status { status }),
    }
}

/// Moves the body to the disk, each on a thread of its own.
async fn transfer(
    answer: &mut Answer,
    mut sink: Box<dyn BlobSink>,
    bytes: u64,
) -> Result<Box<dyn BlobSink>, DownloadError> {
    let begins_anew = answer.status == 200 && sink.offset() > 0;
    let (sender, mut pieces) = mpsc::channel::<Bytes>(PIECES_MAX);
    let writing = spawn_blocking(move || {
        if begins_anew {
            sink.restart()?;
        }
        while let Some(piece) = pieces.blocking_recv() {
            sink.write(&piece)?;
        }
        Ok(sink)
    });
    let mut received = 0_u64;
    let mut broken = None;
    loop {
        match answer.piece().await {
            Ok(None) => break,
            Ok(Some(piece)) => {
                received = received.saturating_add(piece.len() as u64);
                if received > bytes {
                    broken = Some(DownloadError::Range);
                    break;
                }
                // Whoever writes has failed: it says why.
                if sender.send(piece).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                broken = Some(DownloadError::Link(error));
                break;
            }
        }
    }
    drop(sender);
    let written: Result<Box<dyn BlobSink>, ImageFault> =
        writing.await.map_err(|_| DownloadError::Ending)?;
    let sink = written.map_err(DownloadError::Image)?;
    broken.map_or(Ok(sink), Err)
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImageFault> + Send + 'static,
) -> Result<T, DownloadError> {
    match spawn_blocking(work).await {
        Ok(result) => result.map_err(DownloadError::Image),
        Err(_) => Err(DownloadError::Ending),
    }
}
