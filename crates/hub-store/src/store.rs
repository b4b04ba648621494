//! Opening a database, and connections to it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::group::{Member, Queue};
use crate::sql::{Connection, Statement};
use crate::wakes::Bell;
use crate::{Error, Wakes, Write, migrations};

/// What one node takes of its database.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Connections at most (of SQLite: for reading; one more writes).
    pub connections: u32,
    /// How many of them what devices ask for may use at once, so that operators get through; at least 1.
    pub device_connections: u32,
    /// How long to wait for a connection, and for a lock, before an operation fails as busy.
    pub wait: Duration,
}

impl Default for Options {
    /// 16 connections, 8 for devices, 10 s.
    fn default() -> Self {
        Self {
            connections: 16,
            device_connections: 8,
            wait: Duration::from_secs(10),
        }
    }
}

/// The hub's database. Its copies are the same store.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) pools: Pools,
    devices: Arc<Semaphore>,
    wait: Duration,
    pub(crate) bell: Bell,
}

pub(crate) enum Pools {
    /// SQLite has one writer at a time: waiting for it in a queue of our own is fair and never fails as busy.
    Sqlite {
        readers: SqlitePool,
        writer: SqlitePool,
        /// Where devices' transactions wait for the writer.
        queue: Queue,
    },
    Postgres(PgPool),
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0.pools {
            Pools::Sqlite { .. } => "Store(SQLite)",
            Pools::Postgres(_) => "Store(PostgreSQL)",
        })
    }
}

impl Store {
    /// Opens `sqlite:PATH`, which is made if it is not there, or `postgres://…`, and brings its tables up to date. Several
    /// nodes may do so at once.
    ///
    /// # Errors
    ///
    /// [`Error::Address`]; [`Error::Newer`] if a newer hub made it; what the database says.
    pub async fn open(address: &str, options: Options) -> Result<Self, Error> {
        let pools = if let Some(path) = address.strip_prefix("sqlite:") {
            open_sqlite(path, options).await?
        } else if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            open_postgres(address, options).await?
        } else {
            return Err(Error::Address {
                reason: "it begins with neither sqlite: nor postgres://".to_owned(),
            });
        };
        migrations::run(&pools).await?;
        let shared = Arc::new(Shared {
            pools,
            devices: Arc::new(Semaphore::new(options.device_connections.max(1) as usize)),
            wait: options.wait,
            bell: Bell::default(),
        });
        let store = Self(shared);
        store.begin_to_listen().await?;
        Ok(store)
    }

    /// A connection to read with. What it reads one after the other may be of different moments; see [`Store::snapshot`].
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], and what the database says.
    pub async fn read(&self) -> Result<Read, Error> {
        let inner = match &self.0.pools {
            Pools::Sqlite { readers, .. } => Inner::Sqlite(readers.acquire().await?),
            Pools::Postgres(pool) => Inner::Postgres(pool.acquire().await?),
        };
        Ok(Read {
            inner,
            _permit: None,
        })
    }

    /// A connection to read with that sees one moment only.
    ///
    /// # Errors
    ///
    /// As [`Store::read`].
    pub async fn snapshot(&self) -> Result<Read, Error> {
        let inner = match &self.0.pools {
            Pools::Sqlite { readers, .. } => Inner::SqliteWrite(readers.begin().await?),
            Pools::Postgres(pool) => {
                let statement = Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
                Inner::PostgresWrite(begin(pool, statement).await?)
            }
        };
        Ok(Read {
            inner,
            _permit: None,
        })
    }

    /// As [`Store::read`], for what a device asked for: of these there are only so many at once.
    ///
    /// # Errors
    ///
    /// As [`Store::read`].
    pub async fn read_for_device(&self) -> Result<Read, Error> {
        let permit = self.permit().await?;
        Ok(Read {
            _permit: Some(permit),
            ..self.read().await?
        })
    }

    /// Begins a transaction. It is undone unless it is committed.
    ///
    /// # Errors
    ///
    /// As [`Store::read`].
    pub async fn write(&self) -> Result<Write, Error> {
        self.write_with(None).await
    }

    /// As [`Store::write`], for what a device asked for. In PostgreSQL there are only so many of these at once. In SQLite they
    /// come one after the other, and those that wait for each other become durable together: until then the next one sees
    /// what the one before it did.
    ///
    /// # Errors
    ///
    /// As [`Store::read`].
    pub async fn write_for_device(&self) -> Result<Write, Error> {
        if let Pools::Sqlite { queue, .. } = &self.0.pools {
            let inner = Inner::SqliteMember(queue.enter().await?);
            return Ok(self.begun(inner, None));
        }
        let permit = self.permit().await?;
        self.write_with(Some(permit)).await
    }

    /// Tells of changes from now on, of this node and all others. Listen first, then read what is there: nothing is missed.
    #[must_use]
    pub fn wakes(&self) -> Wakes {
        self.0.bell.listen()
    }

    /// Finds out that the database answers.
    ///
    /// # Errors
    ///
    /// What it says.
    pub async fn check(&self) -> Result<(), Error> {
        self.read()
            .await?
            .connection()
            .row(Statement::new("SELECT 1"))
            .await
            .map(drop)
    }

    /// Whether it is PostgreSQL, which several nodes can share.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.0.pools, Pools::Postgres(_))
    }

    /// Waits for what is under way and closes it.
    pub async fn close(&self) {
        self.0.bell.stop();
        match &self.0.pools {
            Pools::Sqlite {
                readers, writer, ..
            } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    pub(crate) const fn of(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        let permit = Arc::clone(&self.0.devices).acquire_owned();
        match tokio::time::timeout(self.0.wait, permit).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Error::Busy),
        }
    }

    async fn write_with(&self, permit: Option<OwnedSemaphorePermit>) -> Result<Write, Error> {
        let inner = match &self.0.pools {
            Pools::Sqlite { writer, .. } => {
                Inner::SqliteWrite(writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            Pools::Postgres(pool) => Inner::PostgresWrite(begin(pool, None).await?),
        };
        Ok(self.begun(inner, permit))
    }

    fn begun(&self, inner: Inner, permit: Option<OwnedSemaphorePermit>) -> Write {
        let read = Read {
            inner,
            _permit: permit,
        };
        Write::new(read, Arc::clone(&self.0))
    }
}

/// Begins a transaction, in a task of its own: who gives up waiting must not leave a connection that has begun one, and of which
/// nobody knows.
async fn begin(
    pool: &PgPool,
    statement: Option<&'static str>,
) -> Result<Transaction<'static, Postgres>, Error> {
    let pool = pool.clone();
    let beginning = tokio::spawn(async move {
        match statement {
            Some(statement) => pool.begin_with(statement).await,
            None => pool.begin().await,
        }
    });
    match beginning.await {
        Ok(begun) => Ok(begun?),
        // The runtime ends.
        Err(_) => Err(Error::Busy),
    }
}

/// Memory that the one writer of SQLite keeps pages in at most, as its pragma wants it: 64 MiB in KiB, and negative.
const WRITER_CACHE: &str = "-65536";

async fn open_sqlite(path: &str, options: Options) -> Result<Pools, Error> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.contains(":memory:") {
        return Err(Error::Address {
            reason: "sqlite: wants the path of a file".to_owned(),
        });
    }
    let connect = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // What was acknowledged outlives a power cut.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // Rows come from a thread of their own; waking it for every few of them takes longer than reading them.
        .row_buffer_size(1000)
        .busy_timeout(options.wait)
        .statement_cache_capacity(200);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(options.wait.saturating_mul(3))
        // A rollout writes a hundred thousand rows at once, in several tables: what it touches stays in memory until its end.
        .connect_with(connect.clone().pragma("cache_size", WRITER_CACHE))
        .await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(options.connections.max(2))
        .acquire_timeout(options.wait)
        .connect_with(connect.create_if_missing(false).pragma("query_only", "ON"))
        .await?;
    let queue = Queue::new(writer.clone(), options.wait.saturating_mul(3));
    Ok(Pools::Sqlite {
        readers,
        writer,
        queue,
    })
}

async fn open_postgres(address: &str, options: Options) -> Result<Pools, Error> {
    let wait_ms = options.wait.as_millis().to_string();
    let connect = PgConnectOptions::from_str(address)
        .map_err(|error| Error::Address {
            reason: error.to_string(),
        })?
        .application_name("thimble-hub")
        .statement_cache_capacity(200)
        .options([("lock_timeout", wait_ms.as_str())]);
    let pool = PgPoolOptions::new()
        .max_connections(options.connections.max(3))
        .acquire_timeout(options.wait)
        .connect_with(connect)
        .await?;
    Ok(Pools::Postgres(pool))
}

/// Reads the database. A [`Write`] can do all that it can.
pub struct Read {
    inner: Inner,
    _permit: Option<OwnedSemaphorePermit>,
}

enum Inner {
    Sqlite(PoolConnection<Sqlite>),
    SqliteWrite(Transaction<'static, Sqlite>),
    SqliteMember(Member),
    Postgres(PoolConnection<Postgres>),
    PostgresWrite(Transaction<'static, Postgres>),
}

impl fmt::Debug for Read {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Read")
    }
}

impl Read {
    pub(crate) fn connection(&mut self) -> Connection<'_> {
        match &mut self.inner {
            Inner::Sqlite(connection) => Connection::Sqlite(connection),
            Inner::SqliteWrite(transaction) => Connection::Sqlite(transaction),
            Inner::SqliteMember(member) => member
                .connection()
                .map_or(Connection::Lost, Connection::Sqlite),
            Inner::Postgres(connection) => Connection::Postgres(connection),
            Inner::PostgresWrite(transaction) => Connection::Postgres(transaction),
        }
    }

    /// Keeps what its transaction did.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        match self.inner {
            Inner::SqliteWrite(transaction) => transaction.commit().await?,
            Inner::SqliteMember(member) => member.commit().await?,
            Inner::PostgresWrite(transaction) => transaction.commit().await?,
            Inner::Sqlite(_) | Inner::Postgres(_) => {}
        }
        Ok(())
    }
}
