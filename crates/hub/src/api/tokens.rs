//! Tokens: what acts as its user, with no more than their role.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use thimble_hub_api::identity::{IssuedToken, NewToken, Role, Token as TokenView};
use thimble_hub_api::{Page, Problem, ProblemKind};
use thimble_hub_store::{Id as _, Match, Token, TokenId, Topic, User};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, ToRead};
use super::described;
use super::lookup::by_id;
use super::reply::{Answer, Fault};
use super::request::{Asked, Declared, Named, Nothing, Paged};
use crate::hub::Hub;
use crate::identity::{IdentityError, NewSecret, Permission, Permissions};
use crate::model::{names, timestamp};

/// Characters of what a token is for, at most.
const NAME_CHARACTERS_MAX: usize = 128;

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(revoke))
}

/// Lists tokens that have not ended: those of whoever asks, or, for an admin, those of all users of the tenant.
#[utoipa::path(get, path = "/v1/tokens", tag = "users", params(Paged),
    responses((status = 200, body = Page<TokenView>)))]
async fn list(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Asked(paged): Asked<Paged>,
) -> Answer<Json<Page<TokenView>>> {
    let rows = paged.rows::<TokenId>()?;
    let mut matches = vec![
        Match::null("revoked_ms"),
        Match::at_least("expires_ms", &hub.now_ms()),
    ];
    if !caller.permissions().allow(Permission::Administer) {
        matches.push(Match::equals("account", &caller.user()));
    }
    let scope = caller.scope();
    let mut read = hub.store.read().await?;
    let listed = read.page::<Token>(&scope, &matches, &rows).await?;
    let mut items = Vec::with_capacity(listed.items.len());
    for token in listed.items {
        let user = read.one::<User>(&scope, token.account).await?;
        items.push(TokenView {
            id: token.id.to_string(),
            name: token.name,
            user: user.name,
            role: token.role.as_deref().and_then(Role::named),
            created_at: timestamp(token.created_ms),
            expires_at: timestamp(token.expires_ms),
        });
    }
    Ok(Json(Page {
        items,
        next: listed.next,
    }))
}

/// Makes a token for whoever asks. It is shown once.
#[utoipa::path(post, path = "/v1/tokens", tag = "users", request_body = NewToken,
    responses((status = 201, body = IssuedToken),
        (status = 403, description = "It would do more than whoever asks may", body = Problem, content_type = "application/problem+json"),
        described::Invalid))]
async fn create(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Declared(new): Declared<NewToken>,
) -> Answer<(StatusCode, Json<IssuedToken>)> {
    names::words("what the token is for", &new.name, NAME_CHARACTERS_MAX)?;
    let most_s = hub.settings.identity.token_s_max;
    if new.lifetime_s == 0 || new.lifetime_s > most_s {
        return Err(Fault::new(
            ProblemKind::Invalid,
            format_args!(
                "`lifetime_s` is {}: 1 to {most_s} are possible",
                new.lifetime_s
            ),
        ));
    }
    let scope = thimble_hub_store::Scope::whole_hub_for_its_own_work();
    let now_ms = hub.now_ms();
    let mut write = hub.store.write().await?;
    let own: Token = write.one(&scope, caller.token()).await?;
    if let Some(refusal) = exceeds(&caller, &own, new.role) {
        return Err(refusal);
    }
    let lifetime_ms = i64::try_from(new.lifetime_s.saturating_mul(1000)).unwrap_or(i64::MAX);
    let secret = NewSecret::token().map_err(|_| IdentityError::NoRandomness)?;
    let token = Token {
        id: TokenId::fresh(),
        tenant: own.tenant,
        edition: 0,
        created_ms: now_ms,
        account: caller.user(),
        name: new.name,
        hash: secret.hash().0.to_vec(),
        role: new.role.map(|role| role.name().to_owned()),
        expires_ms: now_ms.saturating_add(lifetime_ms),
        revoked_ms: None,
    };
    let audit = caller.audit(now_ms, "token.create", format!("token/{}", token.id));
    write.insert(&scope, &token, &audit).await?;
    write.commit().await?;
    let issued = IssuedToken {
        id: token.id.to_string(),
        token: secret.into_text(),
        expires_at: timestamp(token.expires_ms),
    };
    Ok((StatusCode::CREATED, Json(issued)))
}

/// Why a token of this role would do more than the one that it is made with.
fn exceeds(caller: &Allowed<ToRead>, own: &Token, role: Option<Role>) -> Option<Fault> {
    let refusal = |words: String| Some(Fault::new(ProblemKind::Forbidden, words));
    match role {
        None if own.role.is_some() => refusal(
            "a token that is limited to a role can only make tokens with a role: name one"
                .to_owned(),
        ),
        Some(role) if !Permissions::of(role).are_within(caller.permissions()) => refusal(format!(
            "a token of the role {} would do more than you may: name a lesser role",
            role.name()
        )),
        _ => None,
    }
}

/// Ends a token: one's own, or, for an admin, any of the tenant's.
#[utoipa::path(delete, path = "/v1/tokens/{token}", tag = "users",
    params(described::TokenId),
    responses((status = 204, description = "It has ended"), described::NotFound))]
async fn revoke(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Named(id): Named<String>,
    _: Nothing,
) -> Answer<StatusCode> {
    let now_ms = hub.now_ms();
    let mut write = hub.store.write().await?;
    let own: Token = write
        .one(
            &thimble_hub_store::Scope::whole_hub_for_its_own_work(),
            caller.token(),
        )
        .await?;
    // One's own tokens are in one's own tenant, whichever is asked for.
    let is_own = |token: &Token| token.account == caller.user();
    let home = thimble_hub_store::Scope::authenticated(own.tenant);
    let mut token = match by_id::<Token>(&mut write, &home, &id).await {
        Ok(token) if is_own(&token) => token,
        _ => by_id::<Token>(&mut write, &caller.scope(), &id).await?,
    };
    if !is_own(&token) && !caller.permissions().allow(Permission::Administer) {
        return Err(Fault::not_found("token", &id));
    }
    if token.revoked_ms.is_none() {
        token.revoked_ms = Some(now_ms);
        let audit = caller.audit(now_ms, "token.revoke", format!("token/{}", token.id));
        let scope = thimble_hub_store::Scope::authenticated(token.tenant);
        write.update(&scope, &token, &audit).await?;
        write.wake(Topic::Identity, Some(token.tenant), None);
        write.commit().await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
