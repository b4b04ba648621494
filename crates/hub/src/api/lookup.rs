//! From what somebody calls something to the thing.

use thimble_hub_api::ProblemKind;
use thimble_hub_store::{Error as StoreError, Match, Read, Record, Scope};

use super::reply::{Answer, Fault};
use crate::model::names::{WrongLabels, WrongName};

impl From<WrongName> for Fault {
    fn from(error: WrongName) -> Self {
        Self::new(ProblemKind::Invalid, error)
    }
}

impl From<WrongLabels> for Fault {
    fn from(error: WrongLabels) -> Self {
        Self::new(ProblemKind::Invalid, error)
    }
}

/// The row of this id, or of this name.
pub(super) async fn named<R: Record>(read: &mut Read, scope: &Scope, name: &str) -> Answer<R> {
    let found = found(read, scope, name).await?;
    found.ok_or_else(|| Fault::not_found(R::WHAT, name))
}

/// The same, if there is one.
pub(super) async fn found<R: Record>(
    read: &mut Read,
    scope: &Scope,
    name: &str,
) -> Answer<Option<R>> {
    match name.parse() {
        Ok(id) => match read.one(scope, id).await {
            Ok(row) => Ok(Some(row)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        },
        Err(_) => Ok(read
            .find(scope, &[Match::equals("name", &name.to_owned())])
            .await?),
    }
}

/// The row of this id.
pub(super) async fn by_id<R: Record>(read: &mut Read, scope: &Scope, id: &str) -> Answer<R> {
    let Ok(parsed) = id.parse() else {
        return Err(Fault::not_found(R::WHAT, id));
    };
    match read.one(scope, parsed).await {
        Ok(row) => Ok(row),
        Err(StoreError::NotFound { .. }) => Err(Fault::not_found(R::WHAT, id)),
        Err(error) => Err(error.into()),
    }
}
