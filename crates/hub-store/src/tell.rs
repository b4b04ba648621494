//! What happened becomes what webhooks are told, in the transaction in which it happened.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sql::{Column, Statement};
use crate::{
    Delivery, DeliveryId, Error, Event, Id as _, Record as _, TenantId, Topic, WebhookId, Write,
};

/// Somebody to tell.
struct Listener {
    webhook: WebhookId,
    tenant: TenantId,
    wanted: Value,
}

impl Write {
    /// Puts into the queue what the webhooks of the events' tenants, and of those above them, are to be told.
    pub(crate) async fn tell_webhooks(&mut self, events: &[Event]) -> Result<(), Error> {
        let mut by_tenant: BTreeMap<TenantId, Vec<&Event>> = BTreeMap::new();
        for event in events {
            by_tenant.entry(event.tenant).or_default().push(event);
        }
        let mut rows = Vec::new();
        for (tenant, events) in by_tenant {
            for listener in self.listeners(tenant).await? {
                let wanted = events
                    .iter()
                    .filter(|event| is_wanted(&listener.wanted, &event.kind));
                rows.extend(wanted.map(|event| delivery(&listener, event).args()));
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        self.bulk(Delivery::TABLE, Delivery::COLUMNS, rows, "")
            .await?;
        self.wake(Topic::Webhook, None, None);
        Ok(())
    }

    async fn listeners(&mut self, tenant: TenantId) -> Result<Vec<Listener>, Error> {
        let mut statement = Statement::new(
            "SELECT id, tenant, events FROM webhooks WHERE is_disabled = 0 AND tenant IN \
             (SELECT ancestor FROM tenant_reach WHERE tenant = ",
        );
        statement.bind(&tenant).push(") ORDER BY id");
        let rows = self.connection().rows(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(Listener {
                    webhook: row.column(0)?,
                    tenant: row.column(1)?,
                    wanted: Column::read(row, 2)?,
                })
            })
            .collect()
    }
}

/// Whether a kind of event is among those that are wanted: `rollout.paused`, or `rollout.*`; none are all.
fn is_wanted(wanted: &Value, kind: &str) -> bool {
    let Some(wanted) = wanted.as_array().filter(|wanted| !wanted.is_empty()) else {
        return true;
    };
    wanted
        .iter()
        .filter_map(Value::as_str)
        .any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => kind.starts_with(beginning),
            None => kind == pattern,
        })
}

fn delivery(listener: &Listener, event: &Event) -> Delivery {
    let body = json!({
        "id": event.id.to_string(),
        "kind": event.kind,
        "at_ms": event.created_ms,
        "tenant": event.tenant.to_string(),
        "device": event.device.map(|device| device.to_string()),
        "subject": event.subject,
        "detail": event.detail,
    });
    Delivery {
        id: DeliveryId::fresh(),
        tenant: listener.tenant,
        edition: 1,
        created_ms: event.created_ms,
        webhook: listener.webhook,
        event: event.kind.clone(),
        body: body.to_string(),
        next_ms: Some(event.created_ms),
        attempts: 0,
        done_ms: None,
        failure: None,
    }
}

#[cfg(test)]
mod tests {
    //! Which events are wanted.

    use serde_json::json;

    use super::is_wanted;

    #[test]
    fn patterns_name_kinds_and_their_beginnings() {
        for (wanted, kind, expected) in [
            (json!([]), "rollout.paused", true),
            (json!(["*"]), "rollout.paused", true),
            (json!(["rollout.*"]), "rollout.paused", true),
            (json!(["rollout.*"]), "device.enrolled", false),
            (
                json!(["device.enrolled", "rollout.paused"]),
                "rollout.paused",
                true,
            ),
            (json!(["rollout"]), "rollout.paused", false),
            (json!("nonsense"), "rollout.paused", true),
        ] {
            assert_eq!(is_wanted(&wanted, kind), expected, "{wanted} {kind}");
        }
    }
}
