//! What devices tell.

use thimble_hub_store::{Audit, Event, Id as _, LogRequest, LogRequestId, Match, Scope, Topic};
use thimble_protocol::report::{DeploymentState, DeploymentStatus, LogAnswer, Note, Phase};
use thimble_protocol::{DeploymentId, Report, ReportReply, StateVersion, UnixSeconds};
use thimble_tests_fleet::client::Connection;

use super::{World, id};

async fn send(connection: &mut Connection, report: &Report) -> ReportReply {
    let answer = connection
        .post("/d/v1/report", &report.encode())
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/cbor"));
    ReportReply::decode(&answer.body).unwrap()
}

fn status(state: DeploymentState, phase: Phase) -> DeploymentStatus {
    DeploymentStatus {
        deployment: DeploymentId([7; 16]),
        manifest: thimble_image::Digest::of(b"manifest"),
        running: None,
        state,
        phase,
        reason: None,
        containers: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_is_kept_and_an_old_one_undoes_nothing() {
    let world = World::new().await;
    let device = world.device("1").await;
    let mut connection = world.connect(&device).await;
    let nothing = Report {
        sequence: 1,
        ..Report::default()
    };
    assert!(send(&mut connection, &nothing).await.send_all);
    let fetching = Report {
        sequence: 2,
        adopted: StateVersion(1),
        deployments: Some(vec![status(DeploymentState::Installing, Phase::Fetching)]),
        ..Report::default()
    };
    let installed = Report {
        sequence: 3,
        adopted: StateVersion(1),
        committed: StateVersion(1),
        deployments: Some(vec![status(DeploymentState::Installed, Phase::Idle)]),
        ..Report::default()
    };
    assert!(!send(&mut connection, &fetching).await.send_all);
    send(&mut connection, &installed).await;
    let replayed = send(&mut connection, &fetching).await;
    assert_eq!(replayed.sequence, 3);
    let scope = Scope::authenticated(world.tenant);
    let row = thimble_hub_store::DeviceId::from_bytes(id(&device).0);
    let kept = world
        .node
        .store
        .read()
        .await
        .unwrap()
        .status(&scope, row)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (kept.sequence, kept.committed, kept.phase.as_str()),
        (3, 1, "idle")
    );
    // The same again in other words is no change: nothing is written.
    let same = Report {
        sequence: 4,
        up_s: 99,
        deployments: None,
        ..installed
    };
    send(&mut connection, &same).await;
    let again = world
        .node
        .store
        .read()
        .await
        .unwrap()
        .status(&scope, row)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again, kept);
}

/// Whatever a device believes of the time, the hub goes by its own; numbers that cannot be are told, and do no harm.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_and_numbers_of_devices_are_not_believed() {
    let world = World::new().await;
    let device = world.device("1").await;
    let mut connection = world.connect(&device).await;
    let scope = Scope::authenticated(world.tenant);
    let row = thimble_hub_store::DeviceId::from_bytes(id(&device).0);
    let kept = async || {
        let mut read = world.node.store.read().await.unwrap();
        read.status(&scope, row).await.unwrap().unwrap()
    };
    let mut sequence = 0;
    let mut before = 0;
    for now in [None, Some(0), Some(1), Some(4_000_000_000), Some(u64::MAX)] {
        sequence += 1;
        let report = Report {
            sequence,
            now: now.map(UnixSeconds),
            up_s: u32::MAX,
            deployments: Some(vec![status(
                DeploymentState::Installed,
                if sequence % 2 == 0 {
                    Phase::Idle
                } else {
                    Phase::Fetching
                },
            )]),
            ..Report::default()
        };
        send(&mut connection, &report).await;
        let status = kept().await;
        assert_eq!(status.sequence, sequence, "{now:?}");
        assert!(
            status.at_ms >= before,
            "{now:?}: {} then {}",
            before,
            status.at_ms
        );
        // Near the hub's own time, whatever the device says.
        assert!((1_600_000_000_000..3_000_000_000_000).contains(&status.at_ms));
        before = status.at_ms;
    }
    // A version that no hub has given, and numbers at the end of what can be counted.
    for (adopted, committed, sequence) in [
        (u64::MAX, u64::MAX, 100),
        (7, u64::MAX, 101),
        (1, 1, u64::MAX),
    ] {
        let report = Report {
            sequence,
            adopted: StateVersion(adopted),
            committed: StateVersion(committed),
            deployments: Some(Vec::new()),
            ..Report::default()
        };
        let answer = connection
            .post("/d/v1/report", &report.encode())
            .await
            .unwrap();
        assert_eq!(
            (answer.status, answer.problem().as_deref()),
            (400, Some("malformed")),
            "{adopted} {committed} {sequence}"
        );
        assert!(answer.text().contains("enrol it anew"), "{}", answer.text());
    }
    // It is heard all the same.
    let honest = Report {
        sequence: 102,
        adopted: StateVersion(1),
        committed: StateVersion(1),
        deployments: Some(Vec::new()),
        ..Report::default()
    };
    send(&mut connection, &honest).await;
    assert_eq!(kept().await.adopted, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_become_events_once() {
    let world = World::new().await;
    let device = world.device("1").await;
    let mut connection = world.connect(&device).await;
    let note = Note {
        at: None,
        code: "clock-went-back".to_owned(),
        text: "by 3 s".to_owned(),
    };
    let report = Report {
        sequence: 1,
        notes: vec![note],
        ..Report::default()
    };
    for _ in 0..3 {
        send(&mut connection, &report).await;
    }
    let scope = Scope::authenticated(world.tenant);
    let mut read = world.node.store.read().await.unwrap();
    let matches = [Match::equals("kind", &"device.note".to_owned())];
    let events: Vec<Event> = read.all(&scope, &matches).await.unwrap();
    assert_eq!(events.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_lines_are_asked_for_and_answered() {
    let world = World::new().await;
    let device = world.device("1").await;
    let mut connection = world.connect(&device).await;
    let scope = Scope::authenticated(world.tenant);
    let row = thimble_hub_store::DeviceId::from_bytes(id(&device).0);
    let request = LogRequest {
        id: LogRequestId::fresh(),
        tenant: world.tenant,
        edition: 0,
        created_ms: 1,
        device: row,
        number: 5,
        container: "app.main".to_owned(),
        lines: 10,
        answered_ms: None,
        answer: None,
    };
    let waiting = connection.get("/d/v1/state?wait=600", &[]);
    let ask = async {
        world.until(|node| node.side.versions().parked() == 1).await;
        let mut write = world.node.store.write().await.unwrap();
        let audit = Audit::new(1, "test", "logs.ask", row.to_string());
        write.insert(&scope, &request, &audit).await.unwrap();
        write.wake(Topic::LogRequest, Some(world.tenant), Some(row.to_string()));
        write.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(waiting, ask);
    assert_eq!(answer.unwrap().header("report"), Some("1"));
    let reply = send(
        &mut connection,
        &Report {
            sequence: 1,
            ..Report::default()
        },
    )
    .await;
    let asked: Vec<_> = reply
        .requests
        .iter()
        .map(|asked| (asked.request, asked.lines))
        .collect();
    assert_eq!(asked, [(5, 10)]);
    let logs = LogAnswer {
        request: 5,
        lines: vec!["0 out hello".to_owned()],
        error: None,
    };
    let reply = send(
        &mut connection,
        &Report {
            sequence: 2,
            logs: Some(logs),
            ..Report::default()
        },
    )
    .await;
    assert!(reply.requests.is_empty());
    let mut read = world.node.store.read().await.unwrap();
    let answered: LogRequest = read.one(&scope, request.id).await.unwrap();
    let text = String::from_utf8(answered.answer.unwrap()).unwrap();
    assert!(text.contains("0 out hello"), "{text}");
}
