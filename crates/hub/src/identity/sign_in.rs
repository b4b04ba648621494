//! Signing in: a password or a provider's word becomes a token.

use std::net::IpAddr;

use thimble_hub_store::{Audit, Id as _, Match, Scope, Token, TokenId, User};

use super::{IdentityError, NewSecret};
use crate::hub::Hub;

/// A token that was just made. It is shown once, and has no `Debug`.
pub struct SignedIn {
    /// Its id.
    pub id: TokenId,
    /// The token.
    pub secret: String,
    /// When it ends.
    pub expires_ms: i64,
}

/// Signs a local user in.
///
/// # Errors
/// [`IdentityError`]: wrong name or password, too many attempts, or the store's.
pub async fn sign_in(
    hub: &Hub,
    name: &str,
    password: &str,
    address: Option<IpAddr>,
) -> Result<SignedIn, IdentityError> {
    let now_ms = hub.now_ms();
    // A name that nobody can have must not fill the memory.
    let counted: String = name.chars().take(128).collect();
    hub.attempts
        .take(&counted, address, now_ms)
        .map_err(IdentityError::TooMany)?;
    let everything = Scope::whole_hub_for_its_own_work();
    let user: Option<User> = hub
        .store
        .read()
        .await?
        .find(&everything, &[Match::equals("name", &name.to_owned())])
        .await?;
    let kept = user
        .as_ref()
        .filter(|user| !user.is_disabled)
        .and_then(|user| user.password.as_deref());
    let is_right = hub.passwords.is(password, kept).await?;
    let (true, Some(user)) = (is_right, user) else {
        tracing::warn!(user = counted, "somebody could not sign in");
        return Err(IdentityError::WrongPassword);
    };
    hub.attempts.forget(&counted);
    begin_session(hub, &user, &actor(&user)).await
}

/// A user, as the audit trail names them.
pub(super) fn actor(user: &User) -> String {
    format!("user:{}", user.name)
}

/// Makes a token that lasts as long as signing in does; on behalf of whom, for the audit trail.
pub(super) async fn begin_session(
    hub: &Hub,
    user: &User,
    actor: &str,
) -> Result<SignedIn, IdentityError> {
    let now_ms = hub.now_ms();
    let lasts_ms =
        i64::try_from(hub.settings.identity.session_s.saturating_mul(1000)).unwrap_or(i64::MAX);
    let expires_ms = now_ms.saturating_add(lasts_ms);
    let secret = NewSecret::token().map_err(|_| IdentityError::NoRandomness)?;
    let token = Token {
        id: TokenId::fresh(),
        tenant: user.tenant,
        edition: 0,
        created_ms: now_ms,
        account: user.id,
        name: "signed in".to_owned(),
        hash: secret.hash().0.to_vec(),
        role: None,
        expires_ms,
        revoked_ms: None,
    };
    let scope = Scope::authenticated(user.tenant);
    let audit = Audit::new(now_ms, actor, "session.begin", user.id.to_string());
    let mut write = hub.store.write().await?;
    write.insert(&scope, &token, &audit).await?;
    write.commit().await?;
    Ok(SignedIn {
        id: token.id,
        secret: secret.into_text(),
        expires_ms,
    })
}
