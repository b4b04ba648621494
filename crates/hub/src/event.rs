//! What happened, told to whoever wants to know: kept as events, and queued for webhooks in the same transaction.

use serde_json::{Value, json};
use thimble_hub_store::{
    Delivery, DeliveryId, Error, Event, Id as _, Match, Scope, TenantId, Topic, Webhook, Write,
};

/// Keeps events of a tenant, and queues them for its webhooks.
///
/// # Errors
/// The store's.
pub async fn tell(
    write: &mut Write,
    scope: &Scope,
    tenant: TenantId,
    events: &[Event],
) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    write.note(scope, events).await?;
    let enabled = [
        Match::equals("tenant", &tenant),
        Match::equals("is_disabled", &false),
    ];
    let webhooks: Vec<Webhook> = write.all(scope, &enabled).await?;
    let mut deliveries = Vec::new();
    for event in events {
        let told = webhooks
            .iter()
            .filter(|webhook| wants(&webhook.events, &event.kind));
        deliveries.extend(told.map(|webhook| delivery(webhook, event)));
    }
    if !deliveries.is_empty() {
        write.enqueue(scope, &deliveries).await?;
        write.wake(Topic::Webhook, Some(tenant), None);
    }
    Ok(())
}

fn delivery(webhook: &Webhook, event: &Event) -> Delivery {
    let body = json!({
        "id": event.id.to_string(),
        "event": event.kind,
        "tenant": event.tenant.to_string(),
        "at_ms": event.created_ms,
        "device": event.device.map(|device| device.to_string()),
        "subject": event.subject,
        "detail": event.detail,
    });
    Delivery {
        id: DeliveryId::fresh(),
        tenant: event.tenant,
        edition: 0,
        created_ms: event.created_ms,
        webhook: webhook.id,
        event: event.kind.clone(),
        body: body.to_string(),
        next_ms: Some(event.created_ms),
        attempts: 0,
        done_ms: None,
        failure: None,
    }
}

/// Says whether a webhook wants events of a kind: `rollout.finished`, or `rollout.*`; none are all.
fn wants(patterns: &Value, kind: &str) -> bool {
    let Some(patterns) = patterns.as_array().filter(|patterns| !patterns.is_empty()) else {
        return true;
    };
    patterns
        .iter()
        .filter_map(Value::as_str)
        .any(|pattern| match pattern.strip_suffix(".*") {
            Some(group) => kind
                .split_once('.')
                .is_some_and(|(first, _)| first == group),
            None => pattern == "*" || pattern == kind,
        })
}

#[cfg(test)]
mod tests {
    //! Patterns choose what they say.

    use serde_json::json;

    use super::wants;

    #[test]
    fn patterns_choose_events() {
        for (patterns, expected) in [
            (json!([]), true),
            (json!(["rollout.finished"]), true),
            (json!(["rollout.began"]), false),
            (json!(["device.*"]), false),
            (json!(["device.*", "rollout.*"]), true),
            (json!(["roll.*"]), false),
            (json!(["*"]), true),
        ] {
            assert_eq!(wants(&patterns, "rollout.finished"), expected, "{patterns}");
        }
    }
}
