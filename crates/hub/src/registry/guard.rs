//! Who may do what: the registry's question, answered by the hub's identity.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::header;
use base64ct::{Base64, Encoding as _};
use futures_util::future::BoxFuture;
use thimble_hub_blobs::{
    Access, Action, Asker, Authorizer, Change, Granted, ManifestName, Refusal,
};
use thimble_hub_store::{Audit, Scope, TenantId};

use super::sessions::Sessions;
use crate::api::Peer;
use crate::hub::Hub;
use crate::identity::{Caller, IdentityError, Permission, TOKEN_PREFIX, authenticate};

/// How to sign in: with a name and a password, or any name and a token as the password.
const CHALLENGE: &str = "Basic realm=\"thimble-hub\", charset=\"UTF-8\"";

pub(super) struct Guard {
    hub: Arc<Hub>,
    sessions: Sessions,
}

/// What somebody shows.
enum Credentials {
    Token(String),
    Password { name: String, password: String },
}

impl Guard {
    pub(super) fn new(hub: Arc<Hub>) -> Self {
        Self {
            hub,
            sessions: Sessions::new(),
        }
    }

    async fn caller(
        &self,
        asker: Asker<'_>,
        tenant: Option<&str>,
    ) -> Result<Caller, IdentityError> {
        let address = asker.extensions.get::<Peer>().map(|peer| peer.0);
        let shown = credentials(asker).ok_or(IdentityError::NotSignedIn)?;
        let (name, password) = match shown {
            Credentials::Token(token) => return authenticate(&self.hub, &token, tenant).await,
            Credentials::Password { name, password } => (name, password),
        };
        match self.signed_in(&name, &password, address, tenant).await {
            // It was taken back since: perhaps the password still holds.
            Err(IdentityError::NotSignedIn) => {
                self.sessions.forget(&name, &password);
                self.signed_in(&name, &password, address, tenant).await
            }
            found => found,
        }
    }

    async fn signed_in(
        &self,
        name: &str,
        password: &str,
        address: Option<IpAddr>,
        tenant: Option<&str>,
    ) -> Result<Caller, IdentityError> {
        let token = self.sessions.token(&self.hub, name, password, address);
        authenticate(&self.hub, &token.await?, tenant).await
    }

    async fn grant(
        &self,
        asker: Asker<'_>,
        access: Access<'_>,
    ) -> Result<Option<Granted>, Refusal> {
        let Access::Repository { name, action } = access else {
            return match self.caller(asker, None).await {
                // Whoever has no role of their own may have one elsewhere.
                Ok(_) | Err(IdentityError::NoSuchTenant { .. }) => Ok(None),
                Err(error) => Err(refusal(&error)),
            };
        };
        let Some((tenant, repository)) = name.split_first() else {
            // Whoever asks must be known before they are told anything.
            self.caller(asker, None)
                .await
                .map_err(|error| refusal(&error))?;
            return Err(Refusal::Denied);
        };
        let caller = self.caller(asker, Some(tenant)).await;
        let caller = caller.map_err(|error| refusal(&error))?;
        let needed = match action {
            Action::Pull => Permission::Read,
            Action::Push | Action::Delete => Permission::Apps,
        };
        caller.require(needed).map_err(|error| refusal(&error))?;
        let name_space = caller.tenant().to_string().parse();
        Ok(Some(Granted {
            name_space: name_space.map_err(|_| Refusal::Denied)?,
            repository,
            bytes_max: self.hub.settings.blobs.tenant_bytes_max,
            actor: caller.actor(),
        }))
    }

    async fn note(&self, granted: &Granted, change: &Change) -> Result<(), Refusal> {
        let tenant: TenantId = granted
            .name_space
            .as_str()
            .parse()
            .map_err(|_| Refusal::Unavailable)?;
        let (action, name, digest) = match change {
            Change::Pushed { name, digest } => ("image.push", name, Some(*digest)),
            Change::Deleted { name } => ("image.delete", name, None),
        };
        let subject = match name {
            ManifestName::Tag(tag) => format!("image/{}:{tag}", granted.repository),
            ManifestName::Digest(digest) => format!("image/{}@{digest}", granted.repository),
        };
        let mut audit = Audit::new(self.hub.now_ms(), granted.actor.clone(), action, subject);
        if let Some(digest) = digest {
            audit = audit.with(serde_json::json!({ "digest": digest.to_string() }));
        }
        let noted = async {
            let mut write = self.hub.store.write().await?;
            write
                .audit(&Scope::authenticated(tenant), tenant, &audit)
                .await?;
            write.commit().await
        };
        noted.await.map_err(|error| {
            tracing::error!(%error, "a change of an image could not be written into the audit trail");
            Refusal::Unavailable
        })
    }
}

impl Authorizer for Guard {
    fn authorize<'a>(
        &'a self,
        asker: Asker<'a>,
        access: Access<'a>,
    ) -> BoxFuture<'a, Result<Option<Granted>, Refusal>> {
        Box::pin(self.grant(asker, access))
    }

    fn record<'a>(
        &'a self,
        granted: &'a Granted,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(self.note(granted, change))
    }
}

fn credentials(asker: Asker<'_>) -> Option<Credentials> {
    let text = asker.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = text.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Credentials::Token(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(Base64::decode_vec(rest).ok()?).ok()?;
    // Names of those who sign in elsewhere hold a colon themselves: `corp:ada`. A token holds none.
    if let Some((_, token)) = decoded.rsplit_once(':')
        && token.starts_with(TOKEN_PREFIX)
    {
        return Some(Credentials::Token(token.to_owned()));
    }
    let (name, password) = decoded.split_once(':')?;
    Some(Credentials::Password {
        name: name.to_owned(),
        password: password.to_owned(),
    })
}

fn refusal(error: &IdentityError) -> Refusal {
    match error {
        IdentityError::NotSignedIn | IdentityError::WrongPassword => Refusal::Unknown {
            challenge: CHALLENGE.into(),
        },
        IdentityError::Forbidden { .. }
        | IdentityError::NoSuchTenant { .. }
        | IdentityError::AmbiguousTenant { .. } => Refusal::Denied,
        IdentityError::TooMany(error) => Refusal::TooMany {
            retry_after_s: error.retry_s,
        },
        error => {
            tracing::error!(%error, "nobody can sign in to the registry");
            Refusal::Unavailable
        }
    }
}
