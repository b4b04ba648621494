//! What is answered: JSON, or a problem.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use thimble_hub_api::Document;
use thimble_hub_api::problem::{self, Problem, ProblemKind};
use thimble_hub_store::Error as StoreError;

use crate::chain;
use crate::identity::{IdentityError, OpenIdError, PasswordError};
use crate::model::pin::PinError;
use crate::rollouts::RolloutError;

/// Seconds after which whoever was refused for lack of capacity may try again.
const RETRY_S: u32 = 2;
/// Seconds after which what is being cleared away is gone, mostly.
const CLEARED_S: u32 = 60;

/// A problem, as an answer.
#[derive(Debug)]
pub(crate) struct Fault {
    problem: Box<Problem>,
    retry_s: Option<u32>,
}

/// What a handler gives.
pub(crate) type Answer<T> = Result<T, Fault>;

impl Fault {
    /// A problem of this kind.
    pub(crate) fn new(kind: ProblemKind, detail: impl std::fmt::Display) -> Self {
        Problem::new(kind, detail).into()
    }

    /// There is nothing of that name.
    pub(crate) fn not_found(what: &str, name: &str) -> Self {
        let shown: String = name.chars().take(128).collect();
        Problem::new(
            ProblemKind::NotFound,
            format_args!("there is no {what} `{shown}` in this tenant: list those that there are, or name another tenant"),
        )
        .about(format!("{what}/{shown}"))
        .into()
    }

    /// The same, of one of several documents.
    pub(crate) fn in_document(mut self, document: &Document) -> Self {
        let subject = document.subject();
        self.problem.detail = format!("{subject}: {}", self.problem.detail);
        self.problem.subject = Some(subject);
        self
    }

    fn later(mut self, retry_s: u32) -> Self {
        self.retry_s = Some(retry_s);
        self
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self {
            problem: Box::new(problem),
            retry_s: None,
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::NotFound { .. } => ProblemKind::NotFound,
            StoreError::Conflict { .. } => ProblemKind::Changed,
            StoreError::Exists { .. } => ProblemKind::NameInUse,
            StoreError::Referenced { .. } => ProblemKind::InUse,
            StoreError::Limit { .. } => ProblemKind::Invalid,
            StoreError::Condemned => {
                let problem = Self::new(ProblemKind::NotReady, error);
                return problem.later(CLEARED_S);
            }
            StoreError::Busy | StoreError::Retry => {
                return Self::new(
                    ProblemKind::NotReady,
                    "the hub has too much to do at the moment: try again in some seconds",
                )
                .later(RETRY_S);
            }
            _ => {
                tracing::error!(error = %chain(&error), "the store failed");
                return Self::new(
                    ProblemKind::HubFault,
                    "the hub's store failed; the hub's log says more to its administrator",
                );
            }
        };
        match error {
            // What the database calls its rules is no news for operators.
            StoreError::Exists { .. } => Self::new(
                kind,
                "there is one of this name already: choose another, or change that one",
            ),
            StoreError::Referenced { .. } => Self::new(
                kind,
                "something else needs it, or it names what is not there: remove or change that first",
            ),
            error => Self::new(kind, error),
        }
    }
}

impl From<IdentityError> for Fault {
    fn from(error: IdentityError) -> Self {
        let kind = match error {
            IdentityError::Store(error) => return error.into(),
            IdentityError::OpenId(error) => return error.into(),
            IdentityError::Password(error) => return error.into(),
            IdentityError::TooMany(error) => {
                return Self::new(ProblemKind::TooMany, error).later(error.retry_s);
            }
            IdentityError::NotSignedIn | IdentityError::WrongPassword => ProblemKind::NotSignedIn,
            IdentityError::Forbidden { .. } => ProblemKind::Forbidden,
            IdentityError::NoSuchTenant { .. } => ProblemKind::NotFound,
            IdentityError::AmbiguousTenant { .. } => ProblemKind::Invalid,
            IdentityError::NoRandomness => ProblemKind::HubFault,
        };
        Self::new(kind, error)
    }
}

impl From<PasswordError> for Fault {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::TooShort { .. } | PasswordError::TooLong { .. } => {
                Self::new(ProblemKind::Invalid, error)
            }
            PasswordError::Busy => Self::new(ProblemKind::NotReady, error).later(RETRY_S),
            PasswordError::Failed => Self::new(ProblemKind::HubFault, error),
        }
    }
}

impl From<OpenIdError> for Fault {
    fn from(error: OpenIdError) -> Self {
        let kind = match &error {
            OpenIdError::NoSuchProvider { .. } => ProblemKind::NotFound,
            OpenIdError::Redirect { .. } => ProblemKind::Invalid,
            OpenIdError::NotBegun | OpenIdError::Refused { .. } => ProblemKind::NotSignedIn,
            OpenIdError::NoRole { .. } => ProblemKind::Forbidden,
            OpenIdError::NameTaken { .. } => ProblemKind::NameInUse,
            OpenIdError::Provider { .. } => ProblemKind::Upstream,
            OpenIdError::Settings { .. } | OpenIdError::NoSuchTenant { .. } => {
                ProblemKind::HubFault
            }
        };
        Self::new(kind, error)
    }
}

impl From<RolloutError> for Fault {
    fn from(error: RolloutError) -> Self {
        let kind = match &error {
            RolloutError::Policy(_)
            | RolloutError::Selector { .. }
            | RolloutError::Placement(_)
            | RolloutError::NoRevision { .. } => ProblemKind::Invalid,
            RolloutError::State(_)
            | RolloutError::Superseded { .. }
            | RolloutError::BeingRemoved
            | RolloutError::NothingToApprove { .. } => ProblemKind::WrongState,
            RolloutError::WrongRole { .. } | RolloutError::OwnRollout => ProblemKind::Forbidden,
            RolloutError::Store(_) => ProblemKind::NotReady,
            _ => ProblemKind::HubFault,
        };
        match error {
            RolloutError::Store(error) => error.into(),
            error if kind == ProblemKind::HubFault => {
                tracing::error!(error = %chain(&error), "a rollout failed");
                Self::new(
                    kind,
                    "the rollout could not be dealt with; the hub's log says more to its administrator",
                )
            }
            error => Self::new(kind, chain(&error)),
        }
    }
}

impl From<PinError> for Fault {
    fn from(error: PinError) -> Self {
        match &error {
            PinError::Name { .. } | PinError::Missing { .. } | PinError::Unfit { .. } => {
                Self::new(ProblemKind::Invalid, error)
            }
            PinError::Blobs(_) | PinError::NameSpace => {
                tracing::error!(error = %chain(&error), "the registry failed");
                Self::new(
                    ProblemKind::HubFault,
                    "the hub's registry failed; the hub's log says more to its administrator",
                )
            }
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(problem::MEDIA_TYPE),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"thimble-hub\""),
            );
        }
        if let Some(retry_s) = self.retry_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_s));
        }
        response
    }
}

/// Something, and which state of it this is.
pub(crate) struct Tagged<T>(pub(crate) u64, pub(crate) T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.1).into_response();
        if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", self.0)) {
            response.headers_mut().insert(header::ETAG, value);
        }
        response
    }
}

/// Finds out that what is to be changed is still what whoever changes it has seen, if they say what that is.
pub(crate) fn unchanged(headers: &HeaderMap, edition: u64) -> Answer<()> {
    let Some(wanted) = headers.get(header::IF_MATCH) else {
        return Ok(());
    };
    let present = format!("\"{edition}\"");
    let wanted = wanted.to_str().unwrap_or_default();
    let is_same = wanted
        .split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag == present);
    if is_same {
        return Ok(());
    }
    Err(Fault::new(
        ProblemKind::Changed,
        format_args!(
            "it is now {present} and not what `If-Match` says: read it again, and decide anew"
        ),
    ))
}
