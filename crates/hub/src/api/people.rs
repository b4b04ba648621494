//! Users and their roles.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use thimble_hub_api::identity::{NewUser, Role, Roles, User as UserView, UserChange};
use thimble_hub_api::{Page, Problem, ProblemKind};
use thimble_hub_store::{
    Audit, Id as _, Match, Read, RoleBinding, Scope, Tenant, Token, Topic, User, UserId, Write,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, ToAdminister};
use super::described;
use super::lookup::named;
use super::reply::{Answer, Fault};
use super::request::{Asked, Declared, Named, Nothing, Paged};
use crate::hub::Hub;
use crate::identity::{Caller, lineage, set_roles};
use crate::model::{names, timestamp};

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(inspect, change, remove))
        .routes(routes!(change_roles))
}

/// Lists the users of the tenant and of those below it.
#[utoipa::path(get, path = "/v1/users", tag = "users", params(Paged),
    responses((status = 200, body = Page<UserView>)))]
async fn list(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToAdminister>,
    Asked(paged): Asked<Paged>,
) -> Answer<Json<Page<UserView>>> {
    let rows = paged.rows::<UserId>()?;
    let mut read = hub.store.read().await?;
    let listed = read.page::<User>(&caller.reach(), &[], &rows).await?;
    let mut items = Vec::with_capacity(listed.items.len());
    for user in listed.items {
        items.push(view(&mut read, &caller, user).await?);
    }
    Ok(Json(Page {
        items,
        next: listed.next,
    }))
}

/// Makes a user of the tenant, who signs in with a password.
#[utoipa::path(post, path = "/v1/users", tag = "users", request_body = NewUser,
    responses((status = 201, body = UserView), described::Conflicting, described::Invalid))]
async fn create(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToAdminister>,
    Declared(new): Declared<NewUser>,
) -> Answer<(StatusCode, Json<UserView>)> {
    names::user(&new.name)?;
    let password = match &new.password {
        Some(password) => Some(hub.passwords.hash(password).await?),
        None => None,
    };
    let now_ms = hub.now_ms();
    let user = User {
        id: UserId::fresh(),
        tenant: caller.tenant(),
        edition: 0,
        created_ms: now_ms,
        name: new.name,
        email: None,
        password,
        issuer: None,
        subject: None,
        is_disabled: false,
    };
    let subject = format!("user/{}", user.id);
    let mut write = hub.store.write().await?;
    let audit = caller
        .audit(now_ms, "user.create", &*subject)
        .with(serde_json::json!({ "name": user.name }));
    write.insert(&caller.scope(), &user, &audit).await?;
    let audit = caller.audit(now_ms, "user.roles", subject);
    give_roles(&mut write, &caller, user.id, &new.roles, &audit, now_ms).await?;
    let view = view(&mut write, &caller, user).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Tells about a user.
#[utoipa::path(get, path = "/v1/users/{user}", tag = "users",
    params(described::UserName),
    responses((status = 200, body = UserView), described::NotFound))]
async fn inspect(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToAdminister>,
    Named(name): Named<String>,
) -> Answer<Json<UserView>> {
    let mut read = hub.store.read().await?;
    let user = named::<User>(&mut read, &caller.reach(), &name).await?;
    view(&mut read, &caller, user).await.map(Json)
}

/// Changes a user. A new password and being disabled end the user's tokens.
#[utoipa::path(patch, path = "/v1/users/{user}", tag = "users", request_body = UserChange,
    params(described::UserName),
    responses((status = 200, body = UserView),
        (status = 403, description = "The user has roles where whoever asks has none", body = Problem, content_type = "application/problem+json"),
        described::NotFound,
        described::Invalid))]
async fn change(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToAdminister>,
    Named(name): Named<String>,
    Declared(change): Declared<UserChange>,
) -> Answer<Json<UserView>> {
    let password = match &change.password {
        Some(password) => Some(hub.passwords.hash(password).await?),
        None => None,
    };
    let now_ms = hub.now_ms();
    let mut write = hub.store.write().await?;
    let mut user = named::<User>(&mut write, &caller.reach(), &name).await?;
    require_lesser(&mut write, &caller, &user).await?;
    if password.is_some() && user.issuer.is_some() {
        return Err(Fault::new(
            ProblemKind::WrongState,
            "this user signs in at an OpenID provider and has no password here: change it there",
        ));
    }
    let ends_tokens = password.is_some() || change.disabled == Some(true);
    let detail = serde_json::json!({
        "password": password.is_some(),
        "disabled": change.disabled,
    });
    if password.is_some() {
        user.password = password;
    }
    user.is_disabled = change.disabled.unwrap_or(user.is_disabled);
    let audit = caller
        .audit(now_ms, "user.change", format!("user/{}", user.id))
        .with(detail);
    user.edition = write.update(&caller.reach(), &user, &audit).await?;
    if ends_tokens {
        end_tokens(&mut write, &caller, &user, now_ms).await?;
    }
    write.wake(Topic::Identity, Some(user.tenant), None);
    let view = view(&mut write, &caller, user).await?;
    write.commit().await?;
    Ok(Json(view))
}

/// Removes a user with its roles and tokens.
#[utoipa::path(delete, path = "/v1/users/{user}", tag = "users",
    params(described::UserName),
    responses((status = 204, description = "It is gone"),
        (status = 403, description = "The user has roles where whoever asks has none", body = Problem, content_type = "application/problem+json"),
        described::NotFound,
        (status = 409, description = "The user approved something, which is kept: disable it instead", body = Problem, content_type = "application/problem+json")))]
async fn remove(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToAdminister>,
    Named(name): Named<String>,
    _: Nothing,
) -> Answer<StatusCode> {
    let mut write = hub.store.write().await?;
    let user = named::<User>(&mut write, &caller.reach(), &name).await?;
    require_lesser(&mut write, &caller, &user).await?;
    if user.id == caller.user() {
        return Err(Fault::new(
            ProblemKind::WrongState,
            "nobody can remove themselves: another admin can",
        ));
    }
    let audit = caller
        .audit(hub.now_ms(), "user.remove", format!("user/{}", user.id))
        .with(serde_json::json!({ "name": user.name }));
    write
        .remove::<User>(&caller.reach(), user.id, &audit)
        .await?;
    write.wake(Topic::Identity, Some(user.tenant), None);
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says what a user may do in the tenant that is asked for: these roles, and no others.
#[utoipa::path(put, path = "/v1/users/{user}/roles", tag = "users", request_body = Roles,
    params(described::UserName),
    responses((status = 200, body = UserView), described::NotFound,
        (status = 409, description = "Whoever asks would take their own right to do so", body = Problem, content_type = "application/problem+json")))]
async fn change_roles(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToAdminister>,
    Named(name): Named<String>,
    Declared(roles): Declared<Roles>,
) -> Answer<Json<UserView>> {
    let now_ms = hub.now_ms();
    let mut write = hub.store.write().await?;
    let user = named::<User>(&mut write, &caller.reach(), &name).await?;
    if user.issuer.is_some() {
        return Err(Fault::new(
            ProblemKind::WrongState,
            "what this user may do comes from the OpenID provider: change it there, or in the hub's settings",
        ));
    }
    if user.id == caller.user() && !roles.roles.contains(&Role::Admin) {
        return Err(Fault::new(
            ProblemKind::WrongState,
            "nobody can take their own right to administer: another admin can",
        ));
    }
    let audit = caller.audit(now_ms, "user.roles", format!("user/{}", user.id));
    give_roles(&mut write, &caller, user.id, &roles.roles, &audit, now_ms).await?;
    write.wake(Topic::Identity, Some(user.tenant), None);
    let view = view(&mut write, &caller, user).await?;
    write.commit().await?;
    Ok(Json(view))
}

async fn give_roles(
    write: &mut Write,
    caller: &Caller,
    user: UserId,
    roles: &[Role],
    audit: &Audit,
    now_ms: i64,
) -> Answer<()> {
    let tenant: Tenant = write.one(&caller.scope(), caller.tenant()).await?;
    set_roles(write, &caller.reach(), &tenant, user, roles, audit, now_ms).await?;
    Ok(())
}

/// Who has roles above the tenant is not for its admins to change: they would become what that user is.
async fn require_lesser(read: &mut Read, caller: &Caller, user: &User) -> Answer<()> {
    let of_user = [Match::equals("account", &user.id)];
    let everything = Scope::whole_hub_for_its_own_work();
    let all = read.count::<RoleBinding>(&everything, &of_user).await?;
    let within = read.count::<RoleBinding>(&caller.reach(), &of_user).await?;
    if all == within {
        return Ok(());
    }
    Err(Fault::new(
        ProblemKind::Forbidden,
        "this user has roles in a tenant above: an admin of that one can change them",
    ))
}

async fn end_tokens(write: &mut Write, caller: &Caller, user: &User, now_ms: i64) -> Answer<()> {
    let scope = caller.reach();
    let tokens: Vec<Token> = write
        .all(
            &scope,
            &[
                Match::equals("account", &user.id),
                Match::null("revoked_ms"),
                Match::at_least("expires_ms", &now_ms),
            ],
        )
        .await?;
    for mut token in tokens {
        // Whoever changes their own password goes on.
        if token.id == caller.token() {
            continue;
        }
        token.revoked_ms = Some(now_ms);
        write.update(&scope, &token, &Audit::part()).await?;
    }
    Ok(())
}

async fn view(read: &mut Read, caller: &Caller, user: User) -> Answer<UserView> {
    // Who has a role in a tenant above has it here.
    let everything = Scope::whole_hub_for_its_own_work();
    let of_user = [Match::equals("account", &user.id)];
    let bindings: Vec<RoleBinding> = read.all(&everything, &of_user).await?;
    let lineage = lineage(read, caller.tenant()).await?;
    let mut roles: Vec<Role> = bindings
        .iter()
        .filter(|binding| lineage.contains(&binding.tenant))
        .filter_map(|binding| Role::named(&binding.role))
        .collect();
    roles.sort_unstable();
    roles.dedup();
    Ok(UserView {
        id: user.id.to_string(),
        name: user.name,
        is_local: user.issuer.is_none(),
        is_disabled: user.is_disabled,
        roles,
        created_at: timestamp(user.created_ms),
    })
}
