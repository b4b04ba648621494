//! The bus, from outside the containers.

use std::sync::Arc;
use std::task::{Wake, Waker};

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use thimble_device_api::{BusMessage, BusStatus, Problem, ProblemKind, Publish, Published};
use thimble_port_linux::machine::Machine;
use thimble_runtime::Limits;
use thimble_runtime::bus::{BusError, Delivery, Draft, Subscription, Wakers};
use thimble_runtime::config::ContainerId;
use thimble_runtime::grant::TopicFilter;
use tokio::sync::{Notify, mpsc};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::device::{Device, now};

use super::reply::{Fault, LINES, PIECES_MAX, line, pieces};
use super::request::{Asked, Declared};

/// Bytes of a topic at most.
const TOPIC_BYTES_MAX: usize = 1024;

pub(super) fn routes() -> OpenApiRouter<Arc<Device>> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(publish))
        .routes(routes!(subscribe))
}

type Shared = State<Arc<Device>>;

/// Tells about the bus and its bridges.
#[utoipa::path(get, path = "/v1/bus", tag = "bus", responses((status = 200, body = BusStatus)))]
async fn status(State(device): Shared) -> Json<BusStatus> {
    Json(device.bus_status())
}

/// Publishes a message.
#[utoipa::path(post, path = "/v1/bus/publish", tag = "bus", request_body = Publish,
    responses((status = 200, body = Published),
        (status = 422, body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "There is no room to retain it", body = Problem, content_type = "application/problem+json")))]
async fn publish(
    State(device): Shared,
    Declared(message): Declared<Publish>,
) -> Result<Json<Published>, Fault> {
    check_topic(&message.topic)?;
    let mut wakers = Wakers::default();
    let mut published = Ok(Default::default());
    let publisher = device.machine.new_id();
    device.machine.with_bus(&mut |bus| {
        let draft = Draft::new(
            &message.topic,
            &message.content_type,
            message.payload.as_bytes(),
            now(),
        );
        published = bus.publish(publisher, draft, message.retain, &mut wakers);
    });
    wakers.wake();
    let published = published.map_err(|error| {
        let kind = match error {
            BusError::Retained => ProblemKind::TooMany,
            _ => ProblemKind::Invalid,
        };
        Problem::new(kind, error).about(&message.topic)
    })?;
    Ok(Json(Published {
        delivered: published.delivered,
        refused: published.refused,
    }))
}

fn check_topic(topic: &str) -> Result<(), Problem> {
    if topic.is_empty() || topic.len() > TOPIC_BYTES_MAX || topic.contains(['+', '#', '\0']) {
        return Err(Problem::new(
            ProblemKind::Invalid,
            format_args!("a topic has 1 to {TOPIC_BYTES_MAX} bytes, without `+`, `#` and NUL"),
        )
        .about("topic"));
    }
    Ok(())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Listening {
    /// The topic filter, with `+` and `#`.
    filter: String,
}

/// Sends the messages that a filter matches, those that are retained first, a JSON object a line. A listener that does not
/// read loses messages, which `lost` counts, and holds nobody up.
#[utoipa::path(get, path = "/v1/bus/subscribe", tag = "bus", params(Listening),
    responses((status = 200, body = BusMessage, content_type = "application/x-ndjson"),
        (status = 422, body = Problem, content_type = "application/problem+json")))]
async fn subscribe(
    State(device): Shared,
    Asked(asked): Asked<Listening>,
) -> Result<Response, Fault> {
    let invalid = |reason: &dyn std::fmt::Display| {
        Problem::new(
            ProblemKind::Invalid,
            format_args!("{:?}: {reason}", asked.filter),
        )
        .about("filter")
    };
    let filter: TopicFilter = TopicFilter::parse(&asked.filter).map_err(|error| invalid(&error))?;
    let mut listener =
        Listener::join(device.machine.clone(), filter).map_err(|error| invalid(&error))?;
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                delivery = listener.next() => {
                    if sender.send(line(&wire(&delivery))).await.is_err() {
                        return;
                    }
                }
                () = sender.closed() => return,
            }
        }
    });
    Ok(pieces(LINES, receiver))
}

fn wire(delivery: &Delivery) -> BusMessage {
    let message = &delivery.message;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    BusMessage {
        topic: text(message.topic()),
        content_type: text(message.content_type()),
        payload: text(message.payload()),
        lost: delivery.lost,
    }
}

/// Something on the bus that is no container.
struct Listener {
    machine: Machine,
    id: ContainerId,
    arrived: Arc<Arrived>,
    waker: Waker,
}

#[derive(Default)]
struct Arrived(Notify);

impl Wake for Arrived {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

impl Listener {
    fn join(machine: Machine, filter: TopicFilter) -> Result<Self, BusError> {
        let id = machine.new_id();
        let mut joined = Ok(0);
        machine.with_bus(&mut |bus| {
            joined = bus.subscribe(id, &Limits::default(), Subscription::Filter(filter.clone()));
        });
        joined?;
        let arrived = Arc::new(Arrived::default());
        let waker = Waker::from(Arc::clone(&arrived));
        Ok(Self {
            machine,
            id,
            arrived,
            waker,
        })
    }

    async fn next(&mut self) -> Delivery {
        loop {
            let mut taken = None;
            self.machine
                .with_bus(&mut |bus| taken = bus.take(self.id, &self.waker));
            match taken {
                Some(delivery) => return delivery,
                None => self.arrived.0.notified().await,
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.machine.with_bus(&mut |bus| bus.detach(self.id));
    }
}
