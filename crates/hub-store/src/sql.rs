//! One SQL text for both databases: statements with their values, rows, and the three types that columns have.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _, SqliteConnection};

use crate::Error;

/// A value. Columns are `BIGINT`, `TEXT` or bytes (`BYTEA`, `BLOB`) in both databases, and a null has a type.
#[derive(Clone, Debug)]
pub enum Arg {
    /// An integer, a time in milliseconds, 0 or 1.
    Int(Option<i64>),
    /// Text: names, ids, JSON.
    Text(Option<String>),
    /// Bytes.
    Bytes(Option<Vec<u8>>),
    /// A column of integers, of PostgreSQL only.
    IntColumn(Vec<Option<i64>>),
    /// A column of text, of PostgreSQL only.
    TextColumn(Vec<Option<String>>),
    /// A column of bytes, of PostgreSQL only.
    BytesColumn(Vec<Option<Vec<u8>>>),
}

/// A type that a column can hold.
pub trait Column: Sized {
    /// The value to store.
    fn arg(&self) -> Arg;
    /// Reads it from this column of a row.
    ///
    /// # Errors
    ///
    /// The column holds something else.
    fn read(row: &Row, index: usize) -> Result<Self, Error>;
    /// Reads it from this column of a row, which may be null.
    ///
    /// # Errors
    ///
    /// The column holds something else.
    fn read_option(row: &Row, index: usize) -> Result<Option<Self>, Error>;
    /// The null of its type.
    fn none() -> Arg;
}

/// A row of either database.
pub enum Row {
    /// Of SQLite.
    Sqlite(SqliteRow),
    /// Of PostgreSQL.
    Postgres(PgRow),
}

impl Row {
    pub(crate) fn int_option(&self, index: usize) -> Result<Option<i64>, Error> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(index)?,
            Self::Postgres(row) => row.try_get(index)?,
        })
    }

    pub(crate) fn text_option(&self, index: usize) -> Result<Option<String>, Error> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(index)?,
            Self::Postgres(row) => row.try_get(index)?,
        })
    }

    pub(crate) fn bytes_option(&self, index: usize) -> Result<Option<Vec<u8>>, Error> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(index)?,
            Self::Postgres(row) => row.try_get(index)?,
        })
    }

    pub(crate) fn text(&self, index: usize) -> Result<String, Error> {
        self.text_option(index)?.ok_or_else(|| self.null(index))
    }

    pub(crate) fn column<C: Column>(&self, index: usize) -> Result<C, Error> {
        C::read(self, index)
    }

    fn name(&self, index: usize) -> String {
        use sqlx::Column as _;
        match self {
            Self::Sqlite(row) => row.try_column(index).map(|column| column.name().to_owned()),
            Self::Postgres(row) => row.try_column(index).map(|column| column.name().to_owned()),
        }
        .unwrap_or_else(|_| index.to_string())
    }

    fn null(&self, index: usize) -> Error {
        self.corrupt(index, &"null")
    }

    pub(crate) fn corrupt(&self, index: usize, reason: &dyn std::fmt::Display) -> Error {
        Error::Corrupt {
            column: self.name(index),
            reason: reason.to_string(),
        }
    }
}

/// Where a value goes, in the text of a statement; no text of ours has it.
const PLACE: char = '\u{1}';

/// A statement in the making: text, and the values for its places, each of which has one of its own.
///
/// PostgreSQL calls the places `$1`, `$2`, …. In SQLite they are `?`: it looks through all names for each name, which takes
/// minutes for the thousands of values of many rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statement {
    text: String,
    args: Vec<Arg>,
    is_rare: bool,
}

impl Statement {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            args: Vec::new(),
            is_rare: false,
        }
    }

    /// Asks how the database would go about it instead.
    #[cfg(test)]
    pub(crate) fn explained(mut self) -> Self {
        self.text.insert_str(0, "EXPLAIN QUERY PLAN ");
        self
    }

    /// Its text varies so much that it is not worth keeping prepared.
    pub(crate) fn rare(mut self) -> Self {
        self.is_rare = true;
        self
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    pub(crate) fn bind(&mut self, value: &impl Column) -> &mut Self {
        self.bind_arg(value.arg())
    }

    pub(crate) fn bind_arg(&mut self, arg: Arg) -> &mut Self {
        self.args.push(arg);
        self.text.push(PLACE);
        self
    }

    /// PostgreSQL has no place for a zero character, so SQLite does not get one either.
    fn check(&self) -> Result<(), Error> {
        let has_zero =
            |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains('\0'));
        let is_wrong = self.args.iter().any(|arg| match arg {
            Arg::Text(text) => has_zero(text),
            Arg::TextColumn(texts) => texts.iter().any(has_zero),
            Arg::Int(_) | Arg::Bytes(_) | Arg::IntColumn(_) | Arg::BytesColumn(_) => false,
        });
        if is_wrong { Err(Error::Text) } else { Ok(()) }
    }

    fn sqlite_text(text: &str) -> String {
        text.replace(PLACE, "?")
    }

    fn postgres_text(text: &str) -> String {
        let mut numbered = String::with_capacity(text.len() + 16);
        for (index, part) in text.split(PLACE).enumerate() {
            if index > 0 {
                numbered.push('$');
                numbered.push_str(&index.to_string());
            }
            numbered.push_str(part);
        }
        numbered
    }

    /// Appends values with commas between them.
    pub(crate) fn bind_all(&mut self, args: impl IntoIterator<Item = Arg>) -> &mut Self {
        for (index, arg) in args.into_iter().enumerate() {
            if index > 0 {
                self.text.push_str(", ");
            }
            self.bind_arg(arg);
        }
        self
    }
}

/// A connection, or a transaction on one, of either database.
pub(crate) enum Connection<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
    /// That of a transaction that the database gave up.
    Lost,
}

macro_rules! prepare {
    ($($database:ident)::+, $text:ident, $statement:expr) => {{
        let Statement { text, args, is_rare } = $statement;
        let mut query = sqlx::query::<$($database)::+>(AssertSqlSafe(Statement::$text(&text))).persistent(!is_rare);
        for arg in args {
            query = match arg {
                Arg::Int(value) => query.bind(value),
                Arg::Text(value) => query.bind(value),
                Arg::Bytes(value) => query.bind(value),
                other => prepare!(@columns $($database)::+, query, other),
            };
        }
        query
    }};
    (@columns sqlx::Postgres, $query:expr, $arg:expr) => {
        match $arg {
            Arg::IntColumn(values) => $query.bind(values),
            Arg::TextColumn(values) => $query.bind(values),
            Arg::BytesColumn(values) => $query.bind(values),
            Arg::Int(_) | Arg::Text(_) | Arg::Bytes(_) => $query,
        }
    };
    (@columns sqlx::Sqlite, $query:expr, $arg:expr) => {{
        drop($arg);
        $query
    }};
}

impl Connection<'_> {
    /// Whether it is one of PostgreSQL.
    pub(crate) const fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Runs a statement; how many rows it touched.
    pub(crate) async fn run(&mut self, statement: Statement) -> Result<u64, Error> {
        statement.check()?;
        Ok(match self {
            Self::Sqlite(connection) => prepare!(sqlx::Sqlite, sqlite_text, statement)
                .execute(&mut **connection)
                .await?
                .rows_affected(),
            Self::Postgres(connection) => prepare!(sqlx::Postgres, postgres_text, statement)
                .execute(&mut **connection)
                .await?
                .rows_affected(),
            Self::Lost => return Err(Error::Retry),
        })
    }

    /// Runs a statement; all its rows.
    pub(crate) async fn rows(&mut self, statement: Statement) -> Result<Vec<Row>, Error> {
        statement.check()?;
        Ok(match self {
            Self::Sqlite(connection) => prepare!(sqlx::Sqlite, sqlite_text, statement)
                .fetch_all(&mut **connection)
                .await?
                .into_iter()
                .map(Row::Sqlite)
                .collect(),
            Self::Postgres(connection) => prepare!(sqlx::Postgres, postgres_text, statement)
                .fetch_all(&mut **connection)
                .await?
                .into_iter()
                .map(Row::Postgres)
                .collect(),
            Self::Lost => return Err(Error::Retry),
        })
    }

    /// Runs a statement; its first row.
    pub(crate) async fn row(&mut self, statement: Statement) -> Result<Option<Row>, Error> {
        statement.check()?;
        Ok(match self {
            Self::Sqlite(connection) => prepare!(sqlx::Sqlite, sqlite_text, statement)
                .fetch_optional(&mut **connection)
                .await?
                .map(Row::Sqlite),
            Self::Postgres(connection) => prepare!(sqlx::Postgres, postgres_text, statement)
                .fetch_optional(&mut **connection)
                .await?
                .map(Row::Postgres),
            Self::Lost => return Err(Error::Retry),
        })
    }
}

macro_rules! column {
    ($type:ty, $arg:ident, $read:ident, $to:expr, $from:expr) => {
        impl Column for $type {
            fn arg(&self) -> Arg {
                Arg::$arg(Some($to(self)))
            }

            fn read(row: &Row, index: usize) -> Result<Self, Error> {
                Self::read_option(row, index)?.ok_or_else(|| row.null(index))
            }

            fn read_option(row: &Row, index: usize) -> Result<Option<Self>, Error> {
                row.$read(index)?
                    .map(|value| $from(value).map_err(|error| row.corrupt(index, &error)))
                    .transpose()
            }

            fn none() -> Arg {
                Arg::$arg(None)
            }
        }
    };
}

fn as_it_is<T>(value: T) -> Result<T, &'static str> {
    Ok(value)
}

column!(i64, Int, int_option, |value: &i64| *value, as_it_is);
// Numbers count up from 0 and stay far below 2^63.
column!(
    u64,
    Int,
    int_option,
    |value: &u64| i64::try_from(*value).unwrap_or(i64::MAX),
    u64::try_from
);
column!(
    u32,
    Int,
    int_option,
    |value: &u32| i64::from(*value),
    u32::try_from
);
column!(
    i32,
    Int,
    int_option,
    |value: &i32| i64::from(*value),
    i32::try_from
);
column!(
    bool,
    Int,
    int_option,
    |value: &bool| i64::from(*value),
    |value| match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err("neither 0 nor 1"),
    }
);
column!(String, Text, text_option, String::clone, as_it_is);
column!(Vec<u8>, Bytes, bytes_option, Vec::clone, as_it_is);
column!(
    serde_json::Value,
    Text,
    text_option,
    serde_json::Value::to_string,
    |text: String| serde_json::from_str(&text)
);

impl<C: Column> Column for Option<C> {
    fn arg(&self) -> Arg {
        self.as_ref().map_or_else(C::none, Column::arg)
    }

    fn read(row: &Row, index: usize) -> Result<Self, Error> {
        C::read_option(row, index)
    }

    fn read_option(row: &Row, index: usize) -> Result<Option<Self>, Error> {
        C::read_option(row, index).map(Some)
    }

    fn none() -> Arg {
        C::none()
    }
}
