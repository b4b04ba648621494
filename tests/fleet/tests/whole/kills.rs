//! Hubs and agents that end at any moment, and a hub that comes back as it was before.

use std::time::Duration;

use thimble_hub_api::rollout::{Policy, RolloutState};
use thimble_testkit::random::{Random, seed};
use thimble_tests_fleet::rig::operate::{
    claim_code, create_app, declare, deploy, main_of, publish, roll_out, spec, until_state, watched,
};
use thimble_tests_fleet::rig::{Database, Device, Hub, HubSettings, Join, TRAPS, WELL};

/// Rollouts during which something is killed; `THIMBLE_KILLS` sets another number.
const ROUNDS: u64 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_killed_on_sqlite_everything_ends_as_declared() {
    kill(Database::Sqlite, 101).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_killed_on_postgres_everything_ends_as_declared() {
    kill(Database::Postgres, 102).await;
}

async fn kill(database: Database, otherwise: u64) {
    let seed = seed(otherwise);
    let rounds = std::env::var("THIMBLE_KILLS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let mut random = Random::new(seed);
    let mut hub = Hub::start(&HubSettings {
        database,
        ..HubSettings::default()
    })
    .await;
    let client = hub.client(0);
    let code = claim_code(&client, 3, &[]).await;
    let mut devices =
        ["a", "b", "c"].map(|serial| Device::enrolled(&hub, &Join::with_code(serial, &code)));
    create_app(&client, "app").await;
    hub.push(0, "app", "good0", WELL);
    publish(&client, "app", "good0", watched(main_of("app:good0"))).await;
    deploy(&client, "app", &spec("app", "good0")).await;
    let mut good = "good0".to_owned();
    for round in 1..=rounds {
        let is_broken = random.below(3) == 0;
        let tag = format!("{}{round}", if is_broken { "bad" } else { "good" });
        hub.push(0, "app", &tag, if is_broken { TRAPS } else { WELL });
        let main = main_of(&format!("app:{tag}"));
        publish(
            &client,
            "app",
            &tag,
            if is_broken { main } else { watched(main) },
        )
        .await;
        declare(&client, "app", &spec("app", &tag)).await;
        let id = roll_out(&client, "app", Policy::default()).await;
        // Any moment of the rollout: this waits for nothing.
        tokio::time::sleep(Duration::from_millis(random.below(3_000))).await;
        let victim = random.index(devices.len() + 2);
        match devices.get_mut(victim) {
            Some(device) => {
                device.kill();
                device.start();
            }
            None => {
                hub.node(0).kill();
                hub.node(0).start();
            }
        }
        let state = if is_broken {
            RolloutState::Failed
        } else {
            RolloutState::Finished
        };
        until_end(&client, &id, state, seed).await;
        if !is_broken {
            good = tag;
        }
        for device in &devices {
            device.until_runs("app.main", &good);
            let containers = device.ask(|client| client.containers(true, None)).unwrap();
            assert_eq!(
                containers.len(),
                1,
                "seed {seed}, round {round}: {containers:#?}"
            );
        }
    }
    assert!(client.verify_audit().await.unwrap().intact);
}

/// A rollout of what is broken stops one way or another, and goes no further.
async fn until_end(client: &thimble_hub_api::Client, id: &str, state: RolloutState, seed: u64) {
    println!("seed {seed}: {id} is to be {state:?}");
    if state == RolloutState::Finished {
        until_state(client, id, state).await;
        return;
    }
    thimble_tests_fleet::rig::until_async("every device failed", || async {
        let rollout = client
            .rollout(id)
            .await
            .map_err(|error| error.to_string())?;
        let is_open = ["updating", "waiting"]
            .iter()
            .any(|word| rollout.counts.contains_key(*word));
        if rollout.counts.contains_key("failed") && !is_open {
            return Ok(());
        }
        Err(format!("{rollout:#?}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_restored_catches_up_with_devices_that_are_ahead() {
    let mut hub = Hub::start(&HubSettings::default()).await;
    let client = hub.client(0);
    let code = claim_code(&client, 2, &[]).await;
    let devices = ["a", "b"].map(|serial| Device::enrolled(&hub, &Join::with_code(serial, &code)));
    create_app(&client, "app").await;
    for tag in ["1", "2", "3"] {
        hub.push(0, "app", tag, WELL);
        publish(&client, "app", tag, watched(main_of(&format!("app:{tag}")))).await;
    }
    deploy(&client, "app", &spec("app", "1")).await;
    let copy = hub.folder().join("copy");
    let copied = hub.run(0, &["backup", copy.to_str().unwrap()]);
    assert!(copied.status.success(), "{copied:?}");
    for tag in ["2", "3"] {
        deploy(&client, "app", &spec("app", tag)).await;
    }
    let ahead = client.device("a").await.unwrap().value.adopted_version;
    hub.node(0).stop();
    let place = hub.folder().join("hub");
    std::fs::rename(&place, hub.folder().join("lost")).unwrap();
    let restored = hub.run(0, &["restore", copy.to_str().unwrap()]);
    assert!(restored.status.success(), "{restored:?}");
    for device in &devices {
        assert!(device.runs("app.main", "3"), "nothing stops without a hub");
    }
    hub.node(0).start();
    // What the hub knows to be declared is what devices get, as a version beyond all that they had.
    for device in &devices {
        device.until_runs("app.main", "1");
        device.until_fleet("it has a newer version", |fleet| fleet.committed > ahead);
    }
    deploy(&client, "app", &spec("app", "2")).await;
    for device in &devices {
        assert!(device.runs("app.main", "2"), "{}", device.log());
    }
    assert!(client.verify_audit().await.unwrap().intact);
}
