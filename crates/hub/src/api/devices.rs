//! Devices.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use thimble_hub_api::device::{self as seen, Device as DeviceView, DeviceChange};
use thimble_hub_api::{Page, Problem, ProblemKind};
use thimble_hub_store::{
    Audit, Device, DeviceFilter, DeviceId, DeviceRow, DeviceState, LabelTest, Read, Scope, Topic,
    Write,
};
use thimble_rollout::Selector;
use thimble_rollout::selector::Test;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, ToApprove, ToDevices, ToRead};
use super::described;
use super::lookup::named;
use super::publication::Publication;
use super::reply::{Answer, Fault, Tagged, unchanged};
use super::request::{Asked, Declared, Named, Nothing, Reason, rows};
use crate::hub::Hub;
use crate::model::{device as model, names};

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(inspect, change))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(revoke))
        .routes(routes!(retire))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// What the page before gave as `next`.
    after: Option<String>,
    /// Items at most, 1 to 1000.
    limit: Option<u32>,
    /// Labels: `line=1, site in (a, b), !canary`.
    selector: Option<String>,
    /// Whether it is one of the fleet.
    state: Option<seen::DeviceState>,
    /// The hardware type.
    model: Option<String>,
    /// What its name, serial number or fingerprint contains.
    text: Option<String>,
    /// Only those that do not have yet what they are to have.
    #[serde(default)]
    out_of_date: bool,
    /// Only those that are held, or only those that are not.
    held: Option<bool>,
    /// Only those with this health in the last report.
    health: Option<String>,
    /// Only those in this phase in the last report.
    phase: Option<String>,
}

/// Lists devices.
#[utoipa::path(get, path = "/v1/devices", tag = "devices", params(Filter),
    responses((status = 200, body = Page<DeviceView>), described::Invalid))]
async fn list(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Asked(asked): Asked<Filter>,
) -> Answer<Json<Page<DeviceView>>> {
    let rows = rows::<DeviceId>(asked.after.as_deref(), asked.limit)?;
    let filter = DeviceFilter {
        labels: label_tests(asked.selector.as_deref().unwrap_or_default())?,
        states: asked.state.map(model::stored_state).into_iter().collect(),
        model: asked.model,
        text: asked.text,
        is_up_to_date: asked.out_of_date.then_some(false),
        is_held: asked.held,
        health: asked.health,
        phase: asked.phase,
        ..DeviceFilter::default()
    };
    let listed = hub
        .store
        .read()
        .await?
        .devices(&caller.scope(), &filter, &rows)
        .await?;
    Ok(Json(Page {
        items: listed.items.into_iter().map(model::view).collect(),
        next: listed.next,
    }))
}

/// What the store tests of a selector.
fn label_tests(text: &str) -> Answer<Vec<LabelTest>> {
    let selector = Selector::parse(text).map_err(|error| {
        Fault::new(
            ProblemKind::Invalid,
            format_args!("`selector`, character {}: {error}", error.position),
        )
    })?;
    Ok(tests_of(&selector))
}

/// What the store tests of a selector that is one.
pub(super) fn tests_of(selector: &Selector) -> Vec<LabelTest> {
    let tests = selector.requirements().iter().map(|requirement| {
        let key = requirement.key().to_owned();
        match requirement.test() {
            Test::Exists => LabelTest::Exists(key),
            Test::Absent => LabelTest::Absent(key),
            Test::In(values) => LabelTest::In(key, values.clone()),
            Test::NotIn(values) => LabelTest::NotIn(key, values.clone()),
        }
    });
    tests.collect()
}

/// Tells about a device.
#[utoipa::path(get, path = "/v1/devices/{device}", tag = "devices",
    params(described::DeviceName),
    responses((status = 200, body = DeviceView, headers(("ETag" = String, description = "For `If-Match`"))),
        described::NotFound))]
async fn inspect(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Named(name): Named<String>,
) -> Answer<Tagged<DeviceView>> {
    let mut read = hub.store.read().await?;
    let device = named::<Device>(&mut read, &caller.scope(), &name).await?;
    view(&mut read, &caller.scope(), device.id).await
}

/// What operators see of a device.
pub(super) async fn view(
    read: &mut Read,
    scope: &Scope,
    id: DeviceId,
) -> Answer<Tagged<DeviceView>> {
    let row = DeviceRow {
        device: read.one(scope, id).await?,
        labels: read.labels(scope, id).await?,
        desired: read
            .state(scope, id)
            .await?
            .map(|state| state.version.version),
        status: read.status(scope, id).await?,
        seen_ms: read.last_seen(scope, id).await?,
    };
    Ok(Tagged(row.device.edition, model::view(row)))
}

/// Changes a device's name and labels.
#[utoipa::path(patch, path = "/v1/devices/{device}", tag = "devices", request_body = DeviceChange,
    params(described::DeviceName, described::IfMatch),
    responses((status = 200, body = DeviceView), described::NotFound, described::Conflicting, described::Changed,
        described::Invalid))]
async fn change(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToDevices>,
    Named(name): Named<String>,
    headers: HeaderMap,
    Declared(change): Declared<DeviceChange>,
) -> Answer<Tagged<DeviceView>> {
    if let Some(name) = &change.name {
        names::device(name)?;
    }
    for (key, value) in &change.labels {
        names::label(key, value.as_deref().unwrap_or_default())?;
    }
    let scope = caller.scope();
    let publication = Publication::begin(&hub, caller.tenant()).await?;
    let mut write = hub.store.write().await?;
    let mut device = named::<Device>(&mut write, &scope, &name).await?;
    unchanged(&headers, device.edition)?;
    if let Some(name) = change.name.clone() {
        device.name = name;
    }
    let audit = caller
        .audit(
            hub.now_ms(),
            "device.change",
            format!("device/{}", device.id),
        )
        .with(serde_json::json!({ "name": change.name, "labels": change.labels }));
    write.update(&scope, &device, &audit).await?;
    if !change.labels.is_empty() {
        relabel(&mut write, &scope, device.id, &change.labels).await?;
        // Overrides of deployments choose by labels.
        publication.of_device(&mut write, &scope, &device).await?;
    }
    changed(&mut write, &device);
    write.commit().await?;
    // Desired states get their versions with the commit.
    let mut read = hub.store.read().await?;
    view(&mut read, &scope, device.id).await
}

async fn relabel(
    write: &mut Write,
    scope: &Scope,
    device: DeviceId,
    changes: &BTreeMap<String, Option<String>>,
) -> Answer<()> {
    let mut labels: BTreeMap<String, String> = write
        .labels(scope, device)
        .await?
        .into_iter()
        .filter(|label| !label.is_own)
        .map(|label| (label.key, label.value))
        .collect();
    for (key, value) in changes {
        match value {
            Some(value) => labels.insert(key.clone(), value.clone()),
            None => labels.remove(key),
        };
    }
    names::labels(&labels)?;
    let labels: Vec<(String, String)> = labels.into_iter().collect();
    write
        .set_labels(scope, device, &labels, &Audit::part())
        .await?;
    Ok(())
}

/// Tells the other parts and nodes that a device is another one.
pub(super) fn changed(write: &mut Write, device: &Device) {
    write.wake(
        Topic::Device,
        Some(device.tenant),
        Some(device.id.to_string()),
    );
}

/// Lets a pending device into the fleet. Compare its fingerprint with what the device shows before.
#[utoipa::path(post, path = "/v1/devices/{device}/approve", tag = "devices",
    params(described::DeviceName),
    responses((status = 200, body = DeviceView), described::NotFound, described::Conflicting))]
async fn approve(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToApprove>,
    Named(name): Named<String>,
    _: Nothing,
) -> Answer<Tagged<DeviceView>> {
    let audit = |id| caller.audit(hub.now_ms(), "device.approve", format!("device/{id}"));
    let step = Life {
        from: &[DeviceState::Pending],
        to: DeviceState::Active,
    };
    step.make(&hub, &caller.scope(), &name, audit).await
}

/// Does not let a pending device into the fleet, and forgets it.
#[utoipa::path(post, path = "/v1/devices/{device}/reject", tag = "devices",
    params(described::DeviceName, described::Why),
    responses((status = 204, description = "It is gone"), described::NotFound, described::Conflicting))]
async fn reject(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToApprove>,
    Named(name): Named<String>,
    Reason(reason): Reason,
    _: Nothing,
) -> Answer<StatusCode> {
    let scope = caller.scope();
    let mut write = hub.store.write().await?;
    let device = named::<Device>(&mut write, &scope, &name).await?;
    require_state(&device, &[DeviceState::Pending])?;
    let audit = caller
        .audit(
            hub.now_ms(),
            "device.reject",
            format!("device/{}", device.id),
        )
        .because(reason)
        .with(serde_json::json!({ "serial": device.serial, "fingerprint": device.fingerprint }));
    write.remove::<Device>(&scope, device.id, &audit).await?;
    changed(&mut write, &device);
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $path:literal, $action:literal, from $($from:ident)|+ to $to:ident;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(post, path = $path, tag = "devices", params(described::DeviceName, described::Why),
            responses((status = 200, body = DeviceView), described::NotFound, described::Conflicting))]
        async fn $name(
            State(hub): State<Arc<Hub>>,
            caller: Allowed<ToDevices>,
            Named(name): Named<String>,
            Reason(reason): Reason,
            _: Nothing,
        ) -> Answer<Tagged<DeviceView>> {
            let audit = |id| {
                caller
                    .audit(hub.now_ms(), $action, format!("device/{id}"))
                    .because(reason)
            };
            let step = Life {
                from: &[$(DeviceState::$from),+],
                to: DeviceState::$to,
            };
            step.make(&hub, &caller.scope(), &name, audit).await
        }
    )*};
}

steps! {
    /// Trusts a device no more: its certificate is void at once.
    revoke = "/v1/devices/{device}/revoke", "device.revoke", from Pending | Active to Revoked;
    /// Takes a device out of service: its name and serial number are free then.
    retire = "/v1/devices/{device}/retire", "device.retire", from Active | Revoked to Retired;
}

/// A step in a device's life.
struct Life {
    from: &'static [DeviceState],
    to: DeviceState,
}

impl Life {
    async fn make(
        self,
        hub: &Hub,
        scope: &Scope,
        name: &str,
        audit: impl FnOnce(DeviceId) -> Audit,
    ) -> Answer<Tagged<DeviceView>> {
        let mut write = hub.store.write().await?;
        let mut device = named::<Device>(&mut write, scope, name).await?;
        require_state(&device, self.from)?;
        device.state = self.to;
        write.update(scope, &device, &audit(device.id)).await?;
        changed(&mut write, &device);
        let view = view(&mut write, scope, device.id).await?;
        write.commit().await?;
        Ok(view)
    }
}

fn require_state(device: &Device, states: &[DeviceState]) -> Answer<()> {
    if states.contains(&device.state) {
        return Ok(());
    }
    let wanted: Vec<&str> = states
        .iter()
        .map(|state| model::state(*state).name())
        .collect();
    Err(Problem::new(
        ProblemKind::WrongState,
        format_args!(
            "the device is {} and would have to be {}",
            model::state(device.state).name(),
            wanted.join(" or ")
        ),
    )
    .about(format!("device/{}", device.id))
    .into())
}
