//! From a token to a caller.

use std::collections::BTreeMap;
use std::fmt;

use thimble_hub_api::identity::Role;
use thimble_hub_store::{
    Error as StoreError, Match, Read, RoleBinding, Scope, Tenant, TenantId, Token, User,
};

use super::{
    Caller, OpenIdError, PasswordError, Permission, Permissions, TokenHash, TooManyAttempts,
};
use crate::hub::Hub;

/// Tenants above a tenant at most.
const DEPTH_MAX: usize = 16;

/// Why somebody is not who they say, or may not do what they ask.
#[derive(Debug)]
#[non_exhaustive]
pub enum IdentityError {
    /// There is no token, or it is wrong, ended, or taken back.
    NotSignedIn,
    /// The name or the password is wrong.
    WrongPassword,
    /// They may not do that.
    Forbidden {
        /// What they may not do.
        permission: Permission,
        /// Where.
        tenant: String,
    },
    /// There is no such tenant, at least for them.
    NoSuchTenant {
        /// What was asked for.
        name: String,
    },
    /// Several tenants have this name.
    AmbiguousTenant {
        /// The name.
        name: String,
    },
    /// They tried too often.
    TooMany(TooManyAttempts),
    /// The password could not be compared.
    Password(PasswordError),
    /// The provider, or what it says.
    OpenId(OpenIdError),
    /// The system has no random numbers.
    NoRandomness,
    /// The store failed.
    Store(StoreError),
}

impl fmt::Display for IdentityError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSignedIn => formatter.write_str(
                "the token is missing, wrong, has ended or was taken back: sign in, and send it as \
                 `Authorization: Bearer TOKEN`",
            ),
            Self::WrongPassword => formatter.write_str("the user's name or the password is wrong"),
            Self::Forbidden { permission, tenant } => write!(
                formatter,
                "this is for {} of the tenant {tenant}: ask one of its admins for the role",
                permission.held_by()
            ),
            Self::NoSuchTenant { name } => write!(
                formatter,
                "there is no tenant `{name}` for you: GET /v1/tenants lists those that there are"
            ),
            Self::AmbiguousTenant { name } => write!(
                formatter,
                "several tenants are called `{name}`: name the one you mean by its id"
            ),
            Self::TooMany(error) => error.fmt(formatter),
            Self::Password(error) => error.fmt(formatter),
            Self::OpenId(error) => error.fmt(formatter),
            Self::NoRandomness => formatter.write_str("the system has no random numbers"),
            Self::Store(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for IdentityError {}

impl From<StoreError> for IdentityError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<PasswordError> for IdentityError {
    fn from(error: PasswordError) -> Self {
        Self::Password(error)
    }
}

/// Finds out who shows this token, and what they may do in the tenant that they ask for: by its name or id, or their own.
///
/// # Errors
/// [`IdentityError`]: not signed in, no such tenant, or the store's.
pub async fn authenticate(
    hub: &Hub,
    token: &str,
    tenant: Option<&str>,
) -> Result<Caller, IdentityError> {
    let hash = TokenHash::of_token(token).ok_or(IdentityError::NotSignedIn)?;
    let everything = Scope::whole_hub_for_its_own_work();
    let mut read = hub.store.read().await?;
    let token: Token = read
        .find(&everything, &[Match::equals("hash", &hash.0.to_vec())])
        .await?
        .ok_or(IdentityError::NotSignedIn)?;
    if token.revoked_ms.is_some() || token.expires_ms <= hub.now_ms() {
        return Err(IdentityError::NotSignedIn);
    }
    let user: User = match read.one(&everything, token.account).await {
        Ok(user) => user,
        Err(StoreError::NotFound { .. }) => return Err(IdentityError::NotSignedIn),
        Err(error) => return Err(error.into()),
    };
    if user.is_disabled {
        return Err(IdentityError::NotSignedIn);
    }
    // A role that this version does not know allows nothing.
    let limit = token
        .role
        .as_ref()
        .map(|name| Role::named(name).map_or(Permissions::NONE, Permissions::of));
    caller(&mut read, &user, tenant, limit, &token).await
}

/// What a user may do in a tenant, within the limit of the token.
///
/// # Errors
/// [`IdentityError`]: no such tenant, or the store's.
pub async fn caller(
    read: &mut Read,
    user: &User,
    tenant: Option<&str>,
    limit: Option<Permissions>,
    token: &Token,
) -> Result<Caller, IdentityError> {
    let bindings = bindings(read, user).await?;
    let mut found = None;
    for candidate in candidates(read, user, tenant).await? {
        let roles = roles_in(read, &bindings, &candidate).await?;
        let mut permissions = Permissions::of_all(&roles);
        if let Some(limit) = limit {
            permissions = permissions.and(limit);
        }
        if permissions.is_none() {
            continue;
        }
        if found.is_some() {
            return Err(IdentityError::AmbiguousTenant {
                name: candidate.name,
            });
        }
        found = Some(Caller {
            user: user.id,
            user_name: user.name.clone(),
            tenant: candidate.id,
            tenant_name: candidate.name,
            roles,
            permissions,
            token: token.id,
            expires_ms: token.expires_ms,
        });
    }
    found.ok_or_else(|| IdentityError::NoSuchTenant {
        name: tenant.unwrap_or("your own").to_owned(),
    })
}

/// The roles of a user, by tenant.
async fn bindings(
    read: &mut Read,
    user: &User,
) -> Result<BTreeMap<TenantId, Vec<Role>>, IdentityError> {
    let everything = Scope::whole_hub_for_its_own_work();
    let found: Vec<RoleBinding> = read
        .all(&everything, &[Match::equals("account", &user.id)])
        .await?;
    let mut bindings: BTreeMap<TenantId, Vec<Role>> = BTreeMap::new();
    for binding in found {
        if let Some(role) = Role::named(&binding.role) {
            bindings.entry(binding.tenant).or_default().push(role);
        }
    }
    Ok(bindings)
}

/// Tenants that may be meant.
async fn candidates(
    read: &mut Read,
    user: &User,
    tenant: Option<&str>,
) -> Result<Vec<Tenant>, IdentityError> {
    let everything = Scope::whole_hub_for_its_own_work();
    let id = match tenant {
        None => Some(user.tenant),
        Some(name) => name.parse().ok(),
    };
    if let Some(id) = id {
        return match read.one(&everything, id).await {
            Ok(tenant) => Ok(vec![tenant]),
            Err(StoreError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        };
    }
    let name = tenant.unwrap_or_default().to_owned();
    Ok(read
        .all(&everything, &[Match::equals("name", &name)])
        .await?)
}

/// What the bindings make of somebody in a tenant: those of the tenant and of all above it.
async fn roles_in(
    read: &mut Read,
    bindings: &BTreeMap<TenantId, Vec<Role>>,
    tenant: &Tenant,
) -> Result<Vec<Role>, IdentityError> {
    let lineage = lineage(read, tenant.id).await?;
    let of_tenant = lineage.iter().filter_map(|id| bindings.get(id));
    let mut roles: Vec<Role> = of_tenant.flatten().copied().collect();
    roles.sort_unstable();
    roles.dedup();
    Ok(roles)
}

/// A tenant and all above it.
pub(crate) async fn lineage(
    read: &mut Read,
    tenant: TenantId,
) -> Result<Vec<TenantId>, StoreError> {
    let everything = Scope::whole_hub_for_its_own_work();
    let mut lineage = vec![tenant];
    let mut id = tenant;
    while id != TenantId::HUB && lineage.len() < DEPTH_MAX {
        id = read.one::<Tenant>(&everything, id).await?.parent;
        lineage.push(id);
    }
    Ok(lineage)
}
