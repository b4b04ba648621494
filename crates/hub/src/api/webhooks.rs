//! Whom the hub tells what happens.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use thimble_hub_api::webhook::{NewWebhook, Webhook as WebhookView, WebhookChange};
use thimble_hub_api::{Page, ProblemKind};
use thimble_hub_store::{Id as _, Topic, Webhook, WebhookId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, ToAdminister};
use super::described;
use super::lookup::named;
use super::reply::{Answer, Fault};
use super::request::{Asked, Declared, Named, Nothing, Paged};
use crate::hub::Hub;
use crate::model::{names, timestamp};

/// Webhooks of a tenant at most.
const WEBHOOKS_MAX: u64 = 32;
/// Kinds of events of one webhook at most.
const EVENTS_MAX: usize = 32;
/// Characters of an address at most.
const URL_CHARACTERS_MAX: usize = 2048;
/// Characters of a secret.
const SECRET_CHARACTERS: std::ops::RangeInclusive<usize> = 16..=256;

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(change, remove))
}

/// What binds a webhook's sealed secret to its place.
pub(crate) fn context(webhook: WebhookId) -> String {
    format!("webhook/{webhook}")
}

pub(super) fn view(webhook: Webhook) -> WebhookView {
    WebhookView {
        id: webhook.id.to_string(),
        name: webhook.name,
        url: webhook.url,
        events: serde_json::from_value(webhook.events).unwrap_or_default(),
        is_disabled: webhook.is_disabled,
        created_at: timestamp(webhook.created_ms),
    }
}

/// Lists the webhooks.
#[utoipa::path(get, path = "/v1/webhooks", tag = "webhooks", params(Paged),
    responses((status = 200, body = Page<WebhookView>)))]
async fn list(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToAdminister>,
    Asked(paged): Asked<Paged>,
) -> Answer<Json<Page<WebhookView>>> {
    let rows = paged.rows::<WebhookId>()?;
    let listed = hub
        .store
        .read()
        .await?
        .page::<Webhook>(&caller.scope(), &[], &rows)
        .await?;
    Ok(Json(Page {
        items: listed.items.into_iter().map(view).collect(),
        next: listed.next,
    }))
}

/// Makes a webhook. Its secret is not shown again.
#[utoipa::path(post, path = "/v1/webhooks", tag = "webhooks", request_body = NewWebhook,
    responses((status = 201, body = WebhookView), described::Conflicting, described::Invalid, described::TooMany))]
async fn create(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToAdminister>,
    Declared(new): Declared<NewWebhook>,
) -> Answer<(StatusCode, Json<WebhookView>)> {
    check(&hub, &new)?;
    let (scope, now_ms) = (caller.scope(), hub.now_ms());
    let id = WebhookId::fresh();
    let secret = hub
        .vault
        .master()
        .seal(&context(id), new.secret.as_bytes())
        .map_err(|error| Fault::new(ProblemKind::HubFault, error))?;
    let webhook = Webhook {
        id,
        tenant: caller.tenant(),
        edition: 0,
        created_ms: now_ms,
        name: new.name,
        url: new.url,
        events: serde_json::json!(new.events),
        secret,
        is_disabled: false,
        failing_since_ms: None,
    };
    let audit = caller
        .audit(now_ms, "webhook.create", format!("webhook/{id}"))
        .with(serde_json::json!({ "name": webhook.name, "url": webhook.url, "events": webhook.events }));
    let mut write = hub.store.write().await?;
    if write.count::<Webhook>(&scope, &[]).await? >= WEBHOOKS_MAX {
        return Err(Fault::new(
            ProblemKind::TooMany,
            format_args!("{WEBHOOKS_MAX} webhooks are possible: remove one first"),
        ));
    }
    write.insert(&scope, &webhook, &audit).await?;
    write.wake(Topic::Webhook, Some(webhook.tenant), Some(id.to_string()));
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(view(webhook))))
}

fn check(hub: &Hub, new: &NewWebhook) -> Answer<()> {
    names::name("the webhook's name", &new.name)?;
    let characters = new.secret.chars().count();
    if !SECRET_CHARACTERS.contains(&characters) {
        return Err(Fault::new(
            ProblemKind::Invalid,
            format_args!(
                "the secret has {characters} characters: {} to {} are possible",
                SECRET_CHARACTERS.start(),
                SECRET_CHARACTERS.end()
            ),
        ));
    }
    check_target(hub, &new.url, &new.events)
}

/// Finds out that an address can be told, and events be named.
pub(super) fn check_target(hub: &Hub, url: &str, events: &[String]) -> Answer<()> {
    let invalid = |words: String| Err(Fault::new(ProblemKind::Invalid, words));
    if events.len() > EVENTS_MAX {
        return invalid(format!(
            "{} kinds of events: {EVENTS_MAX} are possible",
            events.len()
        ));
    }
    for event in events {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'.' | b'-' | b'*');
        if event.is_empty() || event.len() > 64 || !event.bytes().all(is_word) {
            return invalid(format!(
                "`{}` is not a kind of event: `rollout.paused`, `rollout.*`",
                event.escape_debug()
            ));
        }
    }
    let parsed = reqwest::Url::parse(url)
        .ok()
        .filter(|_| url.len() <= URL_CHARACTERS_MAX);
    let Some(parsed) = parsed else {
        return invalid("`url` is not a URL".to_owned());
    };
    let is_allowed = parsed.scheme() == "https"
        || (parsed.scheme() == "http" && hub.settings.webhooks.allow_private);
    if !is_allowed || parsed.host_str().is_none() {
        return invalid("`url` must begin with https://".to_owned());
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return invalid("`url` must hold no password: the secret proves who sends".to_owned());
    }
    Ok(())
}

/// Switches a webhook on or off.
#[utoipa::path(patch, path = "/v1/webhooks/{webhook}", tag = "webhooks", request_body = WebhookChange,
    params(described::WebhookName),
    responses((status = 200, body = WebhookView), described::NotFound))]
async fn change(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToAdminister>,
    Named(name): Named<String>,
    Declared(change): Declared<WebhookChange>,
) -> Answer<Json<WebhookView>> {
    let scope = caller.scope();
    let mut write = hub.store.write().await?;
    let mut webhook = named::<Webhook>(&mut write, &scope, &name).await?;
    webhook.is_disabled = change.disabled;
    webhook.failing_since_ms = None;
    let audit = caller
        .audit(
            hub.now_ms(),
            "webhook.change",
            format!("webhook/{}", webhook.id),
        )
        .with(serde_json::json!({ "disabled": change.disabled }));
    write.update(&scope, &webhook, &audit).await?;
    write.wake(
        Topic::Webhook,
        Some(webhook.tenant),
        Some(webhook.id.to_string()),
    );
    write.commit().await?;
    Ok(Json(view(webhook)))
}

/// Removes a webhook, and what it was still to be told.
#[utoipa::path(delete, path = "/v1/webhooks/{webhook}", tag = "webhooks",
    params(described::WebhookName),
    responses((status = 204, description = "It is gone"), described::NotFound))]
async fn remove(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToAdminister>,
    Named(name): Named<String>,
    _: Nothing,
) -> Answer<StatusCode> {
    let scope = caller.scope();
    let mut write = hub.store.write().await?;
    let webhook = named::<Webhook>(&mut write, &scope, &name).await?;
    let audit = caller.audit(
        hub.now_ms(),
        "webhook.remove",
        format!("webhook/{}", webhook.id),
    );
    write.remove::<Webhook>(&scope, webhook.id, &audit).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
