//! The audit trail.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use thimble_hub_api::audit::{Entry as EntryView, Verification};
use thimble_hub_api::{Page, ProblemKind};
use thimble_hub_store::{AuditPage, ChainBreak, Entry, Scope, Store, TenantId};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, ToRead};
use super::reply::{Answer, Fault};
use super::request::{Asked, limit};
use crate::hub::Hub;
use crate::model::timestamp;

/// Entries that are read at once for an export.
const CHUNK: u32 = 1000;

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(verify))
        .routes(routes!(export))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// What the page before gave as `next`.
    after: Option<u64>,
    /// Items at most, 1 to 1000.
    limit: Option<u32>,
    /// Only entries with this actor, action or subject.
    about: Option<String>,
    /// The newest first.
    #[serde(default)]
    newest_first: bool,
}

/// Lists what was changed, by whom and why.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(Filter),
    responses((status = 200, body = Page<EntryView>)))]
async fn list(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Asked(filter): Asked<Filter>,
) -> Answer<Json<Page<EntryView>>> {
    let items = limit(filter.limit)?;
    let page = AuditPage {
        after: filter.after,
        limit: items,
        is_backwards: filter.newest_first,
    };
    let entries = hub
        .store
        .read()
        .await?
        .audit_entries(
            &caller.scope(),
            caller.tenant(),
            filter.about.as_deref(),
            &page,
        )
        .await?;
    let is_full = entries.len() >= items as usize;
    let next = entries
        .last()
        .filter(|_| is_full)
        .map(|entry| entry.sequence.to_string());
    Ok(Json(Page {
        items: entries.into_iter().map(view).collect(),
        next,
    }))
}

/// Checks that no entry was changed or removed.
#[utoipa::path(get, path = "/v1/audit/verify", tag = "audit",
    responses((status = 200, body = Verification)))]
async fn verify(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
) -> Answer<Json<Verification>> {
    let verified = hub
        .store
        .read()
        .await?
        .verify_chain(&caller.scope(), caller.tenant())
        .await?;
    Ok(Json(match verified {
        Ok(verified) => Verification {
            intact: true,
            entries: verified.entries,
            head: (verified.entries > 0).then(|| hexadecimal(&verified.head)),
            broken_at: None,
        },
        Err(ChainBreak::Missing { sequence } | ChainBreak::Changed { sequence }) => Verification {
            intact: false,
            entries: sequence.saturating_sub(1),
            head: None,
            broken_at: Some(sequence),
        },
    }))
}

/// All entries, as lines of JSON, oldest first.
#[utoipa::path(get, path = "/v1/audit/export", tag = "audit",
    responses((status = 200, body = EntryView, content_type = "application/x-ndjson")))]
async fn export(State(hub): State<Arc<Hub>>, caller: Allowed<ToRead>) -> Answer<Response> {
    // The first part is read before the answer begins, so that an error is told as one.
    let (scope, tenant) = (caller.scope(), caller.tenant());
    let first = chunk(&hub.store, &scope, tenant, None).await?;
    let store = hub.store.clone();
    let rest = futures_util::stream::unfold(Some(first), move |part| {
        let (store, scope) = (store.clone(), scope.clone());
        async move {
            let (bytes, last) = part?;
            if bytes.is_empty() {
                return None;
            }
            let next = match last {
                None => None,
                Some(last) => match chunk(&store, &scope, tenant, Some(last)).await {
                    Ok(next) => Some(next),
                    Err(_) => {
                        // An answer that breaks off is not taken for a whole one.
                        let broken = std::io::Error::other("the store failed");
                        return Some((Err(broken), None));
                    }
                },
            };
            Some((Ok(bytes), next))
        }
    });
    Ok((
        [(header::CONTENT_TYPE, "application/x-ndjson")],
        Body::from_stream(rest),
    )
        .into_response())
}

/// Lines of some entries, and the number of the last if there may be more.
async fn chunk(
    store: &Store,
    scope: &Scope,
    tenant: TenantId,
    after: Option<u64>,
) -> Answer<(Bytes, Option<u64>)> {
    let page = AuditPage {
        after,
        limit: CHUNK,
        is_backwards: false,
    };
    let entries = store
        .read()
        .await?
        .audit_entries(scope, tenant, None, &page)
        .await?;
    let is_full = entries.len() >= CHUNK as usize;
    let last = entries
        .last()
        .filter(|_| is_full)
        .map(|entry| entry.sequence);
    let mut lines = Vec::new();
    for entry in entries {
        let line = serde_json::to_vec(&view(entry))
            .map_err(|error| Fault::new(ProblemKind::HubFault, error))?;
        lines.extend_from_slice(&line);
        lines.push(b'\n');
    }
    Ok((lines.into(), last))
}

fn view(entry: Entry) -> EntryView {
    let detail: serde_json::Value = serde_json::from_str(&entry.detail).unwrap_or_default();
    EntryView {
        sequence: entry.sequence,
        at: timestamp(entry.at_ms),
        actor: entry.actor,
        action: entry.action,
        subject: entry.subject,
        reason: entry.reason,
        detail: (!detail.is_null()).then_some(detail),
        hash: hexadecimal(&entry.hash),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
