//! What is asked: read strictly, within limits.

use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thimble_hub_api::page::{PAGE_ITEMS, PAGE_ITEMS_MAX};
use thimble_hub_api::problem::{Problem, ProblemKind};
use thimble_hub_api::{BODY_BYTES_MAX, CSV_BYTES_MAX};
use thimble_hub_store::{Id, Page as Rows};
use utoipa::IntoParams;

use super::reply::{Answer, Fault};

/// Characters of a reason at most.
const REASON_CHARACTERS_MAX: usize = 1000;

/// A JSON body.
pub(super) struct Declared<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Declared<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        require_type(request.headers(), "application/json")?;
        let bytes = body(request, BODY_BYTES_MAX).await?;
        // Serde would take a list for an object whose fields all have defaults.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Fault::new(
                ProblemKind::Malformed,
                "the body is not a JSON object, which belongs here",
            ));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            Fault::new(
                ProblemKind::Malformed,
                format_args!("the body is not the JSON that belongs here: {error}"),
            )
        })
    }
}

/// A CSV body.
pub(super) struct Table(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Table {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        require_type(request.headers(), "text/csv")?;
        body(request, CSV_BYTES_MAX).await.map(Self)
    }
}

/// No body at all.
pub(super) struct Nothing;

impl<S: Send + Sync> FromRequest<S> for Nothing {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        if body(request, BODY_BYTES_MAX).await?.is_empty() {
            return Ok(Self);
        }
        Err(Fault::new(
            ProblemKind::Malformed,
            "this path takes no body: send none",
        ))
    }
}

fn require_type(headers: &HeaderMap, wanted: &str) -> Answer<()> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    Err(Fault::new(
        ProblemKind::WrongType,
        format_args!("the body must be `{wanted}`: say so in Content-Type"),
    ))
}

async fn body(request: Request, bytes_max: usize) -> Answer<Bytes> {
    let too_large = || {
        Fault::new(
            ProblemKind::TooLarge,
            format_args!("the body has more than {bytes_max} bytes: send it in parts"),
        )
    };
    let said = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    if said.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(too_large());
    }
    match Limited::new(request.into_body(), bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(Fault::new(
            ProblemKind::Malformed,
            format_args!("the body could not be read: {error}"),
        )),
    }
}

/// What follows the question mark.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => Err(query_fault(&rejection)),
        }
    }
}

fn query_fault(rejection: &QueryRejection) -> Fault {
    let mut text = rejection.to_string();
    let mut below = std::error::Error::source(rejection);
    while let Some(cause) = below {
        text = cause.to_string();
        below = cause.source();
    }
    Fault::new(
        ProblemKind::Malformed,
        format_args!("what follows the `?` cannot be understood: {text}"),
    )
}

/// The names in the path.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(rejection) => Err(path_fault(&rejection)),
        }
    }
}

fn path_fault(rejection: &PathRejection) -> Fault {
    Fault::new(
        ProblemKind::Malformed,
        format_args!("the name in the path cannot be read: {rejection}"),
    )
}

/// Which part of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Paged {
    /// What the page before gave as `next`.
    pub(super) after: Option<String>,
    /// Items at most, 1 to 1000.
    pub(super) limit: Option<u32>,
}

impl Paged {
    /// The rows of it, in the order of ids.
    pub(super) fn rows<I: Id>(&self) -> Answer<Rows> {
        rows::<I>(self.after.as_deref(), self.limit)
    }
}

/// How many items a page has.
pub(super) fn limit(limit: Option<u32>) -> Answer<u32> {
    match limit {
        None => Ok(PAGE_ITEMS),
        Some(limit @ 1..=PAGE_ITEMS_MAX) => Ok(limit),
        Some(limit) => Err(Fault::new(
            ProblemKind::Invalid,
            format_args!("`limit` is {limit}: 1 to {PAGE_ITEMS_MAX} are possible"),
        )),
    }
}

/// The rows of a page, in the order of ids.
pub(super) fn rows<I: Id>(after: Option<&str>, items: Option<u32>) -> Answer<Rows> {
    if let Some(after) = after
        && after.parse::<I>().is_err()
    {
        return Err(Fault::new(
            ProblemKind::Invalid,
            "`after` must be what the page before gave as `next`",
        ));
    }
    Ok(Rows {
        after: after.map(str::to_owned),
        limit: limit(items)?,
        ..Rows::default()
    })
}

/// Why something is done: the header `Thimble-Reason`, percent-encoded where it is not ASCII.
pub(super) struct Reason(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Reason {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let text = parts
            .headers
            .get(thimble_hub_api::client::REASON_HEADER)
            .map(|value| decoded(value.as_bytes()))
            .unwrap_or_default();
        reason(&text).map(Self)
    }
}

/// Why something is done, which has to be said.
pub(super) fn reason(text: &str) -> Answer<String> {
    let text = text.trim();
    let characters = text.chars().count();
    if characters == 0 {
        return Err(Problem::new(
            ProblemKind::Invalid,
            "this has to have a reason: say why in the header `Thimble-Reason`",
        )
        .into());
    }
    if characters > REASON_CHARACTERS_MAX {
        return Err(Fault::new(
            ProblemKind::Invalid,
            format_args!(
                "the reason has {characters} characters: {REASON_CHARACTERS_MAX} are possible"
            ),
        ));
    }
    Ok(text.to_owned())
}

/// Undoes percent-encoding; what is not UTF-8 then is replaced.
fn decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%'
            && let Some((digits, beyond)) = after.split_at_checked(2)
            && let Ok(digits) = std::str::from_utf8(digits)
            && let Ok(byte) = u8::from_str_radix(digits, 16)
        {
            bytes.push(byte);
            rest = beyond;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
