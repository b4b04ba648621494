//! Documents that are brought into force: all of a request in one transaction, or none.

mod kinds;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use thimble_hub_api::document::{Applied, Apply, Change, ChangeKind, DOCUMENTS_MAX, Document};
use thimble_hub_api::{Problem, ProblemKind};
use thimble_hub_store::Write;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, ToRead};
use super::apps::pinned;
use super::described;
use super::publication::Publication;
use super::reply::{Answer, Fault};
use super::request::Declared;
use crate::hub::Hub;
use crate::identity::{Caller, Permission};
use crate::model::version::VersionDocument;

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new().routes(routes!(apply))
}

/// Brings documents into force, and tells what was done. What is as declared is left as it is, so that applying the same again
/// changes nothing; what no document names stays. With `dry_run` it tells what would be done.
#[utoipa::path(post, path = "/v1/apply", tag = "deployments", request_body = Apply,
    responses((status = 200, body = Applied),
        (status = 403, description = "Who asks may not do all of it", body = Problem, content_type = "application/problem+json"),
        described::NotFound,
        described::Conflicting,
        described::Invalid))]
async fn apply(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Declared(apply): Declared<Apply>,
) -> Answer<Json<Applied>> {
    if apply.documents.len() > DOCUMENTS_MAX {
        return Err(Fault::new(
            ProblemKind::Invalid,
            format_args!(
                "{} documents: {DOCUMENTS_MAX} are possible",
                apply.documents.len()
            ),
        ));
    }
    // What may not be done is told before anything is looked up.
    for document in &apply.documents {
        for permission in needs(document) {
            caller.require(*permission)?;
        }
    }
    let mut order: Vec<(usize, &Document)> = apply.documents.iter().enumerate().collect();
    order.sort_by_key(|(index, document)| (rank(document), *index));
    let versions = versions(&hub, &caller, &apply.documents).await?;
    // The first time a key is made, which trying does not need.
    let publication = match apply.dry_run {
        true => None,
        false => Some(Publication::begin(&hub, caller.tenant()).await?),
    };
    let mut application = Application {
        hub: &hub,
        publication,
        caller: &caller,
        write: hub.store.write().await?,
        versions,
    };
    let mut changes: BTreeMap<usize, Change> = BTreeMap::new();
    for (index, document) in order {
        let done = application.document(document).await;
        changes.insert(index, done.map_err(|fault| fault.in_document(document))?);
    }
    let changes: Vec<Change> = changes.into_values().collect();
    let is_changed = changes.iter().any(|change| change.kind != ChangeKind::Keep);
    if is_changed && !apply.dry_run {
        application.write.commit().await?;
    }
    Ok(Json(Applied { changes }))
}

/// What somebody has to be allowed for a document.
const fn needs(document: &Document) -> &'static [Permission] {
    match document {
        Document::Tenant { .. } | Document::Webhook { .. } => &[Permission::Administer],
        Document::App { .. } => &[Permission::Apps],
        Document::Deployment { rollout: None, .. } => &[Permission::Deployments],
        Document::Deployment { .. } => &[Permission::Deployments, Permission::Rollouts],
        Document::Device { .. } => &[Permission::Devices, Permission::Holds],
    }
}

/// What others name comes before them.
const fn rank(document: &Document) -> u8 {
    match document {
        Document::Tenant { .. } => 0,
        Document::App { .. } => 1,
        Document::Device { .. } => 2,
        Document::Deployment { .. } => 3,
        Document::Webhook { .. } => 4,
    }
}

/// Versions with their images by digest, by app and version: found before the transaction begins, since the registry may take
/// its time.
type Versions = BTreeMap<(String, String), VersionDocument>;

async fn versions(hub: &Hub, caller: &Caller, documents: &[Document]) -> Answer<Versions> {
    let mut found = Versions::new();
    for document in documents {
        let Document::App { name, versions, .. } = document else {
            continue;
        };
        for (version, containers) in versions {
            let is_kept = kinds::is_kept(hub, caller, name, version).await?;
            if is_kept {
                continue;
            }
            let new = thimble_hub_api::app::NewAppVersion {
                version: version.clone(),
                containers: containers.clone(),
            };
            let pinned = pinned(hub, caller.tenant(), &new).await;
            let pinned = pinned.map_err(|fault| fault.in_document(document))?;
            found.insert((name.clone(), version.clone()), pinned);
        }
    }
    Ok(found)
}

/// Documents on their way.
struct Application<'a> {
    hub: &'a Hub,
    /// None if it is only tried.
    publication: Option<Publication>,
    caller: &'a Caller,
    write: Write,
    versions: Versions,
}

/// A change, and what is different.
fn told(document: &Document, kind: ChangeKind, differences: Vec<String>) -> Change {
    Change {
        subject: document.subject(),
        kind,
        differences,
    }
}
