//! Signing in and out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use thimble_hub_api::identity::{
    IssuedToken, Login, OpenIdBegin, OpenIdFinish, OpenIdStart, Whoami,
};
use thimble_hub_store::{Token, Topic};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, Peer, ToRead};
use super::described;
use super::reply::Answer;
use super::request::{Declared, Nothing};
use crate::hub::Hub;
use crate::identity::{SignedIn, begin_openid, finish_openid, sign_in};
use crate::model::timestamp;

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(providers, begin))
        .routes(routes!(finish))
        .routes(routes!(logout))
        .routes(routes!(whoami))
}

pub(super) fn issued(signed_in: SignedIn) -> IssuedToken {
    IssuedToken {
        id: signed_in.id.to_string(),
        token: signed_in.secret,
        expires_at: timestamp(signed_in.expires_ms),
    }
}

/// Signs in with a password. So many attempts are possible for each name and address.
#[utoipa::path(post, path = "/v1/login", tag = "session", request_body = Login, security(()),
    responses((status = 201, body = IssuedToken), described::NotSignedIn, described::TooMany))]
async fn login(
    State(hub): State<Arc<Hub>>,
    Peer(address): Peer,
    Declared(login): Declared<Login>,
) -> Answer<(StatusCode, Json<IssuedToken>)> {
    let signed_in = sign_in(&hub, &login.user, &login.password, Some(address)).await?;
    Ok((StatusCode::CREATED, Json(issued(signed_in))))
}

/// Lists the OpenID providers where somebody can sign in.
#[utoipa::path(get, path = "/v1/login/openid", tag = "session", security(()),
    responses((status = 200, body = [String])))]
async fn providers(State(hub): State<Arc<Hub>>) -> Json<Vec<String>> {
    Json(hub.openid.names().map(str::to_owned).collect())
}

/// Begins to sign in at an OpenID provider: says where the browser goes.
#[utoipa::path(post, path = "/v1/login/openid", tag = "session", request_body = OpenIdBegin, security(()),
    responses((status = 200, body = OpenIdStart), described::NotFound, described::Upstream))]
async fn begin(
    State(hub): State<Arc<Hub>>,
    Peer(address): Peer,
    Declared(begin): Declared<OpenIdBegin>,
) -> Answer<Json<OpenIdStart>> {
    hub.attempts
        .take("", Some(address), hub.now_ms())
        .map_err(crate::identity::IdentityError::TooMany)?;
    let beginning = begin_openid(&hub, &begin.provider, &begin.redirect_url).await?;
    Ok(Json(OpenIdStart {
        authorization_url: beginning.authorization_url,
        state: beginning.state,
    }))
}

/// Finishes to sign in at an OpenID provider, with what the browser brought back. A state works once.
#[utoipa::path(post, path = "/v1/login/openid/finish", tag = "session", request_body = OpenIdFinish, security(()),
    responses((status = 201, body = IssuedToken), described::NotSignedIn, described::Forbidden))]
async fn finish(
    State(hub): State<Arc<Hub>>,
    Declared(finish): Declared<OpenIdFinish>,
) -> Answer<(StatusCode, Json<IssuedToken>)> {
    let signed_in = finish_openid(&hub, &finish.state, &finish.code).await?;
    Ok((StatusCode::CREATED, Json(issued(signed_in))))
}

/// Ends the token that is shown.
#[utoipa::path(delete, path = "/v1/session", tag = "session",
    responses((status = 204, description = "It has ended")))]
async fn logout(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    _: Nothing,
) -> Answer<StatusCode> {
    let now_ms = hub.now_ms();
    let everything = thimble_hub_store::Scope::whole_hub_for_its_own_work();
    let mut write = hub.store.write().await?;
    let mut token: Token = write.one(&everything, caller.token()).await?;
    token.revoked_ms = Some(now_ms);
    let audit = caller.audit(now_ms, "session.end", caller.user().to_string());
    write.update(&everything, &token, &audit).await?;
    write.wake(Topic::Identity, Some(token.tenant), None);
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells who the hub takes whoever asks for.
#[utoipa::path(get, path = "/v1/whoami", tag = "session", responses((status = 200, body = Whoami),
    described::NotSignedIn))]
async fn whoami(caller: Allowed<ToRead>) -> Json<Whoami> {
    Json(Whoami {
        id: caller.user().to_string(),
        user: caller.user_name().to_owned(),
        tenant: caller.tenant_name().to_owned(),
        roles: caller.roles().to_vec(),
        expires_at: timestamp(caller.expires_ms()),
    })
}
