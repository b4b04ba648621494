//! Images: fetched by a child process, or loaded from an archive.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::process::Stdio;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http_body_util::BodyExt;
use thimble_device_api::{LoadedImage, Problem, ProblemKind, PullProgress, PullRequest};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::device::{Device, disk_problem};

use super::reply::{Fault, LINES, PIECES_MAX, blocking, line, pieces};
use super::request::Declared;

/// Bytes of an archive at most: more than any image for a device.
const ARCHIVE_BYTES_MAX: u64 = 1 << 30;
/// Bytes of a line that a child writes at most.
const LINE_BYTES_MAX: usize = 64 << 10;

pub(super) fn routes() -> OpenApiRouter<Arc<Device>> {
    OpenApiRouter::new()
        .routes(routes!(pull))
        .routes(routes!(load))
}

type Shared = State<Arc<Device>>;

/// Fetches an image from its registry; sends its progress, a JSON object a line. The last line has `digest` or `problem`.
#[utoipa::path(post, path = "/v1/images/pull", tag = "images", request_body = PullRequest,
    responses((status = 200, body = PullProgress, content_type = "application/x-ndjson"),
        (status = 422, body = Problem, content_type = "application/problem+json")))]
async fn pull(
    State(device): Shared,
    Declared(request): Declared<PullRequest>,
) -> Result<Response, Fault> {
    if let Err(error) = request.reference.parse::<thimble_image::Reference>() {
        return Err(Problem::new(
            ProblemKind::Invalid,
            format_args!(
                "{:?} is not the name of an image: {error}",
                request.reference
            ),
        )
        .about("reference")
        .into());
    }
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    spawn_blocking(move || {
        let last = match fetch(&device, &request, &sender) {
            Ok(digest) => PullProgress {
                digest: Some(digest),
                ..PullProgress::default()
            },
            Err(problem) => PullProgress {
                problem: Some(problem.about(&request.reference)),
                ..PullProgress::default()
            },
        };
        // Whoever asked may have gone away.
        drop(sender.blocking_send(line(&last)));
    });
    Ok(pieces(LINES, receiver))
}

/// Runs the child that fetches, and passes on what it says.
fn fetch(
    device: &Device,
    request: &PullRequest,
    sender: &mpsc::Sender<axum::body::Bytes>,
) -> Result<String, Problem> {
    let failed = |error: &dyn std::fmt::Display| {
        Problem::new(
            ProblemKind::DeviceFault,
            format_args!("fetching the image: {error}"),
        )
    };
    let mut child = device
        .images
        .pull(request)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    let mut last = String::new();
    if let Some(stderr) = child.stderr.take() {
        let mut lines = BufReader::new(stderr);
        let mut bytes = Vec::new();
        while read_line(&mut lines, &mut bytes) {
            last = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            let progress = PullProgress {
                status: Some(last.clone()),
                ..PullProgress::default()
            };
            if sender.blocking_send(line(&progress)).is_err() {
                // Nobody listens any more; what was fetched so far stays and is used the next time.
                drop(child.kill());
                break;
            }
        }
    }
    let status = child.wait().map_err(|error| failed(&error))?;
    if status.success() {
        return Ok(device
            .images
            .open(&request.reference, None)?
            .identity
            .digest);
    }
    let kind = match status.code() {
        Some(127) => ProblemKind::NoSuchImage,
        Some(126) => ProblemKind::ImageUnfit,
        _ => ProblemKind::Upstream,
    };
    let reason = last.strip_prefix("thimble: ").unwrap_or(&last);
    Err(Problem::new(kind, reason))
}

/// Reads a line; what is longer than it may be is cut.
fn read_line(lines: &mut impl BufRead, bytes: &mut Vec<u8>) -> bool {
    bytes.clear();
    let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
    matches!(std::io::Read::take(lines, limit).read_until(b'\n', bytes), Ok(count) if count > 0)
}

/// Takes the image in an archive: a tar file that is an OCI image layout.
#[utoipa::path(post, path = "/v1/images/load", tag = "images",
    request_body(content = String, content_type = "application/x-tar"),
    responses((status = 200, body = LoadedImage),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
        (status = 507, body = Problem, content_type = "application/problem+json")))]
async fn load(State(device): Shared, body: Body) -> Result<Json<LoadedImage>, Fault> {
    let file = received(&device, body, "the archive").await?;
    blocking(move || Ok(device.images.load(file)?))
        .await
        .map(Json)
}

/// Keeps a body in a file that has no name, to be read from its beginning.
pub(super) async fn received(
    device: &Device,
    mut body: Body,
    what: &'static str,
) -> Result<File, Fault> {
    let root = device.facts.root.clone();
    let keeping = move |error: std::io::Error| disk_problem(&format!("keeping {what}"), &error);
    let mut file = blocking(move || tempfile::tempfile_in(root).map_err(keeping)).await?;
    let mut received: u64 = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(
                ProblemKind::Malformed,
                format_args!("{what} could not be received: {error}"),
            )
        })?;
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        received = received.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if received > ARCHIVE_BYTES_MAX {
            return Err(Problem::new(
                ProblemKind::TooLarge,
                format_args!("{what} has more than {ARCHIVE_BYTES_MAX} bytes"),
            )
            .into());
        }
        file = blocking(move || {
            file.write_all(&bytes).map_err(keeping)?;
            Ok(file)
        })
        .await?;
    }
    blocking(move || {
        file.seek(SeekFrom::Start(0))
            .map_err(|error| disk_problem(&format!("reading {what}"), &error))?;
        Ok(file)
    })
    .await
}
