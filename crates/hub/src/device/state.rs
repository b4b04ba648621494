//! `GET /d/v1/state`: what a device is to be, or that it is that already.

use core::time::Duration;

use hyper::header::{ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::{Request, Response, StatusCode};
use thimble_protocol::sign::{Kind, sign_payload};
use thimble_protocol::{ETag, StateVersion};

use super::answer::{COSE, Payload, Problem, empty, full};
use super::body::countable;
use super::pace::{next_poll_s, next_wait_s};
use super::route::Peer;
use super::versions::{Known, Unparked};
use crate::authority::DeviceIdentity;

const NEXT_POLL: HeaderName = HeaderName::from_static("next-poll");
const DELAY_APPLY: HeaderName = HeaderName::from_static("delay-apply");
const REPORT: HeaderName = HeaderName::from_static("report");

/// What a poll asks: all that is kept of it while it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// What the device has.
    has: Option<ETag>,
    /// How long it likes to wait for something newer.
    wait_s: u32,
}

impl Wanted {
    /// Reads the request.
    ///
    /// # Errors
    /// The tag is none of ours, or the wait is not a number.
    pub(super) fn of<B>(request: &Request<B>) -> Result<Self, Problem> {
        let has = match request.headers().get(IF_NONE_MATCH) {
            None => None,
            Some(value) => Some(parse_tag(value)?),
        };
        let mut wait_s = 0;
        for pair in request.uri().query().unwrap_or_default().split('&') {
            // Later devices may ask for more than this hub knows.
            if let Some(text) = pair.strip_prefix("wait=") {
                wait_s = text.parse().map_err(|_| {
                    malformed(format!("`wait` is {text:?}, not a number of seconds"))
                })?;
            }
        }
        Ok(Self { has, wait_s })
    }
}

fn parse_tag(value: &HeaderValue) -> Result<ETag, Problem> {
    let text = value.to_str().unwrap_or_default();
    text.parse().map_err(|error| {
        malformed(format!(
            "`If-None-Match` is not the tag of a state: {error}"
        ))
    })
}

fn malformed(detail: String) -> Problem {
    let detail = detail.chars().take(300).collect::<String>();
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed",
        "Malformed request",
        detail,
    )
}

/// How what a device has compares with what it is to have.
enum Compared {
    Same,
    Newer,
    /// The device has what this hub never gave it: the hub was restored from a backup.
    Ahead(StateVersion),
}

fn compare(has: Option<ETag>, known: &Known) -> Compared {
    // Nothing was ever declared for it here: it keeps what it has, whatever that is.
    let (Some(has), true) = (has, known.version > StateVersion(0)) else {
        return match known.version {
            StateVersion(0) => Compared::Same,
            _ => Compared::Newer,
        };
    };
    if has.version() > known.version {
        return Compared::Ahead(has.version());
    }
    if has.version() < known.version {
        return Compared::Newer;
    }
    if has.digest() == &known.digest {
        Compared::Same
    } else {
        Compared::Ahead(has.version())
    }
}

/// Answers a poll, at once or when there is something newer.
pub(super) async fn answer(peer: &Peer, wanted: Wanted) -> Result<Response<Payload>, Problem> {
    let side = &peer.side;
    let (presented, mut known) = peer.device().await?;
    let identity = presented.identity;
    let wait_s = wanted.wait_s.min(side.settings.wait_max_s);
    if wait_s > 0
        && !known.is_report_wanted
        && matches!(compare(wanted.has, &known), Compared::Same)
    {
        let park = side.versions.park(identity.device, &known);
        let wait = Duration::from_secs(u64::from(wait_s));
        match tokio::time::timeout(wait, park).await {
            // Whether it may still come in is asked again: that may be what changed.
            Ok(Unparked::Changed) => known = peer.device().await?.1,
            Err(_) => side.seen.mark(identity, side.now()),
            Ok(Unparked::Displaced | Unparked::Stopping) => {
                return Ok(unchanged(peer, wanted, &known, 0));
            }
        }
    }
    if let Compared::Ahead(beyond) = compare(wanted.has, &known) {
        countable("the version in If-None-Match", beyond.0)?;
        let _permit = side.enter().await?;
        let advanced = side.fleet.advance(identity, beyond, side.now()).await;
        let advanced =
            advanced.map_err(|error| side.failed("giving a state a later version", &error))?;
        tracing::info!(
            device = %identity.device,
            has = beyond.0,
            version = advanced.version.0,
            "a device is ahead of this hub; its state got a version beyond"
        );
        side.versions.set(&advanced);
    }
    match compare(wanted.has, &known) {
        Compared::Same => Ok(unchanged(peer, wanted, &known, wait_s)),
        Compared::Newer | Compared::Ahead(_) => changed(peer, identity, &known, wait_s).await,
    }
}

fn unchanged(peer: &Peer, wanted: Wanted, known: &Known, wait_s: u32) -> Response<Payload> {
    let mut response = empty(StatusCode::NOT_MODIFIED);
    if let Some(tag) = wanted.has {
        insert(&mut response, ETAG, &tag.to_string());
    }
    set_pace(peer, &mut response, known, wait_s);
    response
}

async fn changed(
    peer: &Peer,
    identity: DeviceIdentity,
    known: &Known,
    wait_s: u32,
) -> Result<Response<Payload>, Problem> {
    let side = &peer.side;
    let permit = side.enter().await?;
    let keys = side.keys(identity.tenant).await?;
    let stored = side.fleet.state(identity).await;
    drop(permit);
    let stored = stored
        .map_err(|error| side.failed("reading a state", &error))?
        .ok_or_else(|| side.internal())?;
    let tag = ETag::of(stored.version, &stored.payload);
    let envelope = sign_payload(Kind::State, stored.payload, keys.present()).map_err(|error| {
        tracing::error!(device = %identity.device, error = &error as &dyn std::error::Error, "cannot sign a state");
        side.internal()
    })?;
    let mut response = full(StatusCode::OK, COSE, envelope);
    insert(&mut response, ETAG, &tag.to_string());
    let delay_s = side
        .jitter
        .below(side.settings.delay_apply_max_s.saturating_add(1));
    response
        .headers_mut()
        .insert(DELAY_APPLY, HeaderValue::from(delay_s));
    set_pace(peer, &mut response, known, wait_s);
    Ok(response)
}

fn set_pace(peer: &Peer, response: &mut Response<Payload>, known: &Known, wait_s: u32) {
    let side = &peer.side;
    let load = side.load();
    let seconds = match wait_s {
        0 => next_poll_s(&side.settings, side.versions.len(), load, &side.jitter),
        _ => next_wait_s(&side.settings, load, &side.jitter),
    };
    let headers = response.headers_mut();
    headers.insert(NEXT_POLL, HeaderValue::from(seconds));
    if known.is_report_wanted {
        headers.insert(REPORT, HeaderValue::from_static("1"));
    }
}

fn insert(response: &mut Response<Payload>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
