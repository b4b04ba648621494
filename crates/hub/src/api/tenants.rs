//! OEMs and customers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use thimble_hub_api::Page;
use thimble_hub_api::identity::{NewTenant, Tenant as TenantView};
use thimble_hub_store::{Tenant, TenantId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, ToAdminister, ToRead};
use super::described;
use super::reply::Answer;
use super::request::{Asked, Declared, Paged};
use crate::hub::Hub;
use crate::model::{names, tenant, timestamp};

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new().routes(routes!(list, create))
}

fn view(tenant: Tenant) -> TenantView {
    TenantView {
        id: tenant.id.to_string(),
        name: tenant.name,
        parent: (tenant.parent != TenantId::HUB).then(|| tenant.parent.to_string()),
        created_at: timestamp(tenant.created_ms),
    }
}

/// Lists the tenant that is asked for, and those below it.
#[utoipa::path(get, path = "/v1/tenants", tag = "tenants", params(Paged),
    responses((status = 200, body = Page<TenantView>)))]
async fn list(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Asked(paged): Asked<Paged>,
) -> Answer<Json<Page<TenantView>>> {
    let rows = paged.rows::<TenantId>()?;
    let listed = hub
        .store
        .read()
        .await?
        .page::<Tenant>(&caller.reach(), &[], &rows)
        .await?;
    Ok(Json(Page {
        items: listed.items.into_iter().map(view).collect(),
        next: listed.next,
    }))
}

/// Makes a tenant below the one that is asked for.
#[utoipa::path(post, path = "/v1/tenants", tag = "tenants", request_body = NewTenant,
    responses((status = 201, body = TenantView), described::Conflicting, described::Invalid))]
async fn create(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToAdminister>,
    Declared(new): Declared<NewTenant>,
) -> Answer<(StatusCode, Json<TenantView>)> {
    names::name("the tenant's name", &new.name)?;
    let now_ms = hub.now_ms();
    let tenant = tenant::fresh(&new.name, caller.tenant(), now_ms);
    let audit = caller.audit(now_ms, "tenant.create", format!("tenant/{}", tenant.id));
    let mut write = hub.store.write().await?;
    write.insert(&caller.reach(), &tenant, &audit).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(view(tenant))))
}
