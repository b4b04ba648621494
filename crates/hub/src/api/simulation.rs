//! Deployments that nobody has made, thought through: they are made in a transaction that is never committed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use thimble_hub_api::simulation::{NewSimulation, Simulation};
use thimble_hub_store::{Deployment, Match};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, ToDeployments};
use super::deployments::{make, placed, redeclare};
use super::described;
use super::policy;
use super::reply::Answer;
use super::request::Declared;
use super::rollouts::previewed;
use crate::hub::Hub;
use crate::rollouts::{self, Request};

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new().routes(routes!(simulate))
}

/// Tells what would come of a deployment as it is declared here, whether there is one of this name or not: on which devices it
/// would be, which would begin at once, which not and why. Nothing is done.
#[utoipa::path(post, path = "/v1/simulate", tag = "deployments", request_body = NewSimulation,
    responses((status = 200, body = Simulation), described::NotFound, described::Conflicting, described::Invalid))]
async fn simulate(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToDeployments>,
    Declared(new): Declared<NewSimulation>,
) -> Answer<Json<Simulation>> {
    let (scope, now_ms) = (caller.scope(), hub.now_ms());
    let mut write = hub.store.write().await?;
    let named = [Match::equals("name", &new.deployment.name)];
    let present: Option<Deployment> = write.find(&scope, &named).await?;
    let (deployment, is_new) = match present {
        None => (
            make(&mut write, &caller, &new.deployment, now_ms).await?,
            true,
        ),
        Some(present) => {
            let spec = &new.deployment.spec;
            redeclare(&mut write, &caller, present, spec, now_ms).await?
        }
    };
    let policy = match new.policy {
        Some(policy) => policy,
        None => rollouts::last_policy(&mut write, &scope, deployment.id).await?,
    };
    policy::check(&mut write, &scope, &deployment, &policy, now_ms).await?;
    let request = Request {
        deployment: deployment.id,
        revision: deployment.latest,
        policy,
        author: caller.user(),
    };
    let placement = placed(&mut write, &scope, &deployment, now_ms).await?;
    let preview = previewed(&mut write, &scope, &request, now_ms).await?;
    Ok(Json(Simulation {
        revision: deployment.latest,
        is_new,
        placement,
        preview,
    }))
}
