//! Users of OpenID providers: what a provider says of them becomes a user with roles here, each time that they sign in.

use std::collections::BTreeSet;

use openidconnect::AuthorizationCode;
use ring::digest;
use thimble_hub_api::identity::Role;
use thimble_hub_store::{
    Audit, BindingId, Id as _, Login, Match, RoleBinding, Scope, Tenant, Topic, User, UserId, Write,
};

use super::openid::{Begun, Identified};
use super::sign_in::{SignedIn, actor, begin_session};
use super::{IdentityError, OpenIdError};
use crate::hub::Hub;

/// Milliseconds between the two steps at most.
const BETWEEN_MS: i64 = 10 * 60 * 1000;
/// Bytes of a state or a code at most.
const TEXT_BYTES_MAX: usize = 4096;

/// Where the browser goes, and what has to come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIdBeginning {
    /// Where the browser goes.
    pub authorization_url: String,
    /// What has to come back.
    pub state: String,
}

/// Begins to sign in at a provider.
///
/// # Errors
/// [`IdentityError`]: no such provider, a wrong address to come back to, the provider's, or the store's.
pub async fn begin_openid(
    hub: &Hub,
    provider: &str,
    redirect_url: &str,
) -> Result<OpenIdBeginning, IdentityError> {
    let now_ms = hub.now_ms();
    let beginning = hub
        .openid
        .begin(provider, redirect_url, now_ms)
        .await
        .map_err(IdentityError::OpenId)?;
    let login = Login {
        name: key(&beginning.state),
        content: serde_json::to_string(&beginning.begun).unwrap_or_default(),
        expires_ms: now_ms.saturating_add(BETWEEN_MS),
    };
    let mut write = hub.store.write().await?;
    write.prune_logins(now_ms).await?;
    write.put_login(&login).await?;
    write.commit().await?;
    Ok(OpenIdBeginning {
        authorization_url: beginning.authorization_url,
        state: beginning.state,
    })
}

/// Finishes to sign in at a provider.
///
/// # Errors
/// [`IdentityError`]: nothing was begun, the provider's word is not valid or gives no role, or the store's.
pub async fn finish_openid(hub: &Hub, state: &str, code: &str) -> Result<SignedIn, IdentityError> {
    let now_ms = hub.now_ms();
    let not_begun = || IdentityError::OpenId(OpenIdError::NotBegun);
    if state.len() > TEXT_BYTES_MAX || code.len() > TEXT_BYTES_MAX {
        return Err(not_begun());
    }
    let mut write = hub.store.write().await?;
    let login = write.take_login(&key(state), now_ms).await?;
    // Taken before the provider is asked: a state works once, whatever comes of it.
    write.commit().await?;
    let login = login.ok_or_else(not_begun)?;
    let begun: Begun = serde_json::from_str(&login.content).map_err(|_| not_begun())?;
    let code = AuthorizationCode::new(code.to_owned());
    let identified = hub
        .openid
        .finish(begun, code, now_ms)
        .await
        .map_err(IdentityError::OpenId)?;
    let user = keep(hub, &identified).await?;
    begin_session(hub, &user, &actor(&user)).await
}

/// The state itself is not kept: who reads the store cannot finish somebody's sign-in.
fn key(state: &str) -> String {
    let hash = digest::digest(&digest::SHA256, state.as_bytes());
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Makes or updates the user and the roles.
async fn keep(hub: &Hub, identified: &Identified) -> Result<User, IdentityError> {
    let now_ms = hub.now_ms();
    let everything = Scope::whole_hub_for_its_own_work();
    let mut write = hub.store.write().await?;
    let tenants: Vec<Tenant> = write
        .all(&everything, &[Match::equals("name", &identified.tenant)])
        .await?;
    let [tenant] = tenants.as_slice() else {
        return Err(IdentityError::OpenId(OpenIdError::NoSuchTenant {
            name: identified.provider.clone(),
            tenant: identified.tenant.clone(),
        }));
    };
    let actor = format!("openid:{}", identified.provider);
    let known: Option<User> = write
        .find(
            &everything,
            &[
                Match::equals("issuer", &identified.issuer),
                Match::equals("subject", &identified.subject),
            ],
        )
        .await?;
    let user = match known {
        Some(user) if user.is_disabled => return Err(IdentityError::NotSignedIn),
        Some(user) => user,
        None => create(&mut write, tenant, identified, &actor, now_ms).await?,
    };
    let scope = Scope::authenticated(tenant.id);
    let audit = Audit::new(now_ms, actor, "user.roles", user.id.to_string());
    if set_roles(
        &mut write,
        &scope,
        tenant,
        user.id,
        &identified.roles,
        &audit,
        now_ms,
    )
    .await?
    {
        write.wake(Topic::Identity, Some(tenant.id), None);
    }
    write.commit().await?;
    Ok(user)
}

async fn create(
    write: &mut Write,
    tenant: &Tenant,
    identified: &Identified,
    actor: &str,
    now_ms: i64,
) -> Result<User, IdentityError> {
    let everything = Scope::whole_hub_for_its_own_work();
    let is_taken = write
        .find::<User>(&everything, &[Match::equals("name", &identified.name)])
        .await?
        .is_some();
    if is_taken {
        return Err(IdentityError::OpenId(OpenIdError::NameTaken {
            user: identified.name.clone(),
        }));
    }
    let user = User {
        id: UserId::fresh(),
        tenant: tenant.id,
        edition: 0,
        created_ms: now_ms,
        name: identified.name.clone(),
        email: identified.email.clone(),
        password: None,
        issuer: Some(identified.issuer.clone()),
        subject: Some(identified.subject.clone()),
        is_disabled: false,
    };
    let audit = Audit::new(now_ms, actor, "user.create", user.id.to_string());
    write
        .insert(&Scope::authenticated(tenant.id), &user, &audit)
        .await?;
    Ok(user)
}

/// Makes these the roles of a user in a tenant; whether something changed.
///
/// # Errors
/// The store's.
pub async fn set_roles(
    write: &mut Write,
    scope: &Scope,
    tenant: &Tenant,
    user: UserId,
    roles: &[Role],
    audit: &Audit,
    now_ms: i64,
) -> Result<bool, IdentityError> {
    let only = Scope::authenticated(tenant.id);
    let present: Vec<RoleBinding> = write.all(&only, &[Match::equals("account", &user)]).await?;
    let wanted: BTreeSet<&str> = roles.iter().map(|role| role.name()).collect();
    let has: BTreeSet<&str> = present
        .iter()
        .map(|binding| binding.role.as_str())
        .collect();
    if wanted == has {
        return Ok(false);
    }
    for binding in &present {
        if !wanted.contains(binding.role.as_str()) {
            write
                .remove::<RoleBinding>(&only, binding.id, &Audit::part())
                .await?;
        }
    }
    for role in wanted.difference(&has) {
        let binding = RoleBinding {
            id: BindingId::fresh(),
            tenant: tenant.id,
            edition: 0,
            created_ms: now_ms,
            account: user,
            role: (*role).to_owned(),
        };
        write.insert(scope, &binding, &Audit::part()).await?;
    }
    let detail = serde_json::json!({ "roles": wanted });
    write
        .audit(&only, tenant.id, &audit.clone().with(detail))
        .await?;
    Ok(true)
}
