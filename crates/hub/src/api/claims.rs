//! How devices come to the fleet: claim codes, and devices that are expected.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use thimble_hub_api::enrolment::{
    ClaimCode as CodeView, DeviceEntrance, Imported, IssuedClaimCode, NewClaimCode,
};
use thimble_hub_api::problem::FieldError;
use thimble_hub_api::{Page, Problem, ProblemKind};
use thimble_hub_store::{
    ClaimCode, ClaimCodeId, Error as StoreError, ExpectedDevice, Id as _, Match,
};
use thimble_protocol::UnixSeconds;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, ToDevices, ToRead};
use super::described;
use super::lookup::by_id;
use super::reply::{Answer, Fault};
use super::request::{Asked, Declared, Named, Nothing, Paged, Table};
use crate::hub::Hub;
use crate::identity::{Caller, IdentityError, NewSecret};
use crate::model::expected::read_expected;
use crate::model::{names, timestamp};

/// Devices that one code enrols at most.
const USES_MAX: u32 = 1_000_000;
/// Seconds that a code lasts at most: a year.
const LIFETIME_S_MAX: u64 = 366 * 24 * 3600;
/// Characters of what a code is for, at most.
const NAME_CHARACTERS_MAX: usize = 128;
/// Wrong lines that are told at most.
const ERRORS_MAX: usize = 100;
/// Serial numbers that are looked for at once.
const ANY_OF_MAX: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(remove))
        .routes(routes!(expect))
        .routes(routes!(entrance))
}

fn view(code: ClaimCode) -> CodeView {
    CodeView {
        id: code.id.to_string(),
        name: code.name,
        uses_left: u32::try_from(code.uses_left).unwrap_or(u32::MAX),
        expires_at: timestamp(code.expires_ms),
        labels: serde_json::from_value(code.labels).unwrap_or_default(),
    }
}

/// Where devices come in, and the authority that they must know to trust what they meet there.
#[utoipa::path(get, path = "/v1/device-entrance", tag = "devices",
    responses((status = 200, body = DeviceEntrance)))]
async fn entrance(
    State(hub): State<Arc<Hub>>,
    _caller: Allowed<ToRead>,
) -> Answer<Json<DeviceEntrance>> {
    let settings = &hub.settings.devices;
    let authority = match settings.certificate {
        Some(_) => None,
        None => {
            let now = UnixSeconds(u64::try_from(hub.now_ms() / 1000).unwrap_or_default());
            let authority = hub
                .vault
                .device_authority(now)
                .await
                .map_err(|error| Fault::new(ProblemKind::HubFault, error))?;
            Some(authority.root_pem())
        }
    };
    Ok(Json(DeviceEntrance {
        url: settings.url(),
        authority,
    }))
}

/// Lists claim codes that were not taken back.
#[utoipa::path(get, path = "/v1/claim-codes", tag = "devices", params(Paged),
    responses((status = 200, body = Page<CodeView>)))]
async fn list(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Asked(paged): Asked<Paged>,
) -> Answer<Json<Page<CodeView>>> {
    let rows = paged.rows::<ClaimCodeId>()?;
    let listed = hub
        .store
        .read()
        .await?
        .page::<ClaimCode>(&caller.scope(), &[Match::null("revoked_ms")], &rows)
        .await?;
    Ok(Json(Page {
        items: listed.items.into_iter().map(view).collect(),
        next: listed.next,
    }))
}

/// Makes a claim code. It is shown once.
#[utoipa::path(post, path = "/v1/claim-codes", tag = "devices", request_body = NewClaimCode,
    responses((status = 201, body = IssuedClaimCode), described::Invalid))]
async fn create(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToDevices>,
    Declared(new): Declared<NewClaimCode>,
) -> Answer<(StatusCode, Json<IssuedClaimCode>)> {
    names::words("what the code is for", &new.name, NAME_CHARACTERS_MAX)?;
    if new.uses == 0 || new.uses > USES_MAX {
        return Err(Fault::new(
            ProblemKind::Invalid,
            format_args!("`uses` is {}: 1 to {USES_MAX} are possible", new.uses),
        ));
    }
    if new.lifetime_s == 0 || new.lifetime_s > LIFETIME_S_MAX {
        return Err(Fault::new(
            ProblemKind::Invalid,
            format_args!(
                "`lifetime_s` is {}: 1 to {LIFETIME_S_MAX} are possible",
                new.lifetime_s
            ),
        ));
    }
    names::labels(&new.labels)?;
    let now_ms = hub.now_ms();
    let lifetime_ms = i64::try_from(new.lifetime_s.saturating_mul(1000)).unwrap_or(i64::MAX);
    let secret = NewSecret::claim_code().map_err(|_| IdentityError::NoRandomness)?;
    let code = ClaimCode {
        id: ClaimCodeId::fresh(),
        tenant: caller.tenant(),
        edition: 0,
        created_ms: now_ms,
        name: new.name,
        hash: secret.hash().0.to_vec(),
        uses_left: u64::from(new.uses),
        expires_ms: now_ms.saturating_add(lifetime_ms),
        labels: serde_json::json!(new.labels),
        revoked_ms: None,
    };
    let audit = caller
        .audit(
            now_ms,
            "claim-code.create",
            format!("claim-code/{}", code.id),
        )
        .with(serde_json::json!({ "name": code.name, "uses": new.uses, "labels": code.labels }));
    let mut write = hub.store.write().await?;
    write.insert(&caller.scope(), &code, &audit).await?;
    write.commit().await?;
    let issued = IssuedClaimCode {
        id: code.id.to_string(),
        code: secret.into_text(),
        expires_at: timestamp(code.expires_ms),
    };
    Ok((StatusCode::CREATED, Json(issued)))
}

/// Ends a claim code. Devices that came with it stay.
#[utoipa::path(delete, path = "/v1/claim-codes/{code}", tag = "devices",
    params(described::CodeId),
    responses((status = 204, description = "It has ended"), described::NotFound))]
async fn remove(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToDevices>,
    Named(id): Named<String>,
    _: Nothing,
) -> Answer<StatusCode> {
    let now_ms = hub.now_ms();
    let mut write = hub.store.write().await?;
    let mut code = by_id::<ClaimCode>(&mut write, &caller.scope(), &id).await?;
    if code.revoked_ms.is_none() {
        code.revoked_ms = Some(now_ms);
        let audit = caller.audit(
            now_ms,
            "claim-code.remove",
            format!("claim-code/{}", code.id),
        );
        write.update(&caller.scope(), &code, &audit).await?;
        write.commit().await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Names devices before they come: a CSV with the columns `serial`, and, as wanted, `model`, `name`, `labels`
/// (`line=1;site=a`) and `code`. All lines are taken, or none.
#[utoipa::path(post, path = "/v1/expected-devices", tag = "devices",
    request_body(content = String, content_type = "text/csv"),
    responses((status = 201, body = Imported),
        (status = 409, description = "A serial number is expected already", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Lines are wrong: each is told", body = Problem, content_type = "application/problem+json")))]
async fn expect(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToDevices>,
    Table(table): Table,
) -> Answer<(StatusCode, Json<Imported>)> {
    let now_ms = hub.now_ms();
    let devices = read_expected(&table, caller.tenant(), now_ms).map_err(|wrong| {
        let count = wrong.len();
        let errors = wrong
            .into_iter()
            .take(ERRORS_MAX)
            .map(|wrong| FieldError {
                pointer: format!("line {}", wrong.line),
                detail: wrong.reason,
            })
            .collect();
        Problem::new(
            ProblemKind::Invalid,
            format_args!(
                "nothing was imported, since lines are wrong: {count} of them. Correct them and send all again"
            ),
        )
        .because(errors)
    })?;
    let expected = u32::try_from(devices.len()).unwrap_or(u32::MAX);
    let audit = caller
        .audit(now_ms, "device.expect", "devices")
        .with(serde_json::json!({ "count": expected }));
    let mut write = hub.store.write().await?;
    let inserted = write
        .insert_all::<ExpectedDevice>(&caller.scope(), &devices, &audit)
        .await;
    if let Err(error) = inserted {
        drop(write);
        return Err(expected_before(&hub, &caller, &devices, error).await);
    }
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(Imported { expected })))
}

/// Which of the serial numbers are the ones that stand in the way.
async fn expected_before(
    hub: &Hub,
    caller: &Caller,
    devices: &[ExpectedDevice],
    error: StoreError,
) -> Fault {
    if !matches!(error, StoreError::Exists { .. }) {
        return error.into();
    }
    let mut errors = Vec::new();
    for part in devices.chunks(ANY_OF_MAX) {
        let serials: Vec<String> = part.iter().map(|device| device.serial.clone()).collect();
        let found = async {
            let mut read = hub.store.read().await?;
            let known = [Match::any_of("serial", &serials)];
            read.all::<ExpectedDevice>(&caller.scope(), &known).await
        };
        match found.await {
            Ok(found) => errors.extend(found.into_iter().map(|device| FieldError {
                pointer: format!("serial {}", device.serial),
                detail: "it is expected already".to_owned(),
            })),
            Err(error) => return error.into(),
        }
        if errors.len() >= ERRORS_MAX {
            break;
        }
    }
    errors.truncate(ERRORS_MAX);
    Problem::new(
        ProblemKind::NameInUse,
        "serial numbers are expected already, and nothing was imported: take their lines out and send the others",
    )
    .because(errors)
    .into()
}
