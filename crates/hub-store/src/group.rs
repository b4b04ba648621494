//! Transactions of devices that wait for SQLite's one writer become durable together.
//!
//! Making a transaction durable takes the disk milliseconds, what is in it a fraction of one. So those that wait while one is at
//! work become members of one transaction of the database, a savepoint each, and are answered when all of it is on the disk. A
//! member that is undone, or dropped, leaves nothing in it. Whoever has to undo more than that, because the database gave up
//! the transaction, undoes all of it, and no member hears that it was kept.
//!
//! A group takes who waits when its first member is done, and nobody after that: the task that makes it durable queues behind
//! them, and the queue is fair. Other transactions than devices' are in no group and wait for the end of the one that there is.

use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::Error;

const BEGIN: &str = "BEGIN IMMEDIATE";
const ENTER: &str = "SAVEPOINT member";
const LEAVE: &str = "RELEASE member";
const UNDO: &str = "ROLLBACK TO member";
const KEEP: &str = "COMMIT";
const GIVE_UP: &str = "ROLLBACK";

/// Where those queue that want to write for devices.
#[derive(Clone)]
pub(crate) struct Queue {
    group: Arc<Mutex<Group>>,
    wait: Duration,
}

/// The transaction that members share; or none, as long as nobody writes.
struct Group {
    writer: SqlitePool,
    /// The writer's connection, on which the transaction is open.
    connection: Option<PoolConnection<Sqlite>>,
    /// Those that are done, and wait for all to be durable.
    members: Vec<oneshot::Sender<bool>>,
    /// A member is at work, or was dropped at it.
    is_entered: bool,
    /// Whether it is known what the connection is at. What was begun and not finished leaves it open.
    is_sound: bool,
}

/// A transaction in a group.
pub(crate) struct Member {
    /// None once it is done.
    group: Option<OwnedMutexGuard<Group>>,
    queue: Queue,
}

impl Queue {
    pub(crate) fn new(writer: SqlitePool, wait: Duration) -> Self {
        let group = Group {
            writer,
            connection: None,
            members: Vec::new(),
            is_entered: false,
            is_sound: true,
        };
        Self {
            group: Arc::new(Mutex::new(group)),
            wait,
        }
    }

    /// Begins a transaction when those before it are done.
    pub(crate) async fn enter(&self) -> Result<Member, Error> {
        let turn = Arc::clone(&self.group).lock_owned();
        let group = tokio::time::timeout(self.wait, turn)
            .await
            .map_err(|_| Error::Busy)?;
        let mut member = Member {
            group: Some(group),
            queue: self.clone(),
        };
        match &mut member.group {
            Some(group) => group.enter().await?,
            None => return Err(Error::Busy),
        }
        Ok(member)
    }

    /// Makes durable what is done, in a task of its own: whoever waits may stop waiting.
    fn settle(&self) {
        let group = Arc::clone(&self.group);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { group.lock().await.end().await });
        }
    }
}

impl Member {
    /// Where it reads and writes; none, if the transaction was given up.
    pub(crate) fn connection(&mut self) -> Option<&mut SqliteConnection> {
        self.group.as_mut()?.connection.as_deref_mut()
    }

    /// Keeps what it did: returns when it is durable.
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        let Some(mut group) = self.group.take() else {
            return Err(Error::Retry);
        };
        if let Err(error) = group.leave().await {
            drop(group);
            self.queue.settle();
            return Err(error);
        }
        let (done, wait) = oneshot::channel();
        group.members.push(done);
        let is_first = group.members.len() == 1;
        drop(group);
        if is_first {
            self.queue.settle();
        }
        match wait.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Error::Retry),
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if self.group.take().is_some() {
            // What it did is undone before anybody else comes in, and at the latest now.
            self.queue.settle();
        }
    }
}

impl Group {
    /// Lets a member in.
    async fn enter(&mut self) -> Result<(), Error> {
        self.undo().await;
        if self.connection.is_none() {
            self.connection = Some(self.writer.acquire().await?);
            self.is_entered = false;
            self.run(BEGIN).await?;
        }
        self.is_entered = true;
        self.run(ENTER).await
    }

    /// Lets a member out, with what it did.
    async fn leave(&mut self) -> Result<(), Error> {
        self.run(LEAVE).await?;
        self.is_entered = false;
        Ok(())
    }

    /// Undoes what a member did that was dropped.
    async fn undo(&mut self) {
        if self.is_sound && self.is_entered {
            // The second fails if the database gave up the whole transaction meanwhile.
            for text in [UNDO, LEAVE] {
                if self.run(text).await.is_err() {
                    break;
                }
            }
            self.is_entered = false;
        }
        if !self.is_sound {
            self.give_up().await;
        }
    }

    /// Makes durable what there is, and tells those who wait.
    async fn end(&mut self) {
        self.undo().await;
        if self.connection.is_none() {
            return;
        }
        if self.run(KEEP).await.is_err() {
            self.give_up().await;
            return;
        }
        self.connection = None;
        for member in self.members.drain(..) {
            // It stopped waiting.
            let _ = member.send(true);
        }
    }

    /// Undoes all of it. The connection is not used any more: what it is at is not known.
    async fn give_up(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            let rollback = AssertSqlSafe(GIVE_UP.to_owned());
            // It fails if the database did that already.
            let _ = sqlx::query(rollback).execute(&mut *connection).await;
            let _ = connection.close().await;
        }
        self.is_sound = true;
        self.is_entered = false;
        for member in self.members.drain(..) {
            let _ = member.send(false);
        }
    }

    /// Runs what the transaction is made of. If that fails, or is dropped, the group is given up.
    async fn run(&mut self, text: &'static str) -> Result<(), Error> {
        let Some(connection) = &mut self.connection else {
            return Err(Error::Retry);
        };
        self.is_sound = false;
        let done = sqlx::query(text).execute(&mut **connection).await;
        if let Err(error) = done {
            if !self.members.is_empty() {
                tracing::warn!(%error, members = self.members.len(), "transactions are done again");
            }
            return Err(error.into());
        }
        self.is_sound = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
