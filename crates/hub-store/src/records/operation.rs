//! What the hub needs to work: keys, webhooks, events.

use serde_json::Value;

use crate::record::record;
use crate::{DeviceId, WebhookId};

record! {
    /// A key of the hub or of a tenant.
    Key(KeyId) is "key" in "keys", fixed [purpose, public] {
        /// What it is for.
        purpose: String,
        /// `next`, `current`, `old`, `retired`, or as its purpose has it.
        state: String,
        /// The public key, or a certificate of it.
        public: Vec<u8>,
        /// The private key, encrypted with the hub's key.
        ciphertext: Option<Vec<u8>>,
        /// When it ends.
        not_after_ms: Option<i64>,
    }
}

record! {
    /// Who is told of what happens.
    Webhook(WebhookId) is "webhook" in "webhooks" {
        /// What it is called; unique in the tenant.
        name: String,
        /// Where.
        url: String,
        /// Of which kinds of events.
        events: Value,
        /// The secret with which bodies are signed, encrypted with the hub's key.
        secret: Vec<u8>,
        /// Nothing is sent.
        is_disabled: bool,
        /// Since when it fails.
        failing_since_ms: Option<i64>,
    }
}

record! {
    /// One thing that a webhook is to be told. See [`Write::next_deliveries`](crate::Write::next_deliveries).
    Delivery(DeliveryId) is "delivery" in "webhook_deliveries", names [webhook in Webhook],
        fixed [webhook, event, body]
    {
        /// Which webhook.
        webhook: WebhookId,
        /// The kind of event.
        event: String,
        /// What is sent.
        body: String,
        /// When it is tried next; none: it is over.
        next_ms: Option<i64>,
        /// How often it was tried.
        attempts: u32,
        /// When it was taken.
        done_ms: Option<i64>,
        /// What went wrong the last time.
        failure: Option<String>,
    }
}

record! {
    /// Something that happened.
    Event(EventId) is "event" in "events", names [device in Device], fixed [kind, device, subject, detail] {
        /// What kind: `device.enrolled`.
        kind: String,
        /// Which device it is about.
        device: Option<DeviceId>,
        /// What else it is about.
        subject: Option<String>,
        /// The rest.
        detail: Value,
    }
}
