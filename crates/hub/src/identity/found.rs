//! The beginning of a hub: its first tenant and its first admin.

use std::fmt;

use thimble_hub_api::identity::Role;
use thimble_hub_store::{
    Audit, BindingId, Error as StoreError, Id as _, RoleBinding, Scope, TenantId, User, UserId,
    Write,
};

use super::sign_in::{actor, begin_session};
use super::{IdentityError, SignedIn};
use crate::hub::Hub;
use crate::model::names::{self, WrongName};
use crate::model::tenant;

/// Who the first admin is.
#[derive(Clone)]
pub struct Founder {
    /// The first tenant's name.
    pub tenant: String,
    /// The admin's name.
    pub user: String,
    /// The admin's password; without one there is only the token.
    pub password: Option<String>,
}

/// Why a hub cannot begin.
#[derive(Debug)]
#[non_exhaustive]
pub enum FoundError {
    /// It has users already.
    Begun,
    /// A name is not possible.
    Name(WrongName),
    /// The password is not possible, or the store failed.
    Identity(IdentityError),
}

impl fmt::Display for FoundError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begun => formatter.write_str(
                "this hub has users already: one of its admins makes others, with `POST /v1/users`",
            ),
            Self::Name(error) => error.fmt(formatter),
            Self::Identity(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for FoundError {}

impl From<StoreError> for FoundError {
    fn from(error: StoreError) -> Self {
        Self::Identity(error.into())
    }
}

/// Makes the first tenant, and an admin of the whole hub who belongs to it.
///
/// # Errors
/// [`FoundError`]: the hub has users, or a name or the password is not possible.
pub async fn found(hub: &Hub, founder: &Founder) -> Result<SignedIn, FoundError> {
    names::name("the tenant's name", &founder.tenant).map_err(FoundError::Name)?;
    names::user(&founder.user).map_err(FoundError::Name)?;
    let password = match &founder.password {
        None => None,
        Some(password) => Some(
            hub.passwords
                .hash(password)
                .await
                .map_err(|error| FoundError::Identity(error.into()))?,
        ),
    };
    let everything = Scope::whole_hub_for_its_own_work();
    let now_ms = hub.now_ms();
    let mut write = hub.store.write().await?;
    if write.count::<User>(&everything, &[]).await? > 0 {
        return Err(FoundError::Begun);
    }
    let user = begin(&mut write, founder, password, now_ms).await?;
    write.commit().await?;
    begin_session(hub, &user, &actor(&user))
        .await
        .map_err(FoundError::Identity)
}

/// Makes the tenant, the user and the role.
async fn begin(
    write: &mut Write,
    founder: &Founder,
    password: Option<String>,
    now_ms: i64,
) -> Result<User, StoreError> {
    let everything = Scope::whole_hub_for_its_own_work();
    let tenant = tenant::fresh(&founder.tenant, TenantId::HUB, now_ms);
    let id = tenant.id;
    let audit = |action: &str, subject: String| Audit::new(now_ms, "hub", action, subject);
    write
        .insert(
            &everything,
            &tenant,
            &audit("tenant.create", format!("tenant/{id}")),
        )
        .await?;
    let user = User {
        id: UserId::fresh(),
        tenant: id,
        edition: 0,
        created_ms: now_ms,
        name: founder.user.clone(),
        email: None,
        password,
        issuer: None,
        subject: None,
        is_disabled: false,
    };
    write
        .insert(
            &everything,
            &user,
            &audit("user.create", format!("user/{}", user.id)),
        )
        .await?;
    let binding = RoleBinding {
        id: BindingId::fresh(),
        tenant: TenantId::HUB,
        edition: 0,
        created_ms: now_ms,
        account: user.id,
        role: Role::Admin.name().to_owned(),
    };
    write
        .insert(
            &everything,
            &binding,
            &audit("user.roles", format!("user/{}", user.id)),
        )
        .await?;
    Ok(user)
}
