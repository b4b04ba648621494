//! What webhooks are to be told: a queue that several nodes work off.

use crate::sql::Statement;
use crate::{Delivery, DeliveryId, Error, Record, Scope, Write};

/// Deliveries that are taken at once, at most.
const TAKEN_MAX: u32 = 1000;

/// How an attempt to deliver went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It was taken.
    Done {
        /// When.
        at_ms: i64,
    },
    /// It is tried again.
    Again {
        /// When.
        next_ms: i64,
        /// What went wrong.
        failure: String,
    },
    /// It is not tried again.
    GivenUp {
        /// What went wrong.
        failure: String,
    },
}

impl Write {
    /// Puts deliveries into the queue.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if a webhook is not in the scope.
    pub async fn enqueue(&mut self, scope: &Scope, deliveries: &[Delivery]) -> Result<(), Error> {
        // The change that is told of has its entry; this is no change of an operator's.
        self.append(scope, deliveries).await
    }

    /// Takes deliveries that are due. Nobody else gets them for `hold_ms`, in which they are to be settled; after that
    /// they are due again. Their attempts are counted here, so that what brings the hub down is not tried forever.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn next_deliveries(
        &mut self,
        scope: &Scope,
        now_ms: i64,
        limit: u32,
        hold_ms: u32,
    ) -> Result<Vec<Delivery>, Error> {
        let lock = if self.connection().is_postgres() {
            " FOR UPDATE SKIP LOCKED"
        } else {
            ""
        };
        let mut statement =
            Statement::new("UPDATE webhook_deliveries SET attempts = attempts + 1, next_ms = ");
        statement.bind(&now_ms.saturating_add(i64::from(hold_ms)));
        statement
            .push(" WHERE id IN (SELECT id FROM webhook_deliveries WHERE next_ms <= ")
            .bind(&now_ms);
        statement.push(" AND ");
        scope.condition(&mut statement, "tenant");
        statement
            .push(" ORDER BY next_ms, id LIMIT ")
            .bind(&limit.clamp(1, TAKEN_MAX))
            .push(lock);
        statement
            .push(") RETURNING ")
            .push(&Delivery::COLUMNS.join(", "));
        let rows = self.connection().rows(statement).await?;
        let mut taken = rows
            .iter()
            .map(|row| Delivery::read(row, 0))
            .collect::<Result<Vec<_>, Error>>()?;
        taken.sort_by_key(|delivery| delivery.id);
        Ok(taken)
    }

    /// Notes how an attempt went.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such delivery in the scope.
    pub async fn settle_delivery(
        &mut self,
        scope: &Scope,
        id: DeliveryId,
        attempt: &Attempt,
    ) -> Result<(), Error> {
        let (done_ms, next_ms, failure) = match attempt {
            Attempt::Done { at_ms } => (Some(*at_ms), None, None),
            Attempt::Again { next_ms, failure } => (None, Some(*next_ms), Some(failure.clone())),
            Attempt::GivenUp { failure } => (None, None, Some(failure.clone())),
        };
        let mut statement = Statement::new("UPDATE webhook_deliveries SET done_ms = ");
        statement
            .bind(&done_ms)
            .push(", next_ms = ")
            .bind(&next_ms)
            .push(", failure = ")
            .bind(&failure);
        statement.push(" WHERE id = ").bind(&id).push(" AND ");
        scope.condition(&mut statement, "tenant");
        match self.connection().run(statement).await? {
            0 => Err(Error::NotFound {
                what: Delivery::WHAT,
            }),
            _ => Ok(()),
        }
    }

    /// Forgets deliveries that are over and were made before this time; how many there were.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn prune_deliveries(&mut self, scope: &Scope, before_ms: i64) -> Result<u64, Error> {
        self.prune(
            "webhook_deliveries",
            scope,
            before_ms,
            " AND next_ms IS NULL",
        )
        .await
    }

    /// Forgets events of before this time; how many there were.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn prune_events(&mut self, scope: &Scope, before_ms: i64) -> Result<u64, Error> {
        self.prune("events", scope, before_ms, "").await
    }

    async fn prune(
        &mut self,
        table: &str,
        scope: &Scope,
        before_ms: i64,
        and: &str,
    ) -> Result<u64, Error> {
        let mut statement = Statement::new("DELETE FROM ");
        statement
            .push(table)
            .push(" WHERE created_ms < ")
            .bind(&before_ms)
            .push(and)
            .push(" AND ");
        scope.condition(&mut statement, "tenant");
        self.connection().run(statement).await
    }
}
