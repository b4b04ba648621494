//! What comes line by line: logs, figures, events; and standard input.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde::Deserialize;
use thimble_device_api::{
    Event, EventKind, LogLine, LogSource, Problem, ProblemKind, Stats, Timestamp,
};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::container::Entry;
use crate::device::Device;
use crate::logs::{self, Query, Source};

use super::reply::{Fault, LINES, PIECES_MAX, line, pieces};
use super::request::{Asked, Named};

/// Time between two readings of figures.
const STATS_EVERY: Duration = Duration::from_secs(1);

pub(super) fn routes() -> OpenApiRouter<Arc<Device>> {
    OpenApiRouter::new()
        .routes(routes!(logs))
        .routes(routes!(attach))
        .routes(routes!(stdin))
        .routes(routes!(stats))
        .routes(routes!(events))
}

type Shared = State<Arc<Device>>;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Lines {
    /// Goes on with what is written from now on, until the container is removed.
    #[serde(default)]
    follow: bool,
    /// Lines from this time on (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Lines before this time (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// That many of the last lines.
    tail: Option<usize>,
}

/// Sends a container's output, a JSON object a line.
#[utoipa::path(get, path = "/v1/containers/{name}/logs", tag = "output",
    params(("name" = String, Path, description = "Name, id, or enough of the id"), Lines),
    responses((status = 200, body = LogLine, content_type = "application/x-ndjson"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn logs(
    State(device): Shared,
    Named(name): Named,
    Asked(asked): Asked<Lines>,
) -> Result<Response, Fault> {
    let entry = device.find(&name)?;
    let query = Query {
        since: asked.since,
        until: asked.until,
        tail: asked.tail,
        ..Query::default()
    };
    Ok(if asked.follow {
        follow(&entry, query)
    } else {
        read(&entry, query)
    })
}

/// Sends what a container writes from now on, until its run ends.
#[utoipa::path(get, path = "/v1/containers/{name}/attach", tag = "output",
    params(("name" = String, Path, description = "Name, id, or enough of the id")),
    responses((status = 200, body = LogLine, content_type = "application/x-ndjson"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
async fn attach(State(device): Shared, Named(name): Named) -> Result<Response, Fault> {
    let entry = device.find(&name)?;
    require_run(&entry)?;
    let query = Query {
        tail: Some(0),
        stop_at_end: true,
        ..Query::default()
    };
    Ok(follow(&entry, query))
}

fn read(entry: &Entry, query: Query) -> Response {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let log = entry.log.clone();
    spawn_blocking(move || {
        for found in log.read(&query) {
            // A file that cannot be read any more ends the answer.
            let Ok(found) = found else { return };
            if sender.blocking_send(line(&wire(found))).is_err() {
                return;
            }
        }
    });
    pieces(LINES, receiver)
}

fn follow(entry: &Entry, query: Query) -> Response {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let mut follower = entry.log.follow(&query);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                found = follower.next() => {
                    let Some(found) = found else { return };
                    if sender.send(line(&wire(found))).await.is_err() {
                        return;
                    }
                }
                () = sender.closed() => return,
            }
        }
    });
    pieces(LINES, receiver)
}

fn wire(found: logs::LogLine) -> LogLine {
    LogLine {
        at: found.at,
        source: match found.source {
            Source::Stdout => LogSource::Stdout,
            Source::Stderr => LogSource::Stderr,
        },
        text: found.text,
        partial: found.partial,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Input {
    /// Ends the container's standard input after this.
    #[serde(default)]
    close: bool,
}

/// Writes the body to a container's standard input; answers when the container has taken it.
#[utoipa::path(post, path = "/v1/containers/{name}/stdin", tag = "output",
    params(("name" = String, Path, description = "Name, id, or enough of the id"), Input),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 204, description = "It is taken"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It does not run, or its input is not open", body = Problem, content_type = "application/problem+json")))]
async fn stdin(
    State(device): Shared,
    Named(name): Named,
    Asked(input): Asked<Input>,
    mut body: Body,
) -> Result<StatusCode, Fault> {
    let entry = device.find(&name)?;
    require_run(&entry)?;
    let gone = || {
        Problem::new(
            ProblemKind::WrongState,
            "the container's standard input is not open; make it with -i (`interactive`)",
        )
        .about(name.clone())
    };
    let stream = {
        let inner = entry.inner();
        inner.run.as_ref().and_then(|run| run.stdin.clone())
    };
    let stream = stream.ok_or_else(gone)?;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(
                ProblemKind::Malformed,
                format_args!("the body could not be read: {error}"),
            )
        })?;
        let Ok(mut bytes) = frame.into_data() else {
            continue;
        };
        while !bytes.is_empty() {
            let written =
                std::future::poll_fn(|context| stream.lock().poll_write(context, &bytes)).await;
            let count = written.map_err(|_| gone())?;
            drop(bytes.split_to(count.min(bytes.len())));
        }
    }
    if input.close
        && let Some(run) = &mut entry.inner().run
    {
        // The writing side closes when nobody has it any more.
        run.stdin = None;
    }
    Ok(StatusCode::NO_CONTENT)
}

fn require_run(entry: &Entry) -> Result<(), Problem> {
    let inner = entry.inner();
    if inner.run.is_some() {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::WrongState,
        format_args!(
            "the container is {}; start it first",
            inner.phase.state().name()
        ),
    )
    .about(&entry.name))
}

/// Sends what containers use: an array of all that were asked for a line, once or every second.
#[utoipa::path(get, path = "/v1/stats", tag = "output",
    params(("stream" = Option<bool>, Query, description = "Every second, until the client has enough"),
        ("container" = Option<Vec<String>>, Query, description = "Only these; may be repeated. Without any, all that run", style = Form, explode)),
    responses((status = 200, body = [Stats], content_type = "application/x-ndjson"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn stats(
    State(device): Shared,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Result<Response, Fault> {
    let mut stream = false;
    let mut chosen = Vec::new();
    for (name, value) in pairs {
        match (name.as_str(), value.as_str()) {
            ("stream", "true") => stream = true,
            ("stream", "false") => stream = false,
            ("container", named) => chosen.push(device.find(named)?),
            _ => {
                return Err(Problem::new(
                    ProblemKind::Malformed,
                    format_args!("{name}={value} cannot be understood; there are `stream=true` and `container=NAME`"),
                )
                .into());
            }
        }
    }
    let mut readings = Readings::new(device, chosen);
    if !stream {
        return Ok(Json(readings.read()).into_response());
    }
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(STATS_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    if sender.send(line(&readings.read())).await.is_err() {
                        return;
                    }
                }
                () = sender.closed() => return,
            }
        }
    });
    Ok(pieces(LINES, receiver))
}

/// Readings of the same containers, one after the other.
struct Readings {
    device: Arc<Device>,
    chosen: Vec<Arc<Entry>>,
    /// Processor time of the last reading.
    before: HashMap<String, (tokio::time::Instant, u64)>,
}

impl Readings {
    fn new(device: Arc<Device>, chosen: Vec<Arc<Entry>>) -> Self {
        Self {
            device,
            chosen,
            before: HashMap::new(),
        }
    }

    fn read(&mut self) -> Vec<Stats> {
        let all;
        let entries = if self.chosen.is_empty() {
            all = self.device.entries();
            all.iter()
                .filter(|entry| entry.inner().run.is_some())
                .cloned()
                .collect()
        } else {
            self.chosen.clone()
        };
        let before = std::mem::take(&mut self.before);
        entries
            .iter()
            .map(|entry| self.read_one(entry, &before))
            .collect()
    }

    fn read_one(
        &mut self,
        entry: &Entry,
        before: &HashMap<String, (tokio::time::Instant, u64)>,
    ) -> Stats {
        let mut stats = self.device.stats(entry);
        let now = tokio::time::Instant::now();
        if let Some((at, cpu_ns)) = before.get(&stats.id) {
            let passed = u64::try_from(now.duration_since(*at).as_micros())
                .unwrap_or(u64::MAX)
                .max(1);
            // A new run begins at nothing.
            stats.cpu_thousandths = Some(stats.cpu_ns.saturating_sub(*cpu_ns) / passed);
        }
        self.before.insert(stats.id.clone(), (now, stats.cpu_ns));
        stats
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Events {
    /// Goes on with what happens from now on.
    #[serde(default)]
    follow: bool,
    /// Events from this time on (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Events before this time (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Events of this container: its name or id.
    container: Option<String>,
    /// Events of this app.
    app: Option<String>,
    /// Events of this kind.
    #[param(inline)]
    kind: Option<EventKind>,
}

impl Events {
    fn wants(&self, event: &Event) -> bool {
        let named = |named: &String| {
            event.container.as_ref() == Some(named)
                || event.id.as_ref().is_some_and(|id| id.starts_with(named))
        };
        self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
            && self.container.as_ref().is_none_or(named)
            && (self.app.is_none() || event.app == self.app)
            && self.kind.is_none_or(|kind| event.kind == kind)
    }
}

/// Sends what happened lately, and with `follow` what happens from now on, a JSON object a line. Without `since`, following
/// begins now.
#[utoipa::path(get, path = "/v1/events", tag = "output", params(Events),
    responses((status = 200, body = Event, content_type = "application/x-ndjson")))]
async fn events(State(device): Shared, Asked(asked): Asked<Events>) -> Response {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let mut changes = device.wires.events.watch();
    let now = *changes.borrow_and_update();
    let mut seen = if asked.follow && asked.since.is_none() {
        now
    } else {
        0
    };
    tokio::spawn(async move {
        loop {
            for event in device.wires.events.after(seen) {
                seen = event.sequence;
                if asked.wants(&event) && sender.send(line(&event)).await.is_err() {
                    return;
                }
            }
            if !asked.follow {
                return;
            }
            tokio::select! {
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = sender.closed() => return,
            }
        }
    });
    pieces(LINES, receiver)
}
