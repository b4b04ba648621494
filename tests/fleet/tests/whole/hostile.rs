//! A device of the fleet that went mad: messages that are almost right, over its own certificate, against a hub that runs.

use std::net::{Ipv4Addr, SocketAddr};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use thimble_protocol::report::{
    ContainerStatus, DeploymentState, DeploymentStatus, LogAnswer, Note, Phase, Reason, ReasonCode,
    Usage,
};
use thimble_protocol::{DeploymentId, Report, StateVersion, UnixSeconds};
use thimble_testkit::random::{Random, seed};
use thimble_tests_fleet::client::{Connection, Device};
use thimble_tests_fleet::rig::operate::claim_code;
use thimble_tests_fleet::rig::{Database, Hub, HubSettings};

/// Messages that are sent.
const MESSAGES: u32 = 400;

fn report(sequence: u64) -> Report {
    let status = DeploymentStatus {
        deployment: DeploymentId([3; 16]),
        manifest: thimble_image::Digest::of(b"manifest"),
        running: None,
        state: DeploymentState::Failed,
        phase: Phase::RolledBack,
        reason: Some(Reason {
            code: ReasonCode::Crashed,
            text: "it crashed".to_owned(),
        }),
        containers: vec![ContainerStatus {
            name: "main".to_owned(),
            state: "failed".to_owned(),
            health: "none".to_owned(),
            restarts: 3,
            last_end: Some("it trapped".to_owned()),
        }],
    };
    Report {
        sequence,
        adopted: StateVersion(1),
        now: Some(UnixSeconds(1_700_000_000)),
        up_s: 7,
        deployments: Some(vec![status]),
        usage: Some(Usage {
            ram_bytes: 1 << 20,
            storage_bytes: 1 << 30,
        }),
        notes: vec![Note {
            at: None,
            code: "note".to_owned(),
            text: "something happened".to_owned(),
        }],
        logs: Some(LogAnswer {
            request: 1,
            lines: vec!["a line".to_owned()],
            error: None,
        }),
        ..Report::default()
    }
}

/// Changes some of these bytes, cuts them off, or doubles some.
fn spoil(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            return;
        }
        let place = random.index(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(place),
            1 => {
                let copy = bytes[place..].to_vec();
                bytes.extend(copy);
            }
            2 => bytes.insert(place, u8::try_from(random.below(256)).unwrap()),
            // Lengths and nestings that promise much.
            3 => bytes[place] = *random.pick(&[0x5b, 0x7b, 0x9b, 0xbb, 0x9f, 0xbf, 0x5f, 0xff]),
            4 => bytes[place] ^= 1 << random.below(8),
            _ => bytes[place] = u8::try_from(random.below(256)).unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_almost_right_break_nothing() {
    for database in [Database::Sqlite, Database::Postgres] {
        let hub = Hub::start(&HubSettings {
            database,
            ..HubSettings::default()
        })
        .await;
        let client = hub.client(0);
        let code = claim_code(&client, 10_000, &[]).await;
        let entrance = client.device_entrance().await.unwrap();
        let root = CertificateDer::from_pem_slice(entrance.authority.unwrap().as_bytes()).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, hub.devices_port(0)));
        let mut device = Device::new("mad").unwrap();
        device.enrol(address, &root, Some(&code)).await.unwrap();
        let tls = device.tls(&root).unwrap();
        let seed = seed(23);
        let mut random = Random::new(seed);
        let mut connection = Connection::open(address, &tls, None).await.unwrap();
        let mut taken = 0;
        for number in 1..=MESSAGES {
            let (target, mut bytes) = if random.below(4) == 0 {
                ("/d/v1/enrol", device.enrol_request(Some(&code)).encode())
            } else {
                ("/d/v1/report", report(u64::from(number)).encode())
            };
            spoil(&mut random, &mut bytes);
            let answer = connection.post(target, &bytes).await;
            let Ok(answer) = answer else {
                // What is too much ends the connection, never the hub.
                connection = Connection::open(address, &tls, None).await.unwrap();
                continue;
            };
            let text = answer.text();
            assert!(
                answer.status < 500,
                "seed {seed}, {number}: {target}: {text}\n{bytes:02x?}"
            );
            taken += u32::from(answer.status == 200);
            if answer.header("connection") == Some("close") {
                connection = Connection::open(address, &tls, None).await.unwrap();
            }
        }
        assert!(taken > 0, "seed {seed}: every message was refused");
        let mad = client.device("mad").await.unwrap().value;
        assert_eq!(mad.serial, "mad");
        let log = hub.log();
        assert!(
            !log.contains("panicked") && !log.contains("ERROR"),
            "seed {seed}: {log}"
        );
    }
}
