//! Many that write for devices at once: each is kept as a whole if it was told so, and leaves nothing if it was undone.

use std::collections::BTreeSet;

use thimble_hub_store::{App, Error, Scope, Store, TenantId};
use thimble_testkit::random::{Random, seed};
use tokio::task::JoinSet;

use super::fixture::{Database, app, audit, hub, suite};

/// Tasks that write at once.
const WRITERS: u64 = 12;
/// Transactions of each.
const ROUNDS: u64 = 25;

suite! {
    each_is_kept_as_a_whole_or_not_at_all
    who_stops_waiting_takes_nothing_from_others
    operators_get_their_turn_among_devices
}

/// Both halves of a transaction.
fn names(writer: u64, round: u64) -> [String; 2] {
    ["a", "b"].map(|half| format!("{writer}-{round}-{half}"))
}

async fn all(store: &Store) -> BTreeSet<String> {
    let mut read = store.read().await.unwrap();
    let apps: Vec<App> = read.all(&hub(), &[]).await.unwrap();
    let chain = read.verify_chain(&hub(), TenantId::HUB).await.unwrap();
    assert_eq!(chain.unwrap().entries, apps.len() as u64);
    apps.into_iter().map(|app| app.name).collect()
}

/// Inserts both halves; `spoils` names something twice in between, which fails.
async fn both(store: &Store, names: &[String; 2], spoils: bool) -> Result<(), Error> {
    let mut write = store.write_for_device().await?;
    for name in names {
        let row = app(TenantId::HUB, name);
        write.insert(&hub(), &row, &audit("app.create")).await?;
        if spoils {
            write.insert(&hub(), &row, &audit("app.create")).await?;
        }
    }
    write.commit().await
}

async fn each_is_kept_as_a_whole_or_not_at_all(database: Database) {
    let store = database.open().await;
    let seed = seed(21);
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        tasks.spawn(async move {
            let mut random = Random::new(seed + writer);
            let mut kept = BTreeSet::new();
            for round in 0..ROUNDS {
                let names = names(writer, round);
                match random.below(4) {
                    0 => {
                        let spoiled = both(&store, &names, true).await.unwrap_err();
                        assert!(matches!(spoiled, Error::Exists { .. }), "{spoiled:?}");
                    }
                    1 => {
                        let mut write = store.write_for_device().await.unwrap();
                        let row = app(TenantId::HUB, &names[0]);
                        write
                            .insert(&hub(), &row, &audit("app.create"))
                            .await
                            .unwrap();
                    }
                    _ => loop {
                        match both(&store, &names, false).await {
                            Ok(()) => break kept.extend(names),
                            // Two of PostgreSQL that were in each other's way.
                            Err(Error::Retry) => {}
                            Err(error) => panic!("{error:?}"),
                        }
                    },
                }
            }
            kept
        });
    }
    let mut kept = BTreeSet::new();
    while let Some(of_writer) = tasks.join_next().await {
        kept.extend(of_writer.unwrap());
    }
    assert_eq!(all(&store).await, kept);
}

async fn who_stops_waiting_takes_nothing_from_others(database: Database) {
    let store = database.open().await;
    let mut random = Random::new(seed(22));
    let mut patient = BTreeSet::new();
    for round in 0..ROUNDS {
        let task = |writer: u64| {
            let store = store.clone();
            tokio::spawn(async move { both(&store, &names(writer, round), false).await })
        };
        let tasks: Vec<_> = (0..WRITERS).map(|writer| (writer, task(writer))).collect();
        for (writer, task) in tasks {
            for _ in 0..random.below(50) {
                tokio::task::yield_now().await;
            }
            if writer % 3 == 0 {
                task.abort();
            } else if task.await.unwrap().is_ok() {
                patient.extend(names(writer, round));
            }
        }
    }
    // Who comes now comes after all of them.
    both(&store, &names(WRITERS, 0), false).await.unwrap();
    patient.extend(names(WRITERS, 0));
    let all = all(&store).await;
    assert!(all.is_superset(&patient), "{:?}", patient.difference(&all));
    for name in &all {
        let other = match name.strip_suffix('a') {
            Some(name) => format!("{name}b"),
            None => format!("{}a", name.trim_end_matches('b')),
        };
        assert!(all.contains(&other), "only a half of {name} is there");
    }
    assert!(
        u64::try_from(patient.len()).unwrap() > ROUNDS,
        "nobody was kept"
    );
}

async fn operators_get_their_turn_among_devices(database: Database) {
    let store = database.open().await;
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        tasks.spawn(async move {
            let mut kept = 0;
            for round in 0..ROUNDS {
                let names = names(writer, round);
                let is_device = writer % 4 != 0;
                loop {
                    let done = if is_device {
                        both(&store, &names, false).await
                    } else {
                        operate(&store, &names).await
                    };
                    match done {
                        Ok(()) => break kept += names.len(),
                        Err(Error::Retry) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
            kept
        });
    }
    let mut kept = 0;
    while let Some(of_writer) = tasks.join_next().await {
        kept += of_writer.unwrap();
    }
    assert_eq!(all(&store).await.len(), kept);
    store.close().await;
}

async fn operate(store: &Store, names: &[String; 2]) -> Result<(), Error> {
    let mut write = store.write().await?;
    for name in names {
        let row = app(TenantId::HUB, name);
        let scope = Scope::authenticated(TenantId::HUB);
        write.insert(&scope, &row, &audit("app.create")).await?;
    }
    write.commit().await
}
