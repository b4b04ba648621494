//! Containers and their life.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use thimble_device_api::{
    Container, ContainerSpec, Created, ExitRecord, Problem, ProblemKind, State as ContainerState,
    Update,
};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::container::Entry;
use crate::device::{Device, no_such_container};
use crate::operations::CreateMode;
use crate::wait::Until;

use super::reply::{Fault, blocking};
use super::request::{Asked, Declared, Named};

pub(super) fn routes() -> OpenApiRouter<Arc<Device>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(inspect, remove, update))
        .routes(routes!(start))
        .routes(routes!(stop))
        .routes(routes!(kill))
        .routes(routes!(pause))
        .routes(routes!(unpause))
        .routes(routes!(restart))
        .routes(routes!(wait))
}

type Shared = State<Arc<Device>>;
type Answer = Result<Json<Container>, Fault>;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Listing {
    /// Those too that do not run.
    #[serde(default)]
    all: bool,
    /// Those of this app alone.
    app: Option<String>,
}

/// Lists containers, the oldest first.
#[utoipa::path(get, path = "/v1/containers", tag = "containers", params(Listing),
    responses((status = 200, body = [Container])))]
async fn list(State(device): Shared, Asked(listing): Asked<Listing>) -> Json<Vec<Container>> {
    let is_wanted = |entry: &Arc<Entry>| {
        let of_app = listing.app.is_none() || entry.app == listing.app;
        let shown = listing.all || !entry.inner().phase.is_at_rest();
        of_app && shown
    };
    let entries = device.entries();
    let wanted = entries.iter().filter(|entry| is_wanted(entry));
    Json(wanted.map(|entry| device.view(entry)).collect())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Creation {
    /// Starts it as well: without success nothing is made.
    #[serde(default)]
    start: bool,
}

/// Makes a container.
#[utoipa::path(post, path = "/v1/containers", tag = "containers", params(Creation), request_body = ContainerSpec,
    responses((status = 201, body = Created),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The image is not here", body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json")))]
async fn create(
    State(device): Shared,
    Asked(creation): Asked<Creation>,
    Declared(mut spec): Declared<ContainerSpec>,
) -> Result<Response, Fault> {
    let mode = if creation.start {
        CreateMode::AndStart
    } else {
        CreateMode::Only
    };
    // Apps are declared as a whole.
    if spec.app.take().is_some() {
        return Err(Problem::new(
            ProblemKind::Invalid,
            "a container comes into an app by declaring the app: PUT /v1/apps/NAME",
        )
        .about("app")
        .into());
    }
    let (_, created) = blocking(move || device.create(spec, mode)).await?;
    Ok((StatusCode::CREATED, Json::<Created>(created)).into_response())
}

/// Tells everything about a container.
#[utoipa::path(get, path = "/v1/containers/{name}", tag = "containers",
    params(("name" = String, Path, description = "Name, id, or enough of the id")),
    responses((status = 200, body = Container), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn inspect(State(device): Shared, Named(name): Named) -> Answer {
    let entry = device.find(&name)?;
    Ok(Json(device.view(&entry)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Removal {
    /// Kills it first if it runs.
    #[serde(default)]
    force: bool,
    /// Deletes its stored values and the volumes that no other container has.
    #[serde(default)]
    volumes: bool,
}

/// Removes a container.
#[utoipa::path(delete, path = "/v1/containers/{name}", tag = "containers",
    params(("name" = String, Path, description = "Name, id, or enough of the id"), Removal),
    responses((status = 204, description = "It is gone"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
async fn remove(
    State(device): Shared,
    Named(name): Named,
    Asked(removal): Asked<Removal>,
) -> Result<StatusCode, Fault> {
    let entry = device.find(&name)?;
    if removal.force {
        let (device, entry) = (Arc::clone(&device), Arc::clone(&entry));
        let killed = Arc::clone(&entry);
        let ending = blocking(move || device.end_for_removal(&killed)).await?;
        entry.over(ending).await;
    }
    blocking(move || device.remove(&entry, removal.volumes)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes a container, whether it runs or not.
#[utoipa::path(patch, path = "/v1/containers/{name}", tag = "containers", request_body = Update,
    params(("name" = String, Path, description = "Name, id, or enough of the id")),
    responses((status = 200, body = Container),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json")))]
async fn update(
    State(device): Shared,
    Named(name): Named,
    Declared(update): Declared<Update>,
) -> Answer {
    done(device, &name, move |device, entry| {
        device.update(entry, &update)
    })
    .await
}

/// Starts a container, or has it wait for those that it depends on.
#[utoipa::path(post, path = "/v1/containers/{name}/start", tag = "containers",
    params(("name" = String, Path, description = "Name, id, or enough of the id")),
    responses((status = 200, body = Container),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json")))]
async fn start(State(device): Shared, Named(name): Named) -> Answer {
    done(device, &name, |device, entry| device.start(entry)).await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Grace {
    /// Time until it is killed, instead of its own.
    grace_ms: Option<u64>,
}

impl Grace {
    fn time(&self) -> Option<Duration> {
        self.grace_ms.map(Duration::from_millis)
    }
}

/// Asks a container to stop, and kills it after its grace; answers when it has ended.
#[utoipa::path(post, path = "/v1/containers/{name}/stop", tag = "containers",
    params(("name" = String, Path, description = "Name, id, or enough of the id"), Grace),
    responses((status = 200, body = Container), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn stop(State(device): Shared, Named(name): Named, Asked(grace): Asked<Grace>) -> Answer {
    let entry = device.find(&name)?;
    let time = grace.time();
    let (stopping, stopped) = (Arc::clone(&device), Arc::clone(&entry));
    let ending = blocking(move || stopping.stop(&stopped, time)).await?;
    entry.over(ending).await;
    Ok(Json(device.view(&entry)))
}

/// Kills a container; answers when it has ended.
#[utoipa::path(post, path = "/v1/containers/{name}/kill", tag = "containers",
    params(("name" = String, Path, description = "Name, id, or enough of the id")),
    responses((status = 200, body = Container),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
async fn kill(State(device): Shared, Named(name): Named) -> Answer {
    let entry = device.find(&name)?;
    let (killing, killed) = (Arc::clone(&device), Arc::clone(&entry));
    let ending = blocking(move || killing.kill(&killed)).await?;
    entry.over(ending).await;
    Ok(Json(device.view(&entry)))
}

/// Keeps a container from running, in the middle of whatever it does.
#[utoipa::path(post, path = "/v1/containers/{name}/pause", tag = "containers",
    params(("name" = String, Path, description = "Name, id, or enough of the id")),
    responses((status = 200, body = Container),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
async fn pause(State(device): Shared, Named(name): Named) -> Answer {
    done(device, &name, |device, entry| device.pause(entry)).await
}

/// Lets a paused container go on.
#[utoipa::path(post, path = "/v1/containers/{name}/unpause", tag = "containers",
    params(("name" = String, Path, description = "Name, id, or enough of the id")),
    responses((status = 200, body = Container),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
async fn unpause(State(device): Shared, Named(name): Named) -> Answer {
    done(device, &name, |device, entry| device.unpause(entry)).await
}

/// Stops a container if it runs, and starts it.
#[utoipa::path(post, path = "/v1/containers/{name}/restart", tag = "containers",
    params(("name" = String, Path, description = "Name, id, or enough of the id"), Grace),
    responses((status = 200, body = Container),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json")))]
async fn restart(State(device): Shared, Named(name): Named, Asked(grace): Asked<Grace>) -> Answer {
    let entry = device.find(&name)?;
    let time = grace.time();
    let (stopping, stopped) = (Arc::clone(&device), Arc::clone(&entry));
    let ending = blocking(move || stopping.stop(&stopped, time)).await?;
    entry.over(ending).await;
    done(device, &name, |device, entry| device.start(entry)).await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Waiting {
    /// What is waited for: `ended`, `running` or `healthy`.
    #[serde(default)]
    condition: Condition,
}

#[derive(Clone, Copy, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Condition {
    #[default]
    Ended,
    Running,
    Healthy,
}

/// Answers when a container's run has ended, or it is as far as it should be. One that has ended is not waited for.
#[utoipa::path(get, path = "/v1/containers/{name}/wait", tag = "containers",
    params(("name" = String, Path, description = "Name, id, or enough of the id"), Waiting),
    responses((status = 200, description = "How it ended", body = ExitRecord),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It will not happen: it has failed, was stopped or removed", body = Problem, content_type = "application/problem+json")))]
async fn wait(
    State(device): Shared,
    Named(name): Named,
    Asked(waiting): Asked<Waiting>,
) -> Result<Response, Fault> {
    let entry = device.find(&name)?;
    let until = match waiting.condition {
        Condition::Ended => {
            let end: Option<ExitRecord> = entry.end().await;
            return match end {
                Some(end) => Ok(Json(end).into_response()),
                None if entry.inner().removed => Err(no_such_container(&name).into()),
                None => Err(Problem::new(
                    ProblemKind::WrongState,
                    "the container has not been started, so there is no end to wait for",
                )
                .about(name)
                .into()),
            };
        }
        Condition::Running => Until::Running,
        Condition::Healthy => Until::Healthy,
    };
    match entry.until(until).await {
        Ok(()) => Ok(Json(device.view(&entry)).into_response()),
        Err(state) => Err(never(&name, state).into()),
    }
}

fn never(name: &str, state: ContainerState) -> Problem {
    Problem::new(
        ProblemKind::WrongState,
        format_args!(
            "the container is {}, so it will not happen by itself",
            state.name()
        ),
    )
    .about(name)
}

/// Does something to a container, and tells how it is then.
async fn done(
    device: Arc<Device>,
    name: &str,
    work: impl FnOnce(&Device, &Arc<Entry>) -> Result<(), Problem> + Send + 'static,
) -> Answer {
    let entry = device.find(name)?;
    blocking(move || {
        work(&device, &entry)?;
        Ok(device.view(&entry))
    })
    .await
    .map(Json)
}
