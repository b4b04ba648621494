//! `POST /d/v1/enrol`: how a device becomes one of the fleet, and how it renews its certificate.
//!
//! A device is known by its key, which the certification request proves that it has; a request that is sent again gets the
//! same answer, so that nothing is lost with an answer that did not arrive.

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use thimble_protocol::enrol::Issued;
use thimble_protocol::limits::ENROL_REQUEST_BYTES_MAX;
use thimble_protocol::{EnrolReply, EnrolRequest};

use super::answer::{CBOR, Payload, Problem, full};
use super::body::{read, undecodable};
use super::fleet::{EnrolDecision, EnrolRefused, Enrolment};
use super::route::Peer;
use crate::authority::{DeviceIdentity, DeviceKey, Lifetime};

/// Enrols a device, or renews its certificate.
pub(super) async fn answer(
    peer: &Peer,
    request: Request<Incoming>,
) -> Result<Response<Payload>, Problem> {
    let side = &peer.side;
    let now = side.now();
    if let Some(seconds) = side.failures.wait_s(peer.address, now) {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-refusals",
            "Too many enrolments were refused",
            "too many enrolments from this address were refused: check the claim code, and try again later",
        )
        .retry_after(seconds)
        .ending());
    }
    let present = match &peer.presented {
        None => None,
        Some(_) => Some(peer.device().await?.0.identity),
    };
    let enrolment = read_enrolment(peer, request, present).await?;
    let authority = side.authority();
    let lifetime = Lifetime::from_now(now, side.settings.certificate_s);
    let issue =
        |identity: &DeviceIdentity| authority.issue(&enrolment.key, identity, lifetime, now);
    let permit = side.enter().await?;
    let decision = side.fleet.enrol(&enrolment, &issue).await;
    drop(permit);
    let (device, der) = match decision {
        Err(error) => return Err(side.failed("deciding about an enrolment", &error)),
        Ok(EnrolDecision::Pending) => return Ok(pending(peer, &enrolment)),
        Ok(EnrolDecision::Refused(refused)) => {
            side.failures.add(peer.address, now);
            return Err(refusal(&refused));
        }
        Ok(EnrolDecision::Issued { device, der }) => (device, der),
    };
    side.versions.set(&device);
    let identity = device.identity;
    let issuer = authority.issuer_of(&der);
    let chain = core::iter::once(der).chain(issuer).collect();
    let keys = side.keys(identity.tenant).await?;
    let reply = EnrolReply::Issued(Issued {
        device: identity.device,
        chain,
        authorities: vec![authority.root().to_vec()],
        keys: keys.all(),
        hub: side.settings.public_url.clone(),
    });
    Ok(full(StatusCode::OK, CBOR, reply.encode()))
}

async fn read_enrolment(
    peer: &Peer,
    request: Request<Incoming>,
    present: Option<DeviceIdentity>,
) -> Result<Enrolment, Problem> {
    let side = &peer.side;
    let (head, body) = request.into_parts();
    let timeout = side.settings.body_timeout;
    let bytes = read(&head.headers, body, ENROL_REQUEST_BYTES_MAX, timeout).await?;
    let request = EnrolRequest::decode(&bytes)
        .map_err(|error| undecodable("an enrolment request", &error))?;
    let key = DeviceKey::from_request(&request.csr).map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "certification-request",
            "The certification request is refused",
            error.to_string(),
        )
    })?;
    Ok(Enrolment {
        key,
        csr: request.csr,
        claim_code: request.claim_code,
        capabilities: request.capabilities,
        present,
        now: side.now(),
        renew_left_s: side.settings.renew_left_s,
    })
}

fn pending(peer: &Peer, enrolment: &Enrolment) -> Response<Payload> {
    let side = &peer.side;
    let retry_s = side.settings.pending_retry_s;
    let reply = EnrolReply::Pending {
        retry_s: retry_s.saturating_add(side.jitter.below(retry_s / 2 + 1)),
        fingerprint: enrolment.key.fingerprint(),
    };
    full(StatusCode::ACCEPTED, CBOR, reply.encode())
}

fn refusal(refused: &EnrolRefused) -> Problem {
    let forbidden =
        |kind, title, detail: &str| Problem::new(StatusCode::FORBIDDEN, kind, title, detail);
    match refused {
        EnrolRefused::Code => forbidden(
            "claim-code",
            "The claim code is not good",
            "there is no such claim code, or it is used up or over: ask whoever runs the fleet for another one",
        ),
        EnrolRefused::Rejected => forbidden(
            "rejected",
            "The device was rejected",
            "whoever runs the fleet rejected, revoked or retired this device: they can take it in again",
        ),
        EnrolRefused::NoTenant => forbidden(
            "claim-code-missing",
            "A claim code is needed",
            "this hub takes no devices without a claim code: ask whoever runs the fleet for one",
        ),
        EnrolRefused::SerialTaken { serial, device } => Problem::new(
            StatusCode::CONFLICT,
            "serial-taken",
            "Another device has this serial number",
            format!(
                "device {device} has the serial number `{serial}` and another key: if this is the same device with a new \
                 key, retire {device} first; if not, correct the serial number"
            ),
        ),
    }
}
