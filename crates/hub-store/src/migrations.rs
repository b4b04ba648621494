//! Bringing a database's tables up to date.
//!
//! Steps are only added, never changed: a step that a published hub took stays what it was. All steps that are missing
//! are one transaction.

use crate::sql::{Column, Connection, Statement};
use crate::store::Pools;
use crate::{Error, TenantId};

/// The steps, in their order. `BYTES` and `TEXT_ORDERED` are what the database calls it.
const STEPS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
];
/// Keeps other nodes out meanwhile: `thimble` in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(32765845193731173)";

/// Takes the steps that are missing.
pub(crate) async fn run(pools: &Pools) -> Result<(), Error> {
    match pools {
        Pools::Sqlite { writer, .. } => {
            let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
            steps(Connection::Sqlite(&mut transaction)).await?;
            transaction.commit().await?;
        }
        Pools::Postgres(pool) => {
            let mut transaction = pool.begin().await?;
            // A node that waits for another's migration waits as long as it takes.
            sqlx::query("SET LOCAL lock_timeout = 0")
                .execute(&mut *transaction)
                .await?;
            sqlx::query(LOCK).execute(&mut *transaction).await?;
            steps(Connection::Postgres(&mut transaction)).await?;
            transaction.commit().await?;
        }
    }
    Ok(())
}

async fn steps(mut connection: Connection<'_>) -> Result<(), Error> {
    let table =
        Statement::new("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)");
    connection.run(table.rare()).await?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let statement = Statement::new("SELECT COALESCE(MAX(version), 0) FROM schema_version");
    let found: i64 = match connection.row(statement.rare()).await? {
        Some(row) => row.column(0)?,
        None => 0,
    };
    if found > known {
        return Err(Error::Newer { found, known });
    }
    let is_postgres = connection.is_postgres();
    for step in STEPS
        .iter()
        .skip(usize::try_from(found).unwrap_or(usize::MAX))
    {
        let step = step.replace("BYTES", if is_postgres { "BYTEA" } else { "BLOB" });
        // Ids are compared byte by byte, whatever language the database is set to.
        let step = step.replace(
            "TEXT_ORDERED",
            if is_postgres {
                "TEXT COLLATE \"C\""
            } else {
                "TEXT"
            },
        );
        // A semicolon at the end of a line ends a statement.
        for statement in step
            .split(";\n")
            .map(str::trim)
            .filter(|statement| !statement.is_empty())
        {
            connection.run(Statement::new(statement).rare()).await?;
        }
    }
    if found < known {
        let mut statement = Statement::new("INSERT INTO schema_version (version) VALUES (");
        statement.bind(&known).push(")");
        connection.run(statement.rare()).await?;
    }
    if found == 0 {
        the_hub(&mut connection).await?;
    }
    Ok(())
}

/// The tenant above all others.
async fn the_hub(connection: &mut Connection<'_>) -> Result<(), Error> {
    let hub = TenantId::HUB.arg();
    let columns = [
        "id",
        "tenant",
        "edition",
        "created_ms",
        "parent",
        "name",
        "settings",
    ];
    let row = vec![
        hub.clone(),
        hub.clone(),
        1_u64.arg(),
        0_i64.arg(),
        hub.clone(),
        "hub".to_owned().arg(),
        serde_json::json!({}).arg(),
    ];
    connection.bulk("tenants", &columns, vec![row], "").await?;
    connection
        .bulk(
            "tenant_reach",
            &["ancestor", "tenant"],
            vec![vec![hub.clone(), hub]],
            "",
        )
        .await?;
    Ok(())
}
