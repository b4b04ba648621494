//! The OCI distribution API, version 1.1: repositories over HTTP.
//!
//! Who may do what, and in which name space, an [`Authorizer`] says. Without it nothing is told, not even whether a
//! repository exists. Whatever a client sends, the answer is one of the specification's errors, never a panic.

mod answer;
mod authorizer;
mod blob;
mod conditions;
mod fault;
mod manifest;
mod path;
mod upload;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, Method, Uri};
use axum::response::Response;
use axum::routing::any;

use crate::blobs::Blobs;
use crate::space::Space;

pub use authorizer::{Access, Action, Asker, Authorizer, Change, Granted, Refusal};

use fault::Fault;
use path::{Path, Query};

/// The registry of these blobs: everything below `/v2`.
pub fn router(blobs: Blobs, authorizer: Arc<dyn Authorizer>) -> Router {
    let registry = Registry { blobs, authorizer };
    Router::new()
        .route("/v2", any(serve))
        .route("/v2/", any(serve))
        .route("/v2/{*path}", any(serve))
        .with_state(registry)
}

#[derive(Clone)]
struct Registry {
    blobs: Blobs,
    authorizer: Arc<dyn Authorizer>,
}

/// A request, once it is known who may do what.
struct Call {
    space: Space,
    /// The name in URLs.
    name: String,
    granted: Granted,
    query: Query,
    method: Method,
    headers: HeaderMap,
    extensions: Extensions,
}

impl Call {
    fn asker(&self) -> Asker<'_> {
        Asker {
            headers: &self.headers,
            extensions: &self.extensions,
        }
    }
}

async fn serve(State(registry): State<Registry>, request: Request) -> Response {
    // On its own, so that what was begun is brought to an end when the client goes away.
    let served = tokio::spawn(async move { registry.answer(request).await }).await;
    served
        .unwrap_or_else(|_| Err(Fault::ours()))
        .unwrap_or_else(Fault::into_response)
}

impl Registry {
    async fn answer(&self, request: Request) -> Result<Response, Fault> {
        let (head, body) = request.into_parts();
        let query = Query::parse(head.uri.query().unwrap_or_default())?;
        let path = Path::parse(&decoded(&head.uri)?)?;
        let asker = Asker {
            headers: &head.headers,
            extensions: &head.extensions,
        };
        let Some(name) = path.repository() else {
            self.authorizer
                .authorize(asker, Access::Base)
                .await
                .map_err(Fault::from)?;
            return match head.method {
                Method::GET | Method::HEAD => Ok(answer::base()),
                _ => Err(Fault::method("GET, HEAD")),
            };
        };
        let access = Access::Repository {
            name,
            action: path.action(&head.method)?,
        };
        let granted = self.authorizer.authorize(asker, access).await?;
        // Only the base is open to who has no repository.
        let granted = granted.ok_or_else(Fault::ours)?;
        let call = Call {
            space: self
                .blobs
                .space(granted.name_space.clone(), granted.bytes_max),
            name: name.to_string(),
            granted,
            query,
            method: head.method,
            headers: head.headers,
            extensions: head.extensions,
        };
        match path {
            Path::Base => Ok(answer::base()),
            Path::Tags(_) => manifest::tags(&call).await,
            Path::Referrers(_, subject) => manifest::referrers(&call, subject).await,
            Path::Manifest(_, name) => {
                manifest::serve(&call, name, body, self.authorizer.as_ref()).await
            }
            Path::Blob(_, digest) => blob::serve(&call, digest).await,
            Path::Uploads(_) => {
                upload::begin(&call, body, self.authorizer.as_ref(), &self.blobs).await
            }
            Path::Upload(_, id) => upload::serve(&call, id, body, &self.blobs).await,
        }
    }
}

/// The path below `/v2/`, without escapes.
fn decoded(uri: &Uri) -> Result<String, Fault> {
    let path = uri.path().strip_prefix("/v2").unwrap_or_default();
    path::unescaped(path.strip_prefix('/').unwrap_or(path))
}
