//! What plans of rollouts follow from, and whether any of it changed.
//!
//! Every transaction that changes a row of these wakes whoever plans for its tenant, whether the caller thought of it or not. So
//! who remembers the number of the last change before it planned finds out with one question that a new plan would be the same.
//! When devices were last heard of changes all the time and is not among it; whoever needs that says so ([`Topic::Rollout`]).

use crate::sql::{Column, Statement};
use crate::{Error, Read, Record, TenantId, Topic, Write};

/// The kinds of rows that plans follow from, beside what devices report, have, and are labelled with.
const PLANNED: &[&str] = &[
    "app_versions",
    "approvals",
    "apps",
    "deployment_revisions",
    "deployments",
    "devices",
    "rollouts",
];
/// What those who plan are woken by.
const TOPICS: [Topic; 3] = [Topic::Rollout, Topic::Device, Topic::Deployment];

impl Topic {
    /// Whether plans of rollouts may follow from what changed.
    #[must_use]
    pub fn is_planned(self) -> bool {
        TOPICS.contains(&self)
    }
}

impl Read {
    /// The number of the last change that nodes were told of.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn last_change(&mut self) -> Result<u64, Error> {
        self.number(Statement::new("SELECT sequence FROM change_clock"))
            .await
    }

    /// Whether plans of a tenant's rollouts may have changed since this number; also if that is not known any more.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn has_change_since(&mut self, tenant: TenantId, number: u64) -> Result<bool, Error> {
        let mut statement = Statement::new("SELECT CAST(CASE WHEN sequence < ");
        statement
            .bind(&number)
            .push(" OR pruned > ")
            .bind(&number)
            .push(" OR EXISTS (SELECT 1 FROM changes WHERE changes.sequence > ")
            .bind(&number)
            .push(" AND (tenant IS NULL OR tenant = ")
            .bind(&tenant)
            .push(") AND topic IN (")
            .bind_all(TOPICS.iter().map(Column::arg))
            .push(")) THEN 1 ELSE 0 END AS BIGINT) FROM change_clock");
        Ok(self.number(statement).await? != 0)
    }
}

impl Write {
    /// Wakes who plans for the tenant of a row of this kind, if plans follow from it.
    pub(crate) fn wake_planner_of<R: Record>(&mut self, tenant: TenantId) {
        if PLANNED.contains(&R::TABLE) {
            self.wake_planner(Some(tenant));
        }
    }

    /// Wakes who plans for a tenant; none: for any.
    pub(crate) fn wake_planner(&mut self, tenant: Option<TenantId>) {
        self.wake(Topic::Rollout, tenant, None);
    }
}
