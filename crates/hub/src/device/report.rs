//! `POST /d/v1/report`: what a device tells of itself.

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use thimble_protocol::Report;
use thimble_protocol::limits::REPORT_BYTES_MAX;

use super::answer::{CBOR, Payload, Problem, full};
use super::body::{countable, read, undecodable};
use super::route::Peer;

/// Takes a report.
pub(super) async fn answer(
    peer: &Peer,
    request: Request<Incoming>,
) -> Result<Response<Payload>, Problem> {
    let side = &peer.side;
    let (presented, _) = peer.device().await?;
    let identity = presented.identity;
    let (head, body) = request.into_parts();
    let timeout = side.settings.body_timeout;
    let bytes = read(&head.headers, body, REPORT_BYTES_MAX, timeout).await?;
    drop(head);
    let report = Report::decode(&bytes).map_err(|error| undecodable("a report", &error))?;
    drop(bytes);
    for (what, number) in [
        ("the report's sequence", report.sequence),
        ("the adopted version", report.adopted.0),
        ("the committed version", report.committed.0),
    ] {
        countable(what, number)?;
    }
    let now = side.now();
    let permit = side.enter().await?;
    let reported = side.fleet.report(identity, &report, now).await;
    drop(permit);
    let reported = reported.map_err(|error| side.failed("taking a report", &error))?;
    if !reported.is_old {
        side.versions.reported(identity.device);
    }
    let mut reply = reported.reply;
    let left_s = presented.not_after.saturating_sub(now.0);
    reply.renew_certificate |= left_s < side.settings.renew_left_s;
    Ok(full(StatusCode::OK, CBOR, reply.encode()))
}
