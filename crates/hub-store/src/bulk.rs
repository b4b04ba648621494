//! Many rows in few statements.

use crate::sql::{Arg, Connection, Statement};
use crate::{Error, Write};

/// Rows of one statement of PostgreSQL, whose columns travel as arrays.
const POSTGRES_ROWS: usize = 10_000;
/// Rows of one statement of SQLite; few enough texts of statements to keep them prepared.
const SQLITE_ROWS: usize = 500;
/// Values that a statement of SQLite has at most (`SQLITE_MAX_VARIABLE_NUMBER` is 32,766).
const SQLITE_VALUES: usize = 32_000;

/// Joins the devices to a relation of rows of theirs, and opens a condition. Each row's device is looked up: SQLite takes the order
/// of `CROSS JOIN` as it is written, and would else rather go through all devices of a tenant for each piece of rows.
pub(crate) const OF_DEVICES: &str = " CROSS JOIN devices WHERE devices.id = x.device AND ";

/// Puts rows into the order of their first two columns, which all that write them keep: two transactions that lock the same rows
/// then never wait for each other.
pub(crate) fn in_order(rows: &mut [Vec<Arg>]) {
    fn key(row: &[Arg]) -> (Option<&String>, Option<&String>) {
        let text = |index: usize| match row.get(index) {
            Some(Arg::Text(text)) => text.as_ref(),
            _ => None,
        };
        (text(0), text(1))
    }
    rows.sort_by(|one, other| key(one).cmp(&key(other)));
}

/// Cuts rows into what one statement takes. Whole pieces have the same length, so that their statement is prepared once.
pub(crate) fn pieces(is_postgres: bool, columns: usize, rows: Vec<Vec<Arg>>) -> Vec<Vec<Vec<Arg>>> {
    let most = if is_postgres {
        POSTGRES_ROWS
    } else {
        SQLITE_ROWS.min(SQLITE_VALUES / columns.max(1))
    };
    let mut pieces = Vec::new();
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        pieces.push(rows.by_ref().take(most).collect());
    }
    pieces
}

impl Statement {
    /// Appends a relation of these rows, named `x`, with these columns.
    pub(crate) fn relation(
        &mut self,
        is_postgres: bool,
        columns: &[&str],
        rows: Vec<Vec<Arg>>,
    ) -> &mut Self {
        if is_postgres {
            return self.arrays(columns, rows);
        }
        self.push("(SELECT ");
        for (index, column) in columns.iter().enumerate() {
            self.push(if index > 0 { ", column" } else { "column" });
            self.push(&(index + 1).to_string())
                .push(" AS ")
                .push(column);
        }
        self.push(" FROM (VALUES ");
        for (index, row) in rows.into_iter().enumerate() {
            self.push(if index > 0 { ", (" } else { "(" })
                .bind_all(row)
                .push(")");
        }
        self.push(")) AS x")
    }

    fn arrays(&mut self, columns: &[&str], rows: Vec<Vec<Arg>>) -> &mut Self {
        let mut arrays: Vec<Arg> = Vec::with_capacity(columns.len());
        for row in rows {
            for (index, arg) in row.into_iter().enumerate() {
                match (arrays.get_mut(index), arg) {
                    (Some(Arg::IntColumn(values)), Arg::Int(value)) => values.push(value),
                    (Some(Arg::TextColumn(values)), Arg::Text(value)) => values.push(value),
                    (Some(Arg::BytesColumn(values)), Arg::Bytes(value)) => values.push(value),
                    (None, Arg::Int(value)) => arrays.push(Arg::IntColumn(vec![value])),
                    (None, Arg::Text(value)) => arrays.push(Arg::TextColumn(vec![value])),
                    (None, Arg::Bytes(value)) => arrays.push(Arg::BytesColumn(vec![value])),
                    // Every row of a kind has the same types.
                    _ => {}
                }
            }
        }
        self.push("UNNEST(");
        for (index, array) in arrays.into_iter().enumerate() {
            let kind = match array {
                Arg::IntColumn(_) | Arg::Int(_) => "::bigint[]",
                Arg::TextColumn(_) | Arg::Text(_) => "::text[]",
                Arg::BytesColumn(_) | Arg::Bytes(_) => "::bytea[]",
            };
            self.push(if index > 0 { ", " } else { "" })
                .bind_arg(array)
                .push(kind);
        }
        self.push(") AS x(").push(&columns.join(", ")).push(")")
    }
}

impl Connection<'_> {
    /// Inserts rows; what is appended says what happens to those that are there. How many rows were touched.
    pub(crate) async fn bulk(
        &mut self,
        table: &str,
        columns: &[&str],
        rows: Vec<Vec<Arg>>,
        suffix: &str,
    ) -> Result<u64, Error> {
        let is_postgres = self.is_postgres();
        let mut touched = 0;
        for piece in pieces(is_postgres, columns.len(), rows) {
            let mut statement = Statement::new("INSERT INTO ");
            statement
                .push(table)
                .push(" (")
                .push(&columns.join(", "))
                .push(") SELECT * FROM ");
            // Without the condition SQLite takes ON for a join's.
            statement
                .relation(is_postgres, columns, piece)
                .push(" WHERE 1 = 1 ")
                .push(suffix);
            touched += self.run(statement).await?;
        }
        Ok(touched)
    }
}

impl Write {
    pub(crate) async fn bulk(
        &mut self,
        table: &str,
        columns: &[&str],
        rows: Vec<Vec<Arg>>,
        suffix: &str,
    ) -> Result<u64, Error> {
        self.connection().bulk(table, columns, rows, suffix).await
    }
}
