//! What devices are to have now.

use std::collections::BTreeSet;

use crate::bulk::pieces;
use crate::record::{PAGE_ROWS_MAX, limit};
use crate::sql::{Column, Row, Statement};
use crate::{Audit, DeploymentId, DeviceId, Error, Read, RolloutId, Scope, TenantId, Write};

/// A deployment's revision on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Which device.
    pub device: DeviceId,
    /// Which deployment.
    pub deployment: DeploymentId,
    /// The number of its revision.
    pub revision: u64,
    /// The rollout that brought it.
    pub rollout: Option<RolloutId>,
    /// Since when.
    pub since_ms: i64,
}

const COLUMNS: &[&str] = &["device", "deployment", "revision", "rollout", "since_ms"];

fn read(row: &Row) -> Result<Assignment, Error> {
    Ok(Assignment {
        device: row.column(0)?,
        deployment: row.column(1)?,
        revision: row.column(2)?,
        rollout: row.column(3)?,
        since_ms: row.column(4)?,
    })
}

fn select(scope: &Scope) -> Statement {
    let mut statement = Statement::new("SELECT ");
    statement
        .push(&COLUMNS.join(", "))
        .push(" FROM assignments WHERE ");
    scope.condition(&mut statement, "tenant");
    statement
}

impl Read {
    /// Reads what a device is to have, in the order of deployments.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn assignments(
        &mut self,
        scope: &Scope,
        device: DeviceId,
    ) -> Result<Vec<Assignment>, Error> {
        let mut statement = select(scope);
        statement
            .push(" AND device = ")
            .bind(&device)
            .push(" ORDER BY deployment");
        self.connection()
            .rows(statement)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Reads what these devices are to have, of which there are 1000 at most, in the order of devices and deployments.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], and the database's.
    pub async fn assignments_of(
        &mut self,
        scope: &Scope,
        devices: &[DeviceId],
    ) -> Result<Vec<Assignment>, Error> {
        limit(
            "devices of a question",
            devices.len(),
            PAGE_ROWS_MAX as usize,
        )?;
        if devices.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement = select(scope).rare();
        statement
            .push(" AND device IN (")
            .bind_all(devices.iter().map(Column::arg))
            .push(") ORDER BY device, deployment");
        let rows = self.connection().rows(statement).await?;
        rows.iter().map(read).collect()
    }

    /// Reads which devices are to have a deployment, in the order of devices.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn assignments_of_deployment(
        &mut self,
        scope: &Scope,
        deployment: DeploymentId,
    ) -> Result<Vec<Assignment>, Error> {
        let mut statement = select(scope);
        statement
            .push(" AND deployment = ")
            .bind(&deployment)
            .push(" ORDER BY device");
        self.connection()
            .rows(statement)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Reads what all devices are to have, in the order of devices and deployments.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn all_assignments(&mut self, scope: &Scope) -> Result<Vec<Assignment>, Error> {
        let mut statement = select(scope);
        statement.push(" ORDER BY device, deployment");
        self.connection()
            .rows(statement)
            .await?
            .iter()
            .map(read)
            .collect()
    }
}

impl Write {
    /// Makes devices have these; `tenant` is whose log tells of it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if a device or a deployment is not in the scope.
    pub async fn assign(
        &mut self,
        scope: &Scope,
        tenant: TenantId,
        assignments: &[Assignment],
        audit: &Audit,
    ) -> Result<(), Error> {
        let devices = assignments
            .iter()
            .map(|assignment| assignment.device.arg())
            .collect();
        self.require_devices(scope, devices).await?;
        let deployments: BTreeSet<DeploymentId> =
            assignments.iter().map(|one| one.deployment).collect();
        for deployment in deployments {
            self.require(scope, "deployment", "deployments", deployment.arg())
                .await?;
        }
        let rows = assignments
            .iter()
            .map(|one| {
                vec![
                    one.device.arg(),
                    one.deployment.arg(),
                    one.revision.arg(),
                    one.rollout.arg(),
                    one.since_ms.arg(),
                ]
            })
            .collect();
        let update = " ON CONFLICT (device, deployment) DO UPDATE SET revision = excluded.revision, \
             rollout = excluded.rollout, since_ms = excluded.since_ms";
        self.of_devices(scope, "assignments", COLUMNS, rows, update)
            .await?;
        self.wake_planner(Some(tenant));
        self.audit(scope, tenant, audit).await
    }

    /// Makes devices have these deployments no more; how many had them. Those of other devices than the scope's stay.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn unassign(
        &mut self,
        scope: &Scope,
        tenant: TenantId,
        assignments: &[(DeviceId, DeploymentId)],
        audit: &Audit,
    ) -> Result<u64, Error> {
        let rows = assignments
            .iter()
            .map(|(device, deployment)| vec![device.arg(), deployment.arg()])
            .collect();
        let is_postgres = self.connection().is_postgres();
        let mut removed = 0;
        for piece in pieces(is_postgres, 2, rows) {
            let mut statement = Statement::new(
                "DELETE FROM assignments WHERE (device, deployment) IN (SELECT * FROM ",
            );
            statement
                .relation(is_postgres, &["device", "deployment"], piece)
                .push(") AND ");
            scope.condition(&mut statement, "tenant");
            removed += self.connection().run(statement).await?;
        }
        self.wake_planner(Some(tenant));
        self.audit(scope, tenant, audit).await?;
        Ok(removed)
    }
}
