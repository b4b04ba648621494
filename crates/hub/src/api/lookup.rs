//! From what somebody calls something to the thing.

use thimble_hub_api::ProblemKind;
use thimble_hub_store::{Error as StoreError, Match, Read, Record, Scope};

use super::reply::{Answer, Fault};
use crate::model::names::WrongName;

impl From<WrongName> for Fault {
    fn from(error: WrongName) -> Self {
        Self::new(ProblemKind::Invalid, error)
    }
}

/// The row of this id, or of this name.
pub(super) async fn named<R: Record>(read: &mut Read, scope: &Scope, name: &str) -> Answer<R> {
    let found = match name.parse() {
        Ok(id) => match read.one(scope, id).await {
            Ok(row) => Some(row),
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        },
        Err(_) => {
            read.find(scope, &[Match::equals("name", &name.to_owned())])
                .await?
        }
    };
    found.ok_or_else(|| Fault::not_found(R::WHAT, name))
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
