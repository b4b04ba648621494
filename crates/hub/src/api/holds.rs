//! What those of the plant say of a device: holds, windows, vetoes, and log lines.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use thimble_hub_api::ProblemKind;
use thimble_hub_api::device::{
    Because, Device as DeviceView, Hold, LogAnswer, LogRequest as LogAsked, Windows,
};
use thimble_hub_store::{Audit, Device, Id as _, LogRequest, LogRequestId, Match, Topic};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, Needs, ToDevices, ToHolds, ToRead};
use super::described;
use super::devices::{changed, view};
use super::lookup::{by_id, named};
use super::publication::Publication;
use super::reply::{Answer, Fault, Tagged};
use super::request::{Declared, Named, Nothing, reason};
use crate::hub::Hub;
use crate::model::LogsTold;
use crate::model::{device as model, names, timestamp};

/// Lines of one request at most.
const LINES_MAX: u32 = 1000;
/// Requests of one device that are not answered, at most.
const OPEN_MAX: u64 = 16;
/// Characters of a container's name at most.
const CONTAINER_CHARACTERS_MAX: usize = 128;

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(hold, release))
        .routes(routes!(set_windows))
        .routes(routes!(overrule, stop_overruling))
        .routes(routes!(ask_logs))
        .routes(routes!(logs))
}

/// Changes what is said of a device, with its entry in the audit trail.
async fn adjust<N: Needs>(
    hub: &Arc<Hub>,
    caller: &Allowed<N>,
    name: &str,
    audit: Audited,
    change: impl FnOnce(&mut Device),
) -> Answer<Tagged<DeviceView>> {
    let scope = caller.scope();
    let publication = Publication::begin(hub, caller.tenant()).await?;
    let mut write = hub.store.write().await?;
    let mut device = named::<Device>(&mut write, &scope, name).await?;
    change(&mut device);
    let mut entry: Audit =
        caller.audit(hub.now_ms(), audit.action, format!("device/{}", device.id));
    if let Some(reason) = audit.reason {
        entry = entry.because(reason);
    }
    let holder = audit.holder;
    write
        .update(&scope, &device, &entry.with(audit.detail))
        .await?;
    if let Some(is_held) = holder {
        let actor = is_held.then(|| caller.user_name());
        write.put_holder(&scope, device.id, actor).await?;
    }
    publication.of_device(&mut write, &scope, &device).await?;
    changed(&mut write, &device);
    write.commit().await?;
    // Desired states get their versions with the commit.
    let mut read = hub.store.read().await?;
    view(&mut read, &scope, device.id).await
}

/// What the audit trail says of a change.
struct Audited {
    action: &'static str,
    reason: Option<String>,
    detail: serde_json::Value,
    /// Whether whoever does it holds the device from now on, or nobody does.
    holder: Option<bool>,
}

impl Audited {
    fn new(action: &'static str) -> Self {
        Self {
            action,
            reason: None,
            detail: serde_json::Value::Null,
            holder: None,
        }
    }
}

/// Lets nothing change on a device, for some time or until the hold is taken back.
#[utoipa::path(put, path = "/v1/devices/{device}/hold", tag = "devices", request_body = Hold,
    params(described::DeviceName),
    responses((status = 200, body = DeviceView), described::NotFound, described::Invalid))]
async fn hold(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToHolds>,
    Named(name): Named<String>,
    Declared(hold): Declared<Hold>,
) -> Answer<Tagged<DeviceView>> {
    let why = reason(&hold.reason)?;
    let until_ms = hold.until.map(jiff::Timestamp::as_millisecond);
    if until_ms.is_some_and(|until_ms| until_ms <= hub.now_ms()) {
        return Err(Fault::new(
            ProblemKind::Invalid,
            "`until` is over already: name a later time, or none",
        ));
    }
    let audited = Audited {
        reason: Some(why.clone()),
        detail: serde_json::json!({ "until": hold.until.map(|until| until.to_string()) }),
        holder: Some(true),
        ..Audited::new("device.hold")
    };
    adjust(&hub, &caller, &name, audited, |device| {
        device.is_held = until_ms.is_none();
        device.hold_until_ms = until_ms;
        device.hold_reason = Some(why);
    })
    .await
}

/// Takes a hold back.
#[utoipa::path(delete, path = "/v1/devices/{device}/hold", tag = "devices",
    params(described::DeviceName),
    responses((status = 200, body = DeviceView), described::NotFound))]
async fn release(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToHolds>,
    Named(name): Named<String>,
    _: Nothing,
) -> Answer<Tagged<DeviceView>> {
    adjust(
        &hub,
        &caller,
        &name,
        Audited {
            holder: Some(false),
            ..Audited::new("device.release")
        },
        |device| {
            device.is_held = false;
            device.hold_until_ms = None;
            device.hold_reason = None;
        },
    )
    .await
}

/// Says when changes may begin on a device: these windows and no others; none means always.
#[utoipa::path(put, path = "/v1/devices/{device}/windows", tag = "devices", request_body = Windows,
    params(described::DeviceName),
    responses((status = 200, body = DeviceView), described::NotFound, described::Invalid))]
async fn set_windows(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToHolds>,
    Named(name): Named<String>,
    Declared(windows): Declared<Windows>,
) -> Answer<Tagged<DeviceView>> {
    model::check_windows(&windows.windows)
        .map_err(|error| Fault::new(ProblemKind::Invalid, error))?;
    let kept = serde_json::json!(windows.windows);
    let audited = Audited {
        detail: kept.clone(),
        ..Audited::new("device.windows")
    };
    adjust(&hub, &caller, &name, audited, |device| {
        device.windows = kept
    })
    .await
}

/// Changes go on although the running app says no.
#[utoipa::path(put, path = "/v1/devices/{device}/veto-override", tag = "devices", request_body = Because,
    params(described::DeviceName),
    responses((status = 200, body = DeviceView), described::NotFound, described::Invalid))]
async fn overrule(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToHolds>,
    Named(name): Named<String>,
    Declared(because): Declared<Because>,
) -> Answer<Tagged<DeviceView>> {
    let why = reason(&because.reason)?;
    let audited = Audited {
        reason: Some(why.clone()),
        ..Audited::new("device.override-veto")
    };
    adjust(&hub, &caller, &name, audited, |device| {
        device.override_reason = Some(why);
    })
    .await
}

/// The running app may say no again.
#[utoipa::path(delete, path = "/v1/devices/{device}/veto-override", tag = "devices",
    params(described::DeviceName),
    responses((status = 200, body = DeviceView), described::NotFound))]
async fn stop_overruling(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToHolds>,
    Named(name): Named<String>,
    _: Nothing,
) -> Answer<Tagged<DeviceView>> {
    let audited = Audited::new("device.respect-veto");
    adjust(&hub, &caller, &name, audited, |device| {
        device.override_reason = None;
    })
    .await
}

/// Asks a device for log lines. It sends them with its next report.
#[utoipa::path(post, path = "/v1/devices/{device}/logs", tag = "devices", request_body = LogAsked,
    params(described::DeviceName),
    responses((status = 202, body = LogAnswer), described::NotFound, described::Invalid, described::TooMany))]
async fn ask_logs(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToDevices>,
    Named(name): Named<String>,
    Declared(asked): Declared<LogAsked>,
) -> Answer<(StatusCode, Json<LogAnswer>)> {
    names::words("the container", &asked.container, CONTAINER_CHARACTERS_MAX)?;
    if asked.lines == 0 || asked.lines > LINES_MAX {
        return Err(Fault::new(
            ProblemKind::Invalid,
            format_args!("`lines` is {}: 1 to {LINES_MAX} are possible", asked.lines),
        ));
    }
    let scope = caller.scope();
    let mut write = hub.store.write().await?;
    let device = named::<Device>(&mut write, &scope, &name).await?;
    let of_device = Match::equals("device", &device.id);
    let open = [of_device.clone(), Match::null("answered_ms")];
    if write.count::<LogRequest>(&scope, &open).await? >= OPEN_MAX {
        return Err(Fault::new(
            ProblemKind::TooMany,
            format_args!("{OPEN_MAX} requests wait for this device already: wait until it answers"),
        ));
    }
    let number = write.count::<LogRequest>(&scope, &[of_device]).await?;
    let now_ms = hub.now_ms();
    let request = LogRequest {
        id: LogRequestId::fresh(),
        tenant: device.tenant,
        edition: 0,
        created_ms: now_ms,
        device: device.id,
        number: number.saturating_add(1),
        container: asked.container,
        lines: asked.lines,
        answered_ms: None,
        answer: None,
    };
    let audit = caller
        .audit(now_ms, "device.logs", format!("device/{}", device.id))
        .with(serde_json::json!({ "container": request.container, "lines": request.lines }));
    write.insert(&scope, &request, &audit).await?;
    write.wake(
        Topic::LogRequest,
        Some(device.tenant),
        Some(device.id.to_string()),
    );
    write.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(answer(request))))
}

/// Log lines that a device was asked for.
#[utoipa::path(get, path = "/v1/devices/{device}/logs/{request}", tag = "devices",
    params(described::DeviceName, described::LogRequestId),
    responses((status = 200, body = LogAnswer), described::NotFound))]
async fn logs(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Named((name, id)): Named<(String, String)>,
) -> Answer<Json<LogAnswer>> {
    let scope = caller.scope();
    let mut read = hub.store.read().await?;
    let device = named::<Device>(&mut read, &scope, &name).await?;
    let request = by_id::<LogRequest>(&mut read, &scope, &id).await?;
    if request.device != device.id {
        return Err(Fault::not_found("log request", &id));
    }
    Ok(Json(answer(request)))
}

fn answer(request: LogRequest) -> LogAnswer {
    let told = request.answer.as_deref().map(LogsTold::read);
    LogAnswer {
        id: request.id.to_string(),
        container: request.container,
        text: told.as_ref().map(LogsTold::text),
        error: told.and_then(|told| told.error),
        requested_at: timestamp(request.created_ms),
        answered_at: request.answered_ms.map(timestamp),
    }
}
