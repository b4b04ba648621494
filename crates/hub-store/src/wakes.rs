//! Telling all nodes of changes.
//!
//! Every transaction that others must hear of gets a number of the clock of changes, and commits before the next one gets
//! its own. A node remembers the greatest number that it has told of, and reads what is beyond it whenever it is woken: by
//! its own commits, by `NOTIFY` of another node, by a connection that came back, and every few seconds in any case. So
//! a lost notification costs time, never a change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::{Notify, broadcast};

use crate::sql::Statement;
use crate::store::{Pools, Shared};
use crate::words::words;
use crate::{DeviceVersion, Error, Scope, Store, TenantId};

/// The channel of `NOTIFY`.
pub(crate) const CHANNEL: &str = "thimble_changes";
/// Wakes that a slow listener may leave unread before it is told to read everything anew.
const UNREAD: usize = 4096;
/// How often to look without being woken.
const LOOK: Duration = Duration::from_secs(5);
/// How long to leave a database alone that does not answer.
const PAUSE: Duration = Duration::from_millis(500);
/// Changes that are read at once.
const CHANGES: u64 = 10_000;
/// How many numbers' changes are kept for nodes that were cut off.
const KEPT: u64 = 100_000;
/// After so many numbers older changes are forgotten.
const PRUNED: u64 = 10_000;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// A device: its life, certificate, hold, windows or labels. The subject is its id, if it is one.
    Device,
    /// A deployment.
    Deployment,
    /// A rollout, or an approval for one: the executor looks at it now.
    Rollout,
    /// Webhooks or what they are to be told.
    Webhook,
    /// Users, roles or tokens.
    Identity,
    /// Keys of the hub.
    Keys,
    /// A request for log lines; the subject is the device.
    LogRequest,
    /// Settings.
    Settings,
    /// Secrets.
    Secret,
}

words! {
    Topic {
        Device = "device",
        Deployment = "deployment",
        Rollout = "rollout",
        Webhook = "webhook",
        Identity = "identity",
        Keys = "keys",
        LogRequest = "log-request",
        Settings = "settings",
        Secret = "secret",
    }
}

/// News of a change, of any node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Devices have new desired states. Of several since the last wake, the newest is told.
    States(Arc<Vec<DeviceVersion>>),
    /// Something else changed.
    Changed {
        /// What kind of thing.
        topic: Topic,
        /// Whose.
        tenant: Option<TenantId>,
        /// Which.
        subject: Option<String>,
    },
    /// Some wakes are lost: read everything anew that you keep.
    Everything,
}

/// Where wakes arrive.
#[derive(Debug)]
pub struct Wakes(broadcast::Receiver<Wake>);

impl Wakes {
    /// Waits for the next; none: the store was closed. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Wake> {
        match self.0.recv().await {
            Ok(wake) => Some(wake),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                // What is still unread is read again with the rest.
                self.0 = self.0.resubscribe();
                Some(Wake::Everything)
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// What wakes a node's listener.
pub(crate) struct Bell {
    rung: Notify,
    is_stopped: AtomicBool,
    news: broadcast::Sender<Wake>,
}

impl Default for Bell {
    fn default() -> Self {
        Self {
            rung: Notify::new(),
            is_stopped: AtomicBool::new(false),
            news: broadcast::Sender::new(UNREAD),
        }
    }
}

impl Bell {
    pub(crate) fn ring(&self) {
        self.rung.notify_one();
    }

    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.ring();
    }

    pub(crate) fn listen(&self) -> Wakes {
        Wakes(self.news.subscribe())
    }
}

/// How far a node has told of changes.
struct Progress {
    told: u64,
}

impl Store {
    /// Starts the task that tells this node's listeners.
    pub(crate) async fn begin_to_listen(&self) -> Result<(), Error> {
        let (told, _) = clock(self).await?;
        let shared = Arc::downgrade(self.shared());
        tokio::spawn(listen(shared, Progress { told }));
        Ok(())
    }

    /// Forgets all changes but those of so many last numbers. A node that was cut off for longer reads everything anew. It is
    /// done now and then without being asked for.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn prune_changes(&self, keep: u64) -> Result<(), Error> {
        let mut write = self.write().await?;
        let mut statement = Statement::new("UPDATE change_clock SET pruned = sequence - ");
        statement
            .bind(&keep)
            .push(" WHERE sequence - pruned > ")
            .bind(&keep);
        write.connection().run(statement).await?;
        let statement = Statement::new(
            "DELETE FROM changes WHERE sequence <= (SELECT pruned FROM change_clock)",
        );
        write.connection().run(statement).await?;
        write.commit().await
    }
}

async fn listen(shared: Weak<Shared>, mut progress: Progress) {
    let mut listener: Option<PgListener> = None;
    loop {
        let Some(strong) = shared.upgrade() else {
            return;
        };
        if strong.bell.is_stopped.load(Ordering::Acquire) {
            return;
        }
        let store = Store::of(Arc::clone(&strong));
        if listener.is_none()
            && let Pools::Postgres(pool) = &strong.pools
        {
            match subscribe(pool).await {
                Ok(new) => listener = Some(new),
                Err(error) => {
                    tracing::warn!(%error, "cannot listen to the database; asking it every few seconds")
                }
            }
        }
        // After LISTEN: what was committed before is read here, what comes later is notified.
        let wait = match catch_up(&store, &mut progress).await {
            Ok(()) => LOOK,
            Err(error) => {
                tracing::warn!(%error, "cannot read what changed");
                PAUSE
            }
        };
        drop(store);
        let rung = strong.bell.rung.notified();
        let is_lost = tokio::select! {
            () = rung => false,
            is_lost = notified(listener.as_mut()) => is_lost,
            () = tokio::time::sleep(wait) => false,
        };
        if is_lost {
            listener = None;
        }
    }
}

async fn subscribe(pool: &sqlx::PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    // A closing pool must not wait for the listener.
    listener.ignore_pool_close_event(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Waits for a notification; whether the connection is lost instead.
async fn notified(listener: Option<&mut PgListener>) -> bool {
    match listener {
        Some(listener) => !matches!(listener.try_recv().await, Ok(Some(_))),
        None => std::future::pending().await,
    }
}

/// The greatest number, and the greatest whose changes are forgotten.
async fn clock(store: &Store) -> Result<(u64, u64), Error> {
    let statement = Statement::new("SELECT sequence, pruned FROM change_clock");
    let row = store.read().await?.connection().row(statement).await?;
    let row = row.ok_or(Error::NotFound {
        what: "clock of changes",
    })?;
    Ok((row.column(0)?, row.column(1)?))
}

/// Tells of what changed since the last time.
async fn catch_up(store: &Store, progress: &mut Progress) -> Result<(), Error> {
    let (sequence, pruned) = clock(store).await?;
    if sequence == progress.told {
        return Ok(());
    }
    let news = &store.shared().bell.news;
    let is_behind = sequence < progress.told || pruned > progress.told;
    if is_behind || news.receiver_count() == 0 {
        // A database that was restored has an older clock.
        progress.told = sequence;
        let _ = news.send(Wake::Everything);
        return Ok(());
    }
    for wake in changes(store, progress.told, sequence).await? {
        // Nobody listens: nobody misses it.
        let _ = news.send(wake);
    }
    let is_time = sequence / PRUNED > progress.told / PRUNED;
    progress.told = sequence;
    if is_time {
        store.prune_changes(KEPT).await?;
    }
    Ok(())
}

async fn changes(store: &Store, after: u64, until: u64) -> Result<Vec<Wake>, Error> {
    let mut read = store.read().await?;
    let mut wakes = Vec::new();
    let hub = Scope::whole_hub_for_its_own_work();
    let versions = read.device_versions_since(&hub, after).await?;
    if !versions.is_empty() {
        wakes.push(Wake::States(Arc::new(versions)));
    }
    let mut statement =
        Statement::new("SELECT topic, tenant, subject FROM changes WHERE sequence > ");
    statement
        .bind(&after)
        .push(" AND sequence <= ")
        .bind(&until);
    statement
        .push(" ORDER BY sequence LIMIT ")
        .bind(&(CHANGES + 1));
    let rows = read.connection().rows(statement).await?;
    if rows.len() as u64 > CHANGES {
        return Ok(vec![Wake::Everything]);
    }
    for row in rows {
        let wake = Wake::Changed {
            topic: row.column(0)?,
            tenant: row.column(1)?,
            subject: row.column(2)?,
        };
        if !wakes.contains(&wake) {
            wakes.push(wake);
        }
    }
    Ok(wakes)
}
