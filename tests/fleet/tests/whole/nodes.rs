//! Two nodes of one hub: devices at one, operators at the other.

use std::net::{Ipv4Addr, SocketAddr};

use thimble_hub_api::device::Hold;
use thimble_hub_api::rollout::{Policy, RolloutState};
use thimble_testkit::postgres::Postgres;
use thimble_testkit::random::{Random, seed};
use thimble_tests_fleet::client::{Connection, Device as Caller};
use thimble_tests_fleet::rig::operate::{
    claim_code, create_app, declare, deploy, main_of, publish, roll_out, spec, until_state, watched,
};
use thimble_tests_fleet::rig::{Database, Device, Hub, HubSettings, Join, WELL};

/// Changes of which a poll that waits at the other node must hear.
const CHANGES: u64 = 200;
/// One of so many changes comes while the node that is to hear of it has lost its connection for wake-ups.
const CUT_EVERY: u64 = 20;
/// Ends the connections on which nodes listen for wake-ups.
const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND query ILIKE 'LISTEN%'";

async fn two_nodes() -> Hub {
    Hub::start(&HubSettings {
        database: Database::Postgres,
        nodes: 2,
        ..HubSettings::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declared_at_one_node_is_done_once_for_devices_at_another() {
    let mut hub = two_nodes().await;
    let client = hub.client(1);
    let code = claim_code(&client, 2, &[]).await;
    let devices = ["a", "b"].map(|serial| Device::enrolled(&hub, &Join::with_code(serial, &code)));
    for tag in ["1", "2", "3"] {
        hub.push(1, "app", tag, WELL);
    }
    create_app(&client, "app").await;
    for tag in ["1", "2", "3"] {
        publish(&client, "app", tag, watched(main_of(&format!("app:{tag}")))).await;
        deploy(&client, "app", &spec("app", tag)).await;
        for device in &devices {
            assert!(device.runs("app.main", tag), "{tag}: {}", device.log());
        }
    }
    // Had both nodes executed a rollout, devices would have been given more versions than there were changes.
    let address = hub.database.clone().unwrap();
    let versions =
        "SELECT count(*) || ' ' || min(version) || ' ' || max(version) FROM device_states";
    assert_eq!(Postgres::shared().execute(&address, versions), "2 3 3");

    // One node ends in the middle of a rollout: the other one brings it to its end.
    declare(&client, "app", &spec("app", "1")).await;
    let id = roll_out(&client, "app", Policy::default()).await;
    hub.node(1).kill();
    let other = hub.client(0);
    until_state(&other, &id, RolloutState::Finished).await;
    for device in &devices {
        assert!(device.runs("app.main", "1"), "{}", device.log());
    }
    assert_eq!(Postgres::shared().execute(&address, versions), "2 4 4");
    hub.node(1).start();
    hub.client(1).whoami().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_waits_hears_of_every_change_at_another_node() {
    let hub = two_nodes().await;
    let mut random = Random::new(seed(41));
    let address = hub.database.clone().unwrap();
    let operators = hub.client(0);
    let code = claim_code(&operators, 1, &[]).await;
    let entrance = operators.device_entrance().await.unwrap();
    let root = rustls_pem(&entrance.authority.unwrap());
    let devices = SocketAddr::from((Ipv4Addr::LOCALHOST, hub.devices_port(1)));
    let mut caller = Caller::new("caller").unwrap();
    caller.enrol(devices, &root, Some(&code)).await.unwrap();
    let mut connection = Connection::open(devices, &caller.tls(&root).unwrap(), None)
        .await
        .unwrap();
    let hold = Hold {
        until: None,
        reason: "again".to_owned(),
    };
    hub.push(0, "app", "1", WELL);
    create_app(&operators, "app").await;
    publish(&operators, "app", "1", main_of("app:1")).await;
    declare(&operators, "app", &spec("app", "1")).await;
    roll_out(&operators, "app", Policy::default()).await;
    let first = connection.get("/d/v1/state?wait=60", &[]).await.unwrap();
    assert_eq!(first.status, 200, "{}", first.text());
    let mut tag = first.header("etag").unwrap().to_owned();
    let mut cuts = 0;
    for change in 1..=CHANGES {
        if random.below(CUT_EVERY) == 0 {
            Postgres::shared().execute(&address, CUT);
            cuts += 1;
        }
        let headers = [("If-None-Match", tag.as_str())];
        let poll = connection.get("/d/v1/state?wait=60", &headers);
        let changing = async {
            if change % 2 == 0 {
                operators.release("caller").await.unwrap();
            } else {
                operators.hold("caller", &hold).await.unwrap();
            }
        };
        let (answer, ()) = tokio::join!(poll, changing);
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "change {change}: {}", answer.text());
        let next = answer.header("etag").unwrap().to_owned();
        let version = |tag: &str| -> u64 {
            let number = tag.trim_matches('"').split('.').next().unwrap();
            number.parse().unwrap()
        };
        assert_eq!(version(&next), version(&tag) + 1, "change {change}");
        tag = next;
    }
    assert!(cuts > 0, "no connection was cut");
}

/// The bytes of the certificate in this text.
fn rustls_pem(text: &str) -> Vec<u8> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_slice(text.as_bytes())
        .unwrap()
        .to_vec()
}
