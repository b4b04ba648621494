//! Settings that are made while the hub runs: of a tenant, or of the hub itself.

use serde_json::Value;

use crate::sql::{Column, Statement};
use crate::{Audit, Error, Read, Scope, TenantId, Write};

impl Read {
    /// Reads a setting of a tenant.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn setting(
        &mut self,
        scope: &Scope,
        tenant: TenantId,
        name: &str,
    ) -> Result<Option<Value>, Error> {
        let mut statement = Statement::new("SELECT value FROM settings WHERE tenant = ");
        statement
            .bind(&tenant)
            .push(" AND name = ")
            .bind(&name.to_owned())
            .push(" AND ");
        scope.condition(&mut statement, "tenant");
        let row = self.connection().row(statement).await?;
        row.map(|row| row.column(0)).transpose()
    }
}

impl Write {
    /// Makes a setting of a tenant.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the tenant is not in the scope.
    pub async fn put_setting(
        &mut self,
        scope: &Scope,
        tenant: TenantId,
        name: &str,
        value: &Value,
        audit: &Audit,
    ) -> Result<(), Error> {
        self.audit(scope, tenant, audit).await?;
        let row = vec![tenant.arg(), name.to_owned().arg(), value.arg()];
        let update = " ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value";
        self.bulk("settings", &["tenant", "name", "value"], vec![row], update)
            .await
            .map(drop)
    }
}
