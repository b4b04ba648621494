//! What was acknowledged outlives the sudden end of whoever wrote it, and no change is there by halves.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use thimble_hub_store::{App, Options, Scope, Store, TenantId};
use thimble_testkit::postgres::{Durability, Postgres};
use thimble_testkit::random::{Random, seed};

use super::fixture::{app, audit, device, hub, keep, run, state};

/// Tells this program that it is the writer, and of which database.
const VARIABLE: &str = "THIMBLE_TEST_WRITER";
const SAID: &str = "kept ";
const ROUNDS: u64 = 6;

/// Does nothing as a test. As the writer it commits one transaction after the other until it is killed.
#[test]
fn writer() {
    let Ok(address) = std::env::var(VARIABLE) else {
        return;
    };
    run(async {
        let store = Store::open(&address, Options::default()).await.unwrap();
        let mut kept = count(&store).await;
        let device = store.read().await.unwrap().find(&hub(), &[]).await.unwrap();
        let device: thimble_hub_store::Device = device.unwrap();
        loop {
            kept += 1;
            let mut write = store.write().await.unwrap();
            write
                .insert(
                    &hub(),
                    &app(TenantId::HUB, &format!("app{kept}")),
                    &audit("app.create"),
                )
                .await
                .unwrap();
            write
                .publish_states(
                    &hub(),
                    vec![state(device.id, kept, &[7; 3000])],
                    &audit("publish"),
                )
                .unwrap();
            write.commit().await.unwrap();
            println!("{SAID}{kept}");
        }
    });
}

async fn count(store: &Store) -> u64 {
    store
        .read()
        .await
        .unwrap()
        .count::<App>(&Scope::authenticated(TenantId::HUB), &[])
        .await
        .unwrap()
}

/// Lets a writer work for a while and kills it; the last that it said it kept.
fn write_and_kill(address: &str, random: &mut Random) -> u64 {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "suite::crash::writer", "--nocapture"])
        .env(VARIABLE, address)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let mut kept = 0;
    let mut number = |line: String| {
        if let Some((_, number)) = line.rsplit_once(SAID) {
            kept = number.parse().unwrap();
        }
    };
    for _ in 0..5 + random.below(60) {
        number(lines.next().expect("the writer ended by itself").unwrap());
    }
    // Somewhere in the next transaction.
    for _ in 0..random.below(400_000) {
        std::hint::spin_loop();
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    lines.map_while(Result::ok).for_each(number);
    kept
}

async fn check(address: &str, kept: u64) {
    let store = Store::open(address, Options::default()).await.unwrap();
    if !store.is_shared() {
        store.check_integrity().await.unwrap();
    }
    let mut read = store.read().await.unwrap();
    let apps = read.count::<App>(&hub(), &[]).await.unwrap();
    assert!(
        apps == kept || apps == kept + 1,
        "{kept} were acknowledged and {apps} are there"
    );
    let version = read
        .device_versions(&hub())
        .await
        .unwrap()
        .first()
        .map_or(0, |version| version.version);
    assert_eq!(version, apps, "a change is there by halves");
    let verified = read
        .verify_chain(&hub(), TenantId::HUB)
        .await
        .unwrap()
        .unwrap();
    // The device's entry, and two for each change.
    assert_eq!(verified.entries, 1 + 2 * apps);
    drop(read);
    store.close().await;
}

async fn prepare(address: &str) {
    let store = Store::open(address, Options::default()).await.unwrap();
    keep(&store, &device(TenantId::HUB, "gate")).await;
    store.close().await;
}

#[test]
fn sqlite_keeps_what_it_acknowledged() {
    let folder = tempfile::TempDir::new().unwrap();
    let address = format!("sqlite:{}", folder.path().join("hub.db").display());
    let mut random = Random::new(seed(11));
    run(prepare(&address));
    for _ in 0..ROUNDS {
        let kept = write_and_kill(&address, &mut random);
        run(check(&address, kept));
    }
}

#[test]
fn postgres_keeps_what_it_acknowledged() {
    let mut server = Postgres::start(Durability::Full);
    let address = server.database();
    let mut random = Random::new(seed(12));
    run(prepare(&address));
    for round in 0..ROUNDS {
        let kept = write_and_kill(&address, &mut random);
        if round % 2 == 0 {
            server.crash();
        }
        run(check(&address, kept));
    }
}

/// Tells this program that it is many writers at once.
const VARIABLE_MANY: &str = "THIMBLE_TEST_WRITERS";
/// Devices that write at once, and become durable together.
const WRITERS: u64 = 8;

/// Does nothing as a test. As the writers it commits for devices until it is killed.
#[test]
fn writers() {
    let Ok(address) = std::env::var(VARIABLE_MANY) else {
        return;
    };
    run(async {
        let store = Store::open(&address, Options::default()).await.unwrap();
        let begun = count(&store).await;
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let store = store.clone();
            tasks.spawn(async move {
                for number in 0_u64.. {
                    let name = format!("{begun}-{writer}-{number}");
                    let mut write = store.write_for_device().await.unwrap();
                    let row = app(TenantId::HUB, &name);
                    write
                        .insert(&hub(), &row, &audit("app.create"))
                        .await
                        .unwrap();
                    write.commit().await.unwrap();
                    println!("{SAID}{name}");
                }
            });
        }
        tasks.join_next().await;
    });
}

#[test]
fn sqlite_keeps_what_it_acknowledged_to_many_at_once() {
    let folder = tempfile::TempDir::new().unwrap();
    let address = format!("sqlite:{}", folder.path().join("hub.db").display());
    let mut random = Random::new(seed(13));
    run(prepare(&address));
    let mut kept = Vec::new();
    for _ in 0..ROUNDS {
        let mut writers = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "suite::crash::writers", "--nocapture"])
            .env(VARIABLE_MANY, &address)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(writers.stdout.take().unwrap()).lines();
        for _ in 0..20 + random.below(200) {
            let line = lines.next().expect("the writers ended by themselves");
            kept.extend(said(&line.unwrap()));
        }
        writers.kill().unwrap();
        writers.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            kept.extend(said(&line));
        }
        run(async {
            let store = Store::open(&address, Options::default()).await.unwrap();
            store.check_integrity().await.unwrap();
            let mut read = store.read().await.unwrap();
            let apps: Vec<App> = read.all(&hub(), &[]).await.unwrap();
            let names: std::collections::BTreeSet<String> =
                apps.into_iter().map(|app| app.name).collect();
            let lost: Vec<&String> = kept.iter().filter(|name| !names.contains(*name)).collect();
            assert!(lost.is_empty(), "{lost:?}");
            let chain = read.verify_chain(&hub(), TenantId::HUB).await.unwrap();
            // The device's entry, and one for each.
            assert_eq!(chain.unwrap().entries, 1 + names.len() as u64);
            drop(read);
            store.close().await;
        });
    }
}

fn said(line: &str) -> Option<String> {
    line.rsplit_once(SAID).map(|(_, name)| name.to_owned())
}
