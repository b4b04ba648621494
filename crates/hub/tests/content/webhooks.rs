//! Webhooks: told once, signed, again later if need be, and never into the hub's own network.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use serde_json::{Value, json};
use thimble_hub::webhooks::{Deliverer, SIGNATURE_HEADER, is_signed, secret_context};
use thimble_hub_store::{
    AuditPage, Delivery, Event, EventId, Id as _, TenantId, Webhook, WebhookId,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::node::{Node, everything};

const SECRET: &[u8] = b"sixteen characters";
const HOUR_MS: i64 = 3_600_000;

/// Whoever is told: answers what it was told to, 200 if nothing, and passes on what came.
struct Receiver {
    url: String,
    answers: Arc<Mutex<VecDeque<u16>>>,
    told: mpsc::UnboundedReceiver<(HeaderMap, Bytes)>,
}

type Shared = (
    Arc<Mutex<VecDeque<u16>>>,
    mpsc::UnboundedSender<(HeaderMap, Bytes)>,
);

async fn receive(
    State((answers, told)): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(header::HeaderName, &'static str); 1]) {
    let status = answers.lock().unwrap().pop_front().unwrap_or(200);
    told.send((headers, body)).unwrap();
    (
        StatusCode::from_u16(status).unwrap(),
        [(header::LOCATION, "/elsewhere")],
    )
}

impl Receiver {
    async fn start() -> Self {
        let answers = Arc::new(Mutex::new(VecDeque::new()));
        let (sender, told) = mpsc::unbounded_channel();
        let router = Router::new()
            .route("/hook", post(receive))
            .with_state((Arc::clone(&answers), sender));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, answers, told }
    }

    fn answer(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    fn count(&mut self) -> usize {
        std::iter::from_fn(|| self.told.try_recv().ok()).count()
    }
}

async fn webhook(node: &Node, tenant: TenantId, url: &str, events: Value) -> WebhookId {
    let mut webhook = Webhook {
        id: WebhookId::fresh(),
        tenant,
        edition: 0,
        created_ms: node.hub.now_ms(),
        name: "hook".into(),
        url: url.into(),
        events,
        secret: Vec::new(),
        is_disabled: false,
        failing_since_ms: None,
    };
    let sealed = node
        .hub
        .vault
        .master()
        .seal(&secret_context(&webhook), SECRET);
    webhook.secret = sealed.unwrap();
    let mut write = node.hub.store.write().await.unwrap();
    write
        .insert(&everything(), &webhook, &node.audit())
        .await
        .unwrap();
    write.commit().await.unwrap();
    webhook.id
}

async fn happen(node: &Node, tenant: TenantId, kind: &str) -> EventId {
    let event = Event {
        id: EventId::fresh(),
        tenant,
        edition: 0,
        created_ms: node.hub.now_ms(),
        kind: kind.into(),
        device: None,
        subject: Some("rollout/7".into()),
        detail: json!({ "wave": 2 }),
    };
    let mut write = node.hub.store.write().await.unwrap();
    write
        .note(&everything(), std::slice::from_ref(&event))
        .await
        .unwrap();
    write.commit().await.unwrap();
    event.id
}

async fn deliveries(node: &Node) -> Vec<Delivery> {
    let mut read = node.hub.store.read().await.unwrap();
    read.all(&everything(), &[]).await.unwrap()
}

async fn state(node: &Node, id: WebhookId) -> Webhook {
    let mut read = node.hub.store.read().await.unwrap();
    read.one(&everything(), id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_to_know_is_told_once_and_signed() {
    let node = Node::new().await;
    let oem = node.tenant(TenantId::HUB, "oem").await;
    let customer = node.tenant(oem, "customer").await;
    let other = node.tenant(TenantId::HUB, "other").await;
    let mut receiver = Receiver::start().await;
    // The customer's events are the OEM's to know too; those of others are not.
    webhook(&node, oem, &receiver.url, json!(["rollout.*"])).await;
    let event = happen(&node, customer, "rollout.paused").await;
    happen(&node, customer, "device.enrolled").await;
    happen(&node, other, "rollout.paused").await;
    // Two nodes of one hub: what one has, the other does not get.
    let one = Deliverer::new(Arc::clone(&node.hub)).unwrap();
    let other = Deliverer::new(Arc::clone(&node.hub)).unwrap();
    let (first, second) = tokio::join!(one.deliver_due(), other.deliver_due());
    assert_eq!(first.unwrap() + second.unwrap(), 1);
    let (headers, body) = receiver.told.recv().await.unwrap();
    let now_s = node.hub.now_ms() / 1000;
    let signature = headers.get(SIGNATURE_HEADER).unwrap().to_str().unwrap();
    assert!(
        is_signed(signature, SECRET, &body, now_s, 300),
        "{signature}"
    );
    assert_eq!(headers.get("thimble-event").unwrap(), "rollout.paused");
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        told,
        json!({
            "id": event.to_string(), "kind": "rollout.paused", "at_ms": node.hub.now_ms(),
            "tenant": customer.to_string(), "device": null, "subject": "rollout/7",
            "detail": { "wave": 2 },
        })
    );
    assert_eq!(one.deliver_due().await.unwrap(), 0);
    assert_eq!(receiver.count(), 0);
    let [delivery] = deliveries(&node).await.try_into().unwrap();
    assert_eq!(delivery.done_ms, Some(node.hub.now_ms()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_taken_is_sent_again_later() {
    let node = Node::new().await;
    let acme = node.tenant(TenantId::HUB, "acme").await;
    let mut receiver = Receiver::start().await;
    let id = webhook(&node, acme, &receiver.url, json!([])).await;
    happen(&node, acme, "device.enrolled").await;
    let deliverer = Deliverer::new(Arc::clone(&node.hub)).unwrap();
    // Nobody follows a redirect.
    receiver.answer(&[500, 302]);
    assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
    let [delivery] = deliveries(&node).await.try_into().unwrap();
    assert_eq!(
        delivery.failure.as_deref(),
        Some("the answer was 500, not 2xx")
    );
    let wait_ms = delivery.next_ms.unwrap() - node.hub.now_ms();
    assert!((2_500..=5_000).contains(&wait_ms), "{wait_ms}");
    assert_eq!(
        state(&node, id).await.failing_since_ms,
        Some(node.hub.now_ms())
    );
    node.clock.advance_ms(wait_ms - 1);
    assert_eq!(deliverer.deliver_due().await.unwrap(), 0);
    node.clock.advance_ms(1);
    assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
    let [delivery] = deliveries(&node).await.try_into().unwrap();
    assert!(delivery.failure.unwrap().contains("webhooks follow nobody"));
    node.clock.advance_ms(HOUR_MS);
    assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
    assert_eq!(receiver.count(), 3);
    assert_eq!(state(&node, id).await.failing_since_ms, None);
    let [delivery] = deliveries(&node).await.try_into().unwrap();
    assert_eq!((delivery.attempts, delivery.next_ms), (3, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_died_is_replaced_by_another() {
    let node = Node::new().await;
    let acme = node.tenant(TenantId::HUB, "acme").await;
    let mut receiver = Receiver::start().await;
    webhook(&node, acme, &receiver.url, json!([])).await;
    happen(&node, acme, "device.enrolled").await;
    // It took the delivery, and was never heard of again.
    let mut write = node.hub.store.write().await.unwrap();
    let taken = write
        .next_deliveries(&everything(), node.hub.now_ms(), 10, 120_000)
        .await;
    assert_eq!(taken.unwrap().len(), 1);
    write.commit().await.unwrap();
    let deliverer = Deliverer::new(Arc::clone(&node.hub)).unwrap();
    assert_eq!(deliverer.deliver_due().await.unwrap(), 0);
    node.clock.advance_ms(120_000);
    assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
    assert_eq!(receiver.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fails_for_days_is_told_nothing_more() {
    let node = Node::new().await;
    let acme = node.tenant(TenantId::HUB, "acme").await;
    let mut receiver = Receiver::start().await;
    let id = webhook(&node, acme, &receiver.url, json!([])).await;
    let deliverer = Deliverer::new(Arc::clone(&node.hub)).unwrap();
    receiver.answer(&[503; 10_000]);
    happen(&node, acme, "device.enrolled").await;
    for _ in 0..75 {
        deliverer.deliver_due().await.unwrap();
        node.clock.advance_ms(HOUR_MS);
        if state(&node, id).await.is_disabled {
            break;
        }
        happen(&node, acme, "device.enrolled").await;
    }
    assert!(state(&node, id).await.is_disabled);
    assert!(deliveries(&node).await.iter().any(|delivery| {
        delivery
            .failure
            .as_deref()
            .is_some_and(|failure| failure.contains("last of 30 attempts"))
    }));
    receiver.count();
    receiver.answers.lock().unwrap().clear();
    // What is in the queue is given up, and nothing is added.
    let queued = deliveries(&node).await.len();
    happen(&node, acme, "device.enrolled").await;
    assert_eq!(deliveries(&node).await.len(), queued);
    while deliverer.deliver_due().await.unwrap() > 0 {
        node.clock.advance_ms(HOUR_MS);
    }
    assert_eq!(receiver.count(), 0);
    let mut read = node.hub.store.read().await.unwrap();
    let page = AuditPage {
        after: None,
        limit: 1000,
        is_backwards: false,
    };
    let entries = read
        .audit_entries(&everything(), acme, None, &page)
        .await
        .unwrap();
    let actions: Vec<_> = entries
        .iter()
        .map(|entry| entry.action.as_str())
        .filter(|action| action.starts_with("webhook."))
        .collect();
    assert_eq!(actions, ["webhook.fail", "webhook.disable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_node_is_woken_by_what_happens() {
    let node = Node::new().await;
    let acme = node.tenant(TenantId::HUB, "acme").await;
    let mut receiver = Receiver::start().await;
    webhook(&node, acme, &receiver.url, json!([])).await;
    let deliverer = Deliverer::new(Arc::clone(&node.hub)).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        deliverer
            .run(async {
                let _ = stopped.await;
            })
            .await;
    });
    happen(&node, acme, "device.enrolled").await;
    receiver.told.recv().await.unwrap();
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_lead_inside_are_not_asked() {
    let node = Node::with(false).await;
    let acme = node.tenant(TenantId::HUB, "acme").await;
    let mut receiver = Receiver::start().await;
    let port = receiver.url.rsplit(':').next().unwrap();
    webhook(&node, acme, &format!("https://localhost:{port}"), json!([])).await;
    happen(&node, acme, "device.enrolled").await;
    let deliverer = Deliverer::new(Arc::clone(&node.hub)).unwrap();
    assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
    let [delivery] = deliveries(&node).await.try_into().unwrap();
    let failure = delivery.failure.unwrap();
    assert!(
        failure.contains("localhost is in a private network"),
        "{failure}"
    );
    assert_eq!(receiver.count(), 0);
}
