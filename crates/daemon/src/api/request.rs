//! What is asked: read strictly, within limits.

use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use thimble_device_api::{BODY_BYTES_MAX, Problem, ProblemKind};

use super::reply::Fault;

/// A JSON body, whatever type it says it is.
pub(super) struct Declared<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Declared<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let bytes = body(request).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            Problem::new(
                ProblemKind::Malformed,
                format_args!("the body is not the JSON that belongs here: {error}"),
            )
            .into()
        })
    }
}

async fn body(request: Request) -> Result<Bytes, Fault> {
    let limited = Limited::new(request.into_body(), BODY_BYTES_MAX);
    match limited.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::new(
            ProblemKind::TooLarge,
            format_args!("the body has more than {BODY_BYTES_MAX} bytes"),
        )
        .into()),
        Err(error) => Err(Problem::new(
            ProblemKind::Malformed,
            format_args!("the body could not be read: {error}"),
        )
        .into()),
    }
}

/// What follows the question mark.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => Err(query_problem(&rejection).into()),
        }
    }
}

fn query_problem(rejection: &QueryRejection) -> Problem {
    let mut text = rejection.to_string();
    let mut below = std::error::Error::source(rejection);
    while let Some(cause) = below {
        text = cause.to_string();
        below = cause.source();
    }
    Problem::new(
        ProblemKind::Malformed,
        format_args!("what follows the `?` cannot be understood: {text}"),
    )
}

/// The name in the path.
pub(super) struct Named(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(rejection) => Err(path_problem(&rejection).into()),
        }
    }
}

fn path_problem(rejection: &PathRejection) -> Problem {
    Problem::new(
        ProblemKind::Malformed,
        format_args!("the name in the path cannot be read: {rejection}"),
    )
}
