//! The functions that all records share: reading, making, changing, removing.

use std::collections::BTreeSet;

use crate::record::PAGE_ROWS_MAX;
use crate::sql::{Arg, Column, Statement};
use crate::{Audit, Error, Event, Listed, Match, Page, Read, Record, Scope, TenantId, Write};

fn select<R: Record>(scope: &Scope) -> Statement {
    let mut statement = Statement::new("SELECT ");
    statement
        .push(&R::COLUMNS.join(", "))
        .push(" FROM ")
        .push(R::TABLE)
        .push(" WHERE ");
    scope.condition(&mut statement, "tenant");
    statement
}

/// The question for a part of the rows of which all of this is true.
pub(crate) fn paged<R: Record>(
    scope: &Scope,
    matches: &[Match],
    page: &Page,
) -> Result<Statement, Error> {
    let mut statement = select::<R>(scope);
    for condition in matches {
        condition.append::<R>(&mut statement)?;
    }
    page.append(&mut statement, "id");
    Ok(statement)
}

impl Read {
    /// Reads a row.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is none in the scope.
    pub async fn one<R: Record>(&mut self, scope: &Scope, id: R::Id) -> Result<R, Error> {
        let mut statement = select::<R>(scope);
        statement.push(" AND id = ").bind(&id);
        let row = self.connection().row(statement).await?;
        R::read(&row.ok_or(Error::NotFound { what: R::WHAT })?, 0)
    }

    /// Reads the oldest row of which all of this is true.
    ///
    /// # Errors
    ///
    /// The database's, and [`Error::Column`].
    pub async fn find<R: Record>(
        &mut self,
        scope: &Scope,
        matches: &[Match],
    ) -> Result<Option<R>, Error> {
        Ok(self
            .page(scope, matches, &Page::first(1))
            .await?
            .items
            .pop())
    }

    /// Reads a part of the rows of which all of this is true.
    ///
    /// # Errors
    ///
    /// The database's, and [`Error::Column`].
    pub async fn page<R: Record>(
        &mut self,
        scope: &Scope,
        matches: &[Match],
        page: &Page,
    ) -> Result<Listed<R>, Error> {
        let statement = paged::<R>(scope, matches, page)?;
        let rows = self.connection().rows(statement).await?;
        let items = rows
            .iter()
            .map(|row| R::read(row, 0))
            .collect::<Result<Vec<R>, Error>>()?;
        Ok(Listed::cut(items, page, |record| record.id().to_string()))
    }

    /// Reads all rows of which all of this is true, page by page.
    ///
    /// # Errors
    ///
    /// The database's, and [`Error::Column`].
    pub async fn all<R: Record>(
        &mut self,
        scope: &Scope,
        matches: &[Match],
    ) -> Result<Vec<R>, Error> {
        let mut page = Page::first(PAGE_ROWS_MAX);
        let mut found = Vec::new();
        loop {
            let listed = self.page(scope, matches, &page).await?;
            found.extend(listed.items);
            page.after = listed.next;
            if page.after.is_none() {
                return Ok(found);
            }
        }
    }

    /// Counts the rows of which all of this is true.
    ///
    /// # Errors
    ///
    /// The database's, and [`Error::Column`].
    pub async fn count<R: Record>(
        &mut self,
        scope: &Scope,
        matches: &[Match],
    ) -> Result<u64, Error> {
        let mut statement = Statement::new("SELECT COUNT(*) FROM ");
        statement.push(R::TABLE).push(" WHERE ");
        scope.condition(&mut statement, "tenant");
        for condition in matches {
            condition.append::<R>(&mut statement)?;
        }
        self.number(statement).await
    }

    /// The number in the first column of the only row.
    pub(crate) async fn number(&mut self, statement: Statement) -> Result<u64, Error> {
        match self.connection().row(statement).await? {
            Some(row) => row.column(0),
            None => Ok(0),
        }
    }

    /// Finds out that a row is in the scope.
    pub(crate) async fn require(
        &mut self,
        scope: &Scope,
        what: &'static str,
        table: &str,
        id: Arg,
    ) -> Result<(), Error> {
        let mut statement = Statement::new("SELECT 1 FROM ");
        statement
            .push(table)
            .push(" WHERE id = ")
            .bind_arg(id)
            .push(" AND ");
        scope.condition(&mut statement, "tenant");
        match self.connection().row(statement).await? {
            Some(_) => Ok(()),
            None => Err(Error::NotFound { what }),
        }
    }
}

impl Write {
    /// Makes a row. Its edition must be 0 and becomes 1.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if its tenant, or a row that it names, is not in the scope; [`Error::Exists`] if a name is taken.
    pub async fn insert<R: Record>(
        &mut self,
        scope: &Scope,
        record: &R,
        audit: &Audit,
    ) -> Result<(), Error> {
        self.insert_all(scope, std::slice::from_ref(record), audit)
            .await
    }

    /// Makes rows in few statements; the log of the first one's tenant tells of it.
    ///
    /// # Errors
    ///
    /// As [`Write::insert`]; then none is made.
    pub async fn insert_all<R: Record>(
        &mut self,
        scope: &Scope,
        records: &[R],
        audit: &Audit,
    ) -> Result<(), Error> {
        self.append(scope, records).await?;
        if let Some(first) = records.first() {
            self.tell(first.tenant(), audit);
        }
        let tenants: BTreeSet<TenantId> = records.iter().map(Record::tenant).collect();
        for tenant in tenants {
            self.wake_planner_of::<R>(tenant);
        }
        Ok(())
    }

    /// Makes rows of what the hub notes by itself, of which no audit log tells: events.
    ///
    /// # Errors
    ///
    /// As [`Write::insert`].
    pub async fn note(&mut self, scope: &Scope, events: &[Event]) -> Result<(), Error> {
        self.append(scope, events).await?;
        // Whoever wants to know is told in the same transaction.
        self.tell_webhooks(events).await
    }

    pub(crate) async fn append<R: Record>(
        &mut self,
        scope: &Scope,
        records: &[R],
    ) -> Result<(), Error> {
        let homes: BTreeSet<TenantId> = records.iter().map(Record::home).collect();
        for home in homes {
            self.require(scope, "tenant", "tenants", home.arg()).await?;
        }
        let mut named = BTreeSet::new();
        for (what, table, arg) in records.iter().flat_map(Record::references) {
            if let Arg::Text(Some(id)) = arg {
                named.insert((what, table, id));
            }
        }
        for (what, table, id) in named {
            self.require(scope, what, table, id.arg()).await?;
        }
        let rows = records.iter().map(|record| {
            let mut args = record.args();
            if let Some(edition) = args.get_mut(2) {
                *edition = 1_u64.arg();
            }
            args
        });
        self.bulk(R::TABLE, R::COLUMNS, rows.collect(), "").await?;
        if R::TABLE == "tenants" {
            for record in records {
                self.reach(record.tenant(), record.home()).await?;
            }
        }
        Ok(())
    }

    /// Changes a row to this, if its edition is still the one that was read; the new edition.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is none in the scope, or a row that it names is not; [`Error::Conflict`] if somebody changed
    /// it meanwhile; [`Error::Exists`] if a name is taken.
    pub async fn update<R: Record>(
        &mut self,
        scope: &Scope,
        record: &R,
        audit: &Audit,
    ) -> Result<u64, Error> {
        for (what, table, arg) in record.references() {
            if let Arg::Text(Some(_)) = arg {
                self.require(scope, what, table, arg).await?;
            }
        }
        let mut statement = Statement::new("UPDATE ");
        statement.push(R::TABLE).push(" SET edition = edition + 1");
        for (column, arg) in R::COLUMNS.iter().zip(record.args()) {
            if !matches!(*column, "id" | "tenant" | "edition" | "created_ms")
                && !R::FIXED.contains(column)
            {
                statement.push(", ").push(column).push(" = ").bind_arg(arg);
            }
        }
        statement.push(" WHERE id = ").bind(&record.id());
        statement
            .push(" AND edition = ")
            .bind(&record.edition())
            .push(" AND ");
        scope.condition(&mut statement, "tenant");
        statement.push(" RETURNING tenant, edition");
        let Some(row) = self.connection().row(statement).await? else {
            self.one::<R>(scope, record.id()).await?;
            return Err(Error::Conflict { what: R::WHAT });
        };
        let tenant = row.column(0)?;
        self.tell(tenant, audit);
        self.wake_planner_of::<R>(tenant);
        row.column(1)
    }

    /// Removes a row, and what only exists with it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is none in the scope; [`Error::Referenced`] if others name it.
    pub async fn remove<R: Record>(
        &mut self,
        scope: &Scope,
        id: R::Id,
        audit: &Audit,
    ) -> Result<(), Error> {
        let mut statement = Statement::new("DELETE FROM ");
        statement
            .push(R::TABLE)
            .push(" WHERE id = ")
            .bind(&id)
            .push(" AND ");
        scope.condition(&mut statement, "tenant");
        // Who had a tenant tells of its removal; nobody has the hub.
        statement.push(if R::TABLE == "tenants" {
            " AND id <> parent RETURNING parent"
        } else {
            " RETURNING tenant"
        });
        let row = self.connection().row(statement).await?;
        let tenant = row.ok_or(Error::NotFound { what: R::WHAT })?.column(0)?;
        self.tell(tenant, audit);
        self.wake_planner_of::<R>(tenant);
        Ok(())
    }

    pub(crate) async fn reach(&mut self, tenant: TenantId, parent: TenantId) -> Result<(), Error> {
        let mut statement =
            Statement::new("INSERT INTO tenant_reach (ancestor, tenant) SELECT ancestor, ");
        // PostgreSQL takes a bare parameter in a list of columns for text, which it is.
        statement
            .bind(&tenant)
            .push(" FROM tenant_reach WHERE tenant = ")
            .bind(&parent);
        self.connection().run(statement).await?;
        let mut statement = Statement::new("INSERT INTO tenant_reach (ancestor, tenant) VALUES (");
        statement.bind(&tenant).push(", ").bind(&tenant).push(")");
        self.connection().run(statement).await?;
        Ok(())
    }
}
