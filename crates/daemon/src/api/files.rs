//! Files in containers' volumes, as tar archives.

use std::io::{self, Read, Write};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use http_body_util::BodyExt;
use serde::Deserialize;
use thimble_device_api::Problem;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::device::Device;
use crate::files;

use super::reply::{Fault, PIECES_MAX, blocking, pieces};
use super::request::{Asked, Named};

/// Bytes of a piece of an archive.
const PIECE_BYTES: usize = 32 << 10;

pub(super) fn routes() -> OpenApiRouter<Arc<Device>> {
    OpenApiRouter::new().routes(routes!(read, write))
}

type Shared = State<Arc<Device>>;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Place {
    /// Absolute path inside the container, in one of its volumes.
    path: String,
}

/// Sends a file, or a folder with everything in it, as a tar archive.
#[utoipa::path(get, path = "/v1/containers/{name}/files", tag = "containers",
    params(("name" = String, Path, description = "Name, id, or enough of the id"), Place),
    responses((status = 200, body = String, content_type = "application/x-tar"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn read(
    State(device): Shared,
    Named(name): Named,
    Asked(place): Asked<Place>,
) -> Result<Response, Fault> {
    let entry = device.find(&name)?;
    let source = blocking(move || {
        let place = device.place(&entry, &place.path)?;
        place.open()
    })
    .await?;
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    spawn_blocking(move || {
        let mut writer = Pieces {
            sender,
            pending: Vec::new(),
        };
        // A reader that goes away, or a file that vanishes, cuts the archive short, which its reader sees.
        if let Err(error) = source.write_to(&mut writer).and_then(|()| writer.flush()) {
            tracing::debug!("an archive was cut short: {error}");
        }
    });
    Ok(pieces("application/x-tar", receiver))
}

/// Writes the files of a tar archive below a folder.
#[utoipa::path(put, path = "/v1/containers/{name}/files", tag = "containers",
    params(("name" = String, Path, description = "Name, id, or enough of the id"), Place),
    request_body(content = String, content_type = "application/x-tar"),
    responses((status = 204, description = "It is written"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
        (status = 507, body = Problem, content_type = "application/problem+json")))]
async fn write(
    State(device): Shared,
    Named(name): Named,
    Asked(place): Asked<Place>,
    mut body: Body,
) -> Result<StatusCode, Fault> {
    let entry = device.find(&name)?;
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(PIECES_MAX);
    let writing = spawn_blocking(move || {
        let place = device.place(&entry, &place.path)?;
        let received = Received {
            receiver,
            piece: Bytes::new(),
        };
        let written = files::unpack(&place, received);
        if let Some(volume) = &place.volume {
            device.volumes.recount(volume);
        }
        written
    });
    while let Some(frame) = body.frame().await {
        // A client that breaks off is not one whose archive has ended.
        let piece = match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(_)) => continue,
            Err(error) => Err(io::Error::other(error)),
        };
        if sender.send(piece).await.is_err() {
            // It has failed, or has all it wants; it says which.
            break;
        }
    }
    drop(sender);
    blocking(
        move || match tokio::runtime::Handle::current().block_on(writing) {
            Ok(result) => result,
            Err(_) => Err(Problem::new(
                thimble_device_api::ProblemKind::DeviceFault,
                "the daemon failed while it wrote the files; its log says more",
            )),
        },
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends what is written.
struct Pieces {
    sender: mpsc::Sender<Bytes>,
    pending: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.pending);
        self.sender
            .blocking_send(piece.into())
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Reads what is received.
struct Received {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Received {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.piece.len());
        let taken = self.piece.split_to(count);
        if let Some(into) = buffer.get_mut(..count) {
            into.copy_from_slice(&taken);
        }
        Ok(count)
    }
}
