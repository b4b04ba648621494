//! Values that are written and never read back.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use thimble_hub_api::secret::{Secret as SecretView, SecretValue};
use thimble_hub_api::{Page, Problem, ProblemKind};
use thimble_hub_store::{
    Audit, Id as _, Match, Secret, SecretId, SecretRevision, SecretRevisionId, Topic, Write,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, ToApps, ToRead};
use super::described;
use super::lookup::named;
use super::publication::Publication;
use super::reply::{Answer, Fault};
use super::request::{Asked, Declared, Named, Nothing, Paged};
use crate::hub::Hub;
use crate::identity::Caller;
use crate::model::{names, timestamp};

/// Bytes of a value at most.
const VALUE_BYTES_MAX: usize = 4096;

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(set, remove))
}

/// What binds a sealed value to its place: [`MasterKey::open`](crate::authority::MasterKey::open) takes the same.
pub(crate) fn context(secret: SecretId, number: u64) -> String {
    format!("secret/{secret}/{number}")
}

/// Lists secrets, without their values.
#[utoipa::path(get, path = "/v1/secrets", tag = "secrets", params(Paged),
    responses((status = 200, body = Page<SecretView>)))]
async fn list(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Asked(paged): Asked<Paged>,
) -> Answer<Json<Page<SecretView>>> {
    let rows = paged.rows::<SecretId>()?;
    let scope = caller.scope();
    let mut read = hub.store.read().await?;
    let listed = read.page::<Secret>(&scope, &[], &rows).await?;
    let mut items = Vec::with_capacity(listed.items.len());
    for secret in listed.items {
        let newest: Option<SecretRevision> = read
            .find(
                &scope,
                &[
                    Match::equals("secret", &secret.id),
                    Match::equals("number", &secret.latest),
                ],
            )
            .await?;
        items.push(SecretView {
            name: secret.name,
            revision: secret.latest,
            updated_at: timestamp(newest.map_or(secret.created_ms, |newest| newest.created_ms)),
        });
    }
    Ok(Json(Page {
        items,
        next: listed.next,
    }))
}

/// Gives a secret a value, which nobody can read back. Devices that use it get it with their next state.
#[utoipa::path(put, path = "/v1/secrets/{secret}", tag = "secrets", request_body = SecretValue,
    params(described::SecretName),
    responses((status = 200, body = SecretView), described::Invalid))]
async fn set(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToApps>,
    Named(name): Named<String>,
    Declared(value): Declared<SecretValue>,
) -> Answer<Json<SecretView>> {
    names::name("the secret's name", &name)?;
    let bytes = value.value.len();
    if bytes == 0 || bytes > VALUE_BYTES_MAX {
        return Err(Fault::new(
            ProblemKind::Invalid,
            format_args!("the value has {bytes} bytes: 1 to {VALUE_BYTES_MAX} are possible"),
        ));
    }
    let (scope, now_ms) = (caller.scope(), hub.now_ms());
    let publication = Publication::begin(&hub, caller.tenant()).await?;
    let mut write = hub.store.write().await?;
    let mut secret = present_or_new(&mut write, &caller, &name, now_ms).await?;
    secret.latest = secret.latest.saturating_add(1);
    let ciphertext = hub
        .vault
        .master()
        .seal(&context(secret.id, secret.latest), value.value.as_bytes())
        .map_err(|error| Fault::new(ProblemKind::HubFault, error))?;
    let revision = SecretRevision {
        id: SecretRevisionId::fresh(),
        tenant: secret.tenant,
        edition: 0,
        created_ms: now_ms,
        secret: secret.id,
        number: secret.latest,
        ciphertext,
    };
    write.insert(&scope, &revision, &Audit::part()).await?;
    let audit = caller
        .audit(now_ms, "secret.set", format!("secret/{name}"))
        .with(serde_json::json!({ "revision": secret.latest }));
    write.update(&scope, &secret, &audit).await?;
    publication.of_all(&mut write).await?;
    write.wake(
        Topic::Secret,
        Some(secret.tenant),
        Some(secret.id.to_string()),
    );
    write.commit().await?;
    Ok(Json(SecretView {
        name,
        revision: secret.latest,
        updated_at: timestamp(now_ms),
    }))
}

/// The secret of this name, which is made if there is none.
async fn present_or_new(
    write: &mut Write,
    caller: &Caller,
    name: &str,
    now_ms: i64,
) -> Answer<Secret> {
    let scope = caller.scope();
    let found: Option<Secret> = write
        .find(&scope, &[Match::equals("name", &name.to_owned())])
        .await?;
    match found {
        Some(secret) => Ok(secret),
        None => {
            let secret = Secret {
                id: SecretId::fresh(),
                tenant: caller.tenant(),
                edition: 0,
                created_ms: now_ms,
                name: name.to_owned(),
                latest: 0,
            };
            write.insert(&scope, &secret, &Audit::part()).await?;
            Ok(Secret {
                edition: 1,
                ..secret
            })
        }
    }
}

/// Removes a secret with all its values.
#[utoipa::path(delete, path = "/v1/secrets/{secret}", tag = "secrets",
    params(described::SecretName),
    responses((status = 204, description = "It is gone"), described::NotFound,
        (status = 409, description = "Devices need it", body = Problem, content_type = "application/problem+json")))]
async fn remove(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToApps>,
    Named(name): Named<String>,
    _: Nothing,
) -> Answer<StatusCode> {
    let scope = caller.scope();
    let publication = Publication::begin(&hub, caller.tenant()).await?;
    let mut write = hub.store.write().await?;
    let secret = named::<Secret>(&mut write, &scope, &name).await?;
    let audit = caller.audit(
        hub.now_ms(),
        "secret.remove",
        format!("secret/{}", secret.name),
    );
    write.remove::<Secret>(&scope, secret.id, &audit).await?;
    // What needs it cannot be published then, and it stays.
    publication.of_all(&mut write).await?;
    write.wake(
        Topic::Secret,
        Some(secret.tenant),
        Some(secret.id.to_string()),
    );
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
