//! Members of one group: who is kept, who is undone, and when they hear of it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, SqlitePool};
use tempfile::TempDir;

use super::{Member, Queue};
use crate::Error;

type Turn<'a> = Pin<Box<dyn Future<Output = Result<Member, Error>> + Send + 'a>>;

struct Fixture {
    queue: Queue,
    reader: SqlitePool,
    _folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("group.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let pool = || {
            SqlitePoolOptions::new()
                .max_connections(1)
                .connect_with(options.clone())
        };
        let (writer, reader) = (pool().await.unwrap(), pool().await.unwrap());
        let tables = "CREATE TABLE said (word TEXT UNIQUE); \
             CREATE TRIGGER fatal BEFORE INSERT ON said WHEN NEW.word = 'fatal' \
             BEGIN SELECT RAISE(ROLLBACK, 'the disk is full'); END";
        sqlx::raw_sql(tables).execute(&writer).await.unwrap();
        Self {
            queue: Queue::new(writer, Duration::from_secs(60)),
            reader,
            _folder: folder,
        }
    }

    /// Queues for a turn, which does not come as long as a member is at work.
    fn queued(&self) -> Turn<'_> {
        let mut turn: Turn<'_> = Box::pin(self.queue.enter());
        let mut context = Context::from_waker(Waker::noop());
        match turn.as_mut().poll(&mut context) {
            Poll::Pending => turn,
            Poll::Ready(_) => panic!("its turn came at once"),
        }
    }

    /// What is durable.
    async fn said(&self) -> Vec<String> {
        sqlx::query_scalar("SELECT word FROM said ORDER BY word")
            .fetch_all(&self.reader)
            .await
            .unwrap()
    }
}

async fn say(member: &mut Member, word: &str) -> Result<(), sqlx::Error> {
    let text = AssertSqlSafe(format!("INSERT INTO said VALUES ('{word}')"));
    let connection = member.connection().unwrap();
    sqlx::query(text).execute(connection).await.map(drop)
}

fn run(test: impl Future<Output = ()>) {
    // One thread: tasks go on only where the test waits.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(test);
}

#[test]
fn those_who_wait_become_durable_together_without_those_who_were_undone() {
    run(async {
        let fixture = Fixture::new().await;
        let mut first = fixture.queue.enter().await.unwrap();
        let (second, third) = (fixture.queued(), fixture.queued());
        say(&mut first, "first").await.unwrap();
        let first = tokio::spawn(first.commit());
        let mut second = second.await.unwrap();
        say(&mut second, "second").await.unwrap();
        assert!(say(&mut second, "first").await.is_err(), "it is not unique");
        drop(second);
        let mut third = third.await.unwrap();
        assert!(!first.is_finished(), "nothing is durable yet");
        assert!(fixture.said().await.is_empty());
        say(&mut third, "third").await.unwrap();
        third.commit().await.unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(fixture.said().await, ["first", "third"]);
    });
}

#[test]
fn one_alone_is_durable_when_it_is_told_so() {
    run(async {
        let fixture = Fixture::new().await;
        for word in ["a", "b"] {
            let mut member = fixture.queue.enter().await.unwrap();
            say(&mut member, word).await.unwrap();
            member.commit().await.unwrap();
            assert!(fixture.said().await.contains(&word.to_owned()));
        }
    });
}

#[test]
fn the_end_of_a_transaction_by_the_database_undoes_the_group_and_nobody_hears_otherwise() {
    run(async {
        let fixture = Fixture::new().await;
        let mut first = fixture.queue.enter().await.unwrap();
        let (second, third) = (fixture.queued(), fixture.queued());
        say(&mut first, "first").await.unwrap();
        let first = tokio::spawn(first.commit());
        let mut second = second.await.unwrap();
        assert!(say(&mut second, "fatal").await.is_err());
        // Whatever it says now is in no transaction.
        assert!(matches!(second.commit().await, Err(Error::Database(_))));
        // Whoever has the turn tells those who waited.
        let mut third = third.await.unwrap();
        assert!(matches!(first.await.unwrap(), Err(Error::Retry)));
        say(&mut third, "third").await.unwrap();
        third.commit().await.unwrap();
        assert_eq!(fixture.said().await, ["third"]);
    });
}

#[test]
fn a_dropped_member_after_the_end_of_its_transaction_undoes_the_group() {
    run(async {
        let fixture = Fixture::new().await;
        let mut first = fixture.queue.enter().await.unwrap();
        let second = fixture.queued();
        say(&mut first, "first").await.unwrap();
        let first = tokio::spawn(first.commit());
        let mut second = second.await.unwrap();
        assert!(say(&mut second, "fatal").await.is_err());
        drop(second);
        assert!(matches!(first.await.unwrap(), Err(Error::Retry)));
        assert!(fixture.said().await.is_empty());
    });
}

#[test]
fn the_writer_is_free_after_everybody_was_dropped() {
    run(async {
        let fixture = Fixture::new().await;
        let mut member = fixture.queue.enter().await.unwrap();
        say(&mut member, "undone").await.unwrap();
        drop(member);
        // Who is in no group waits for the connection, which comes back by itself.
        let writer = fixture.queue.group.lock().await.writer.clone();
        let mut connection = writer.acquire().await.unwrap();
        sqlx::query("INSERT INTO said VALUES ('kept')")
            .execute(&mut *connection)
            .await
            .unwrap();
        assert_eq!(fixture.said().await, ["kept"]);
    });
}
