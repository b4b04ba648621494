//! From a request to whoever answers it; who may ask is settled here, for every request anew.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::answer::{Payload, Problem};
use super::side::{DeviceSide, gone};
use super::versions::Known;
use super::{blob, enrol, report, state};
use crate::authority::verifier::Presented;
use crate::authority::{Standing, Standings as _};

/// The other end of a connection.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) side: Arc<DeviceSide>,
    /// Who it is, by a certificate that passed the handshake.
    pub(super) presented: Option<Presented>,
    pub(super) address: IpAddr,
}

/// Answers a request. Whatever is not needed of it is dropped before anything is waited for.
pub(super) async fn answer(peer: Arc<Peer>, request: Request<Incoming>) -> Response<Payload> {
    let answered = dispatch(&peer, request).await;
    answered.unwrap_or_else(Problem::into_response)
}

async fn dispatch(peer: &Peer, request: Request<Incoming>) -> Result<Response<Payload>, Problem> {
    let path = request.uri().path();
    let expected = match path {
        "/d/v1/state" => Method::GET,
        "/d/v1/report" | "/d/v1/enrol" => Method::POST,
        _ if path.starts_with("/d/v1/blob/") => Method::GET,
        _ => return Err(no_such_path(path)),
    };
    if request.method() != expected {
        return Ok(no_such_method(request.method(), &expected));
    }
    match path {
        "/d/v1/state" => {
            let wanted = state::Wanted::of(&request)?;
            drop(request);
            state::answer(peer, wanted).await
        }
        "/d/v1/report" => report::answer(peer, request).await,
        "/d/v1/enrol" => enrol::answer(peer, request).await,
        _ => {
            let wanted = blob::Wanted::of(&request)?;
            drop(request);
            blob::answer(peer, wanted).await
        }
    }
}

impl Peer {
    /// Who asks, if it may: it came with a certificate that is still good, and the device is one of the fleet.
    pub(super) async fn device(&self) -> Result<(&Presented, Known), Problem> {
        let Some(presented) = &self.presented else {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "no-certificate",
                "No certificate",
                "this needs the device's certificate: enrol first (POST /d/v1/enrol), then connect with it",
            )
            .ending());
        };
        let side = &self.side;
        let now = side.now();
        if now.0
            > presented
                .not_after
                .saturating_add(crate::authority::verifier::SKEW_S)
        {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "certificate-expired",
                "The certificate ended",
                format!(
                    "the device's certificate was valid until {}: enrol again without it",
                    presented.not_after
                ),
            )
            .ending());
        }
        let identity = &presented.identity;
        if side.versions.standing(identity, &presented.serial) == Standing::Unknown {
            // Enrolled at another node whose wake-up is on its way, or removed.
            let _permit = side.enter().await?;
            let device = side.fleet.device(identity.device).await;
            let device = device.map_err(|error| side.failed("looking for a device", &error))?;
            if let Some(device) = device {
                side.versions.set(&device);
            }
        }
        match side.versions.standing(identity, &presented.serial) {
            Standing::Active => {}
            Standing::Revoked | Standing::Unknown => return Err(gone()),
        }
        let known = side.versions.known(identity.device).ok_or_else(gone)?;
        side.seen.mark(*identity, now);
        Ok((presented, known))
    }
}

fn no_such_path(path: &str) -> Problem {
    let path: String = path.chars().take(100).collect();
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-such-path",
        "No such path",
        format!(
            "devices have /d/v1/state, /d/v1/blob/DIGEST, /d/v1/report and /d/v1/enrol, not {path:?}"
        ),
    )
}

fn no_such_method(method: &Method, expected: &Method) -> Response<Payload> {
    let method: String = method.as_str().chars().take(20).collect();
    let problem = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "no-such-method",
        "No such method",
        format!("use {expected} here, not {method}"),
    );
    // A body that nobody reads would have to be read before the next request.
    let mut response = problem.ending().into_response();
    if let Ok(value) = HeaderValue::from_str(expected.as_str()) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}
