//! A way in for whoever has the hub's machine: a token of a user, when nobody has one any more.

use std::fmt;

use thimble_hub_store::{Error as StoreError, Match, Scope, User};

use super::sign_in::begin_session;
use super::{IdentityError, SignedIn};
use crate::hub::Hub;

/// Why no token is made.
#[derive(Debug)]
#[non_exhaustive]
pub enum RecoverError {
    /// There is no such user.
    NoUser {
        /// The name.
        name: String,
        /// Some of those that there are.
        some: Vec<String>,
    },
    /// The user is disabled, and its tokens would not count.
    Disabled {
        /// The name.
        name: String,
    },
    /// The store failed, or randomness.
    Identity(IdentityError),
}

impl fmt::Display for RecoverError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUser { name, some } if some.is_empty() => write!(
                formatter,
                "there is no user `{name}`, nor any other: `thimble-hub init` begins a hub"
            ),
            Self::NoUser { name, some } => write!(
                formatter,
                "there is no user `{name}`: say which with --user; there are {}",
                some.join(", ")
            ),
            Self::Disabled { name } => write!(
                formatter,
                "{name} is disabled: name another admin, who enables them again"
            ),
            Self::Identity(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for RecoverError {}

impl From<StoreError> for RecoverError {
    fn from(error: StoreError) -> Self {
        Self::Identity(error.into())
    }
}

/// Makes a token of a user, as signing in would; on behalf of whom, for the audit trail.
///
/// # Errors
/// [`RecoverError`]: there is no such user, or it is disabled; the store's.
pub async fn recover(hub: &Hub, name: &str, actor: &str) -> Result<SignedIn, RecoverError> {
    let everything = Scope::whole_hub_for_its_own_work();
    let mut read = hub.store.read().await?;
    let by_name = [Match::equals("name", &name.to_owned())];
    let Some(user) = read.find::<User>(&everything, &by_name).await? else {
        let all = read.all::<User>(&everything, &[]).await?;
        return Err(RecoverError::NoUser {
            name: name.to_owned(),
            some: all.into_iter().map(|user| user.name).take(10).collect(),
        });
    };
    drop(read);
    if user.is_disabled {
        return Err(RecoverError::Disabled { name: user.name });
    }
    begin_session(hub, &user, actor)
        .await
        .map_err(RecoverError::Identity)
}
