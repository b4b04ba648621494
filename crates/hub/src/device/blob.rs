//! `GET /d/v1/blob/{digest}`: manifests, and the blobs that they name, for devices whose state names them.
//!
//! Which these are is read from the state and its manifests once and remembered. A blob that the device's state does not
//! name is not found, whether the tenant has it or not.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use hyper::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};
use hyper::{Request, Response, StatusCode};
use thimble_image::Digest;
use thimble_protocol::sign::{Envelope, Kind};
use thimble_protocol::{DesiredState, Manifest, StateVersion};

use super::answer::{Payload, Problem, empty};
use super::fleet::{ByteStream, FleetError};
use super::route::Peer;
use crate::authority::{DeviceIdentity, TenantId};

/// Devices, and manifests, whose names are remembered at once: some 100 bytes each.
const REMEMBERED_MAX: usize = 50_000;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    digest: Digest,
    range: Option<Range>,
}

/// Bytes from one on, and the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: u64,
    last: Option<u64>,
}

impl Wanted {
    /// Reads the request.
    ///
    /// # Errors
    /// The digest or the range is none.
    pub(super) fn of<B>(request: &Request<B>) -> Result<Self, Problem> {
        let text = request
            .uri()
            .path()
            .strip_prefix("/d/v1/blob/")
            .unwrap_or_default();
        let digest = text.parse().map_err(|error| {
            malformed(format!(
                "{:?} is not the digest of a blob: {error}",
                short(text)
            ))
        })?;
        let range = match request.headers().get(RANGE) {
            None => None,
            Some(value) => Some(parse_range(value)?),
        };
        Ok(Self { digest, range })
    }
}

fn parse_range(value: &HeaderValue) -> Result<Range, Problem> {
    let text = value.to_str().unwrap_or_default();
    let parsed = text.strip_prefix("bytes=").and_then(|range| {
        let (first, last) = range.split_once('-')?;
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse().ok()).flatten()
        };
        let last = match last {
            "" => None,
            last => Some(number(last)?),
        };
        Some(Range {
            first: number(first)?,
            last,
        })
    });
    match parsed {
        Some(range) if range.last.is_none_or(|last| last >= range.first) => Ok(range),
        _ => Err(malformed(format!(
            "`Range` is {:?}; `bytes=FIRST-` and `bytes=FIRST-LAST` are understood",
            short(text)
        ))),
    }
}

fn malformed(detail: String) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed",
        "Malformed request",
        detail,
    )
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

fn no_such_blob(digest: &Digest) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-such-blob",
        "No such blob",
        format!(
            "the device's state names no blob {digest}: poll the state again, it may have changed"
        ),
    )
}

/// Sends a blob, or a part of it.
pub(super) async fn answer(peer: &Peer, wanted: Wanted) -> Result<Response<Payload>, Problem> {
    let side = &peer.side;
    let (presented, known) = peer.device().await?;
    let identity = presented.identity;
    if !is_named(peer, identity, known.version, wanted.digest).await? {
        return Err(no_such_blob(&wanted.digest));
    }
    let Ok(place) = Arc::clone(&side.blobs).try_acquire_owned() else {
        return Err(side.busy(format!(
            "{} blobs are being sent: come again later",
            side.settings.blobs_max
        )));
    };
    let range = match wanted.range {
        None => 0..u64::MAX,
        Some(range) => range.first..range.last.map_or(u64::MAX, |last| last.saturating_add(1)),
    };
    let found = side.fleet.blob(identity.tenant, wanted.digest, range).await;
    let (bytes, stream) = found
        .map_err(|error| side.failed("reading a blob", &error))?
        .ok_or_else(|| no_such_blob(&wanted.digest))?;
    // The place is taken for as long as the blob is being sent.
    let stream = stream
        .inspect(move |_| {
            let _ = &place;
        })
        .boxed();
    Ok(respond(wanted.range, bytes, stream))
}

fn respond(range: Option<Range>, bytes: u64, stream: ByteStream) -> Response<Payload> {
    let first = range.map_or(0, |range| range.first);
    if range.is_some() && first >= bytes {
        let mut response = empty(StatusCode::RANGE_NOT_SATISFIABLE);
        insert(&mut response, CONTENT_RANGE, &format!("bytes */{bytes}"));
        return response;
    }
    let last = range
        .and_then(|range| range.last)
        .map_or(bytes.saturating_sub(1), |last| {
            last.min(bytes.saturating_sub(1))
        });
    let length = (last + 1).saturating_sub(first).min(bytes);
    let mut response = Response::new(Payload::Stream(stream, length));
    if range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        insert(
            &mut response,
            CONTENT_RANGE,
            &format!("bytes {first}-{last}/{bytes}"),
        );
    }
    let headers = response.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let media_type = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, media_type);
    response
}

fn insert(response: &mut Response<Payload>, name: hyper::header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Whether a device's state names a blob: as a manifest, or in one.
async fn is_named(
    peer: &Peer,
    identity: DeviceIdentity,
    version: StateVersion,
    digest: Digest,
) -> Result<bool, Problem> {
    let manifests = manifests_of(peer, identity, version).await?;
    if manifests.contains(&digest) {
        return Ok(true);
    }
    for manifest in manifests.iter() {
        if blobs_of(peer, identity.tenant, *manifest)
            .await?
            .contains(&digest)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The manifests of a device's state.
async fn manifests_of(
    peer: &Peer,
    identity: DeviceIdentity,
    version: StateVersion,
) -> Result<Arc<[Digest]>, Problem> {
    let side = &peer.side;
    let remembered = side.named.lock().states.get(&identity.device).cloned();
    if let Some((of, manifests)) = remembered
        && of == version
    {
        return Ok(manifests);
    }
    let _permit = side.enter().await?;
    let stored = side.fleet.state(identity).await;
    let Some(stored) = stored.map_err(|error| side.failed("reading a state", &error))? else {
        return Ok(Arc::from([]));
    };
    let state = DesiredState::decode(&stored.payload).map_err(|error| {
        tracing::error!(device = %identity.device, error = &error as &dyn std::error::Error, "a kept state cannot be read");
        side.internal()
    })?;
    let manifests: Arc<[Digest]> = state.items.iter().map(|item| item.manifest).collect();
    let mut named = side.named.lock();
    if named.states.len() >= REMEMBERED_MAX {
        named.states.clear();
    }
    let remembered = (stored.version, Arc::clone(&manifests));
    named.states.insert(identity.device, remembered);
    Ok(manifests)
}

/// The blobs that a manifest names.
async fn blobs_of(peer: &Peer, tenant: TenantId, digest: Digest) -> Result<Arc<[Digest]>, Problem> {
    let side = &peer.side;
    let remembered = side.named.lock().manifests.get(&(tenant, digest)).cloned();
    if let Some(blobs) = remembered {
        return Ok(blobs);
    }
    let envelope = read_manifest(peer, tenant, digest)
        .await
        .map_err(|error| side.failed("reading a manifest", &error))?;
    let manifest = Envelope::parse(&envelope, Kind::Manifest)
        .ok()
        .and_then(|envelope| Manifest::decode(envelope.payload()).ok())
        .ok_or_else(|| {
            side.failed(
                "reading a manifest",
                &FleetError::Damaged { what: "a manifest" },
            )
        })?;
    let images = manifest.containers.iter().map(|container| &container.image);
    let blobs: Arc<[Digest]> = images
        .flat_map(|image| {
            let referrers = image.referrers.iter().map(|blob| blob.digest);
            [image.manifest, image.config, image.layer]
                .into_iter()
                .chain(referrers)
        })
        .collect();
    let mut named = side.named.lock();
    if named.manifests.len() >= REMEMBERED_MAX {
        named.manifests.clear();
    }
    named.manifests.insert((tenant, digest), Arc::clone(&blobs));
    Ok(blobs)
}

async fn read_manifest(
    peer: &Peer,
    tenant: TenantId,
    digest: Digest,
) -> Result<Vec<u8>, FleetError> {
    let found = peer.side.fleet.blob(tenant, digest, 0..u64::MAX).await?;
    let damaged = FleetError::Damaged { what: "a manifest" };
    let Some((bytes, mut stream)) = found else {
        return Err(damaged);
    };
    if bytes > u64::from(Kind::Manifest.bytes_max()) {
        return Err(damaged);
    }
    let mut envelope = Vec::new();
    let read = async {
        while let Some(piece) = stream.try_next().await? {
            envelope.extend_from_slice(&piece);
        }
        Ok::<(), std::io::Error>(())
    };
    read.await
        .map_err(|error| FleetError::Unavailable(Box::new(error)))?;
    Ok(envelope)
}
