//! How devices become some of a fleet.

use thimble_hub_store::{
    Device as Row, DeviceState, ExpectedDevice, ExpectedDeviceId, Id as _, Scope,
};
use thimble_protocol::EnrolReply;
use thimble_protocol::keyring::Keyring;
use thimble_tests_fleet::client::Device;

use super::{CODE, World, id};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_enrols_with_a_code_and_polls_with_its_certificate() {
    let world = World::new().await;
    let device = world.device("1").await;
    let issued = device.issued.as_ref().unwrap();
    assert_eq!(issued.authorities, [world.node.root().to_vec()]);
    assert_eq!(issued.chain.len(), 2);
    Keyring::new(&issued.keys).unwrap();
    let mut connection = world.connect(&device).await;
    let answer = connection.get("/d/v1/state", &[]).await.unwrap();
    assert_eq!(answer.status, 304, "{}", answer.text());
    let scope = Scope::authenticated(world.tenant);
    let row: Row = world
        .node
        .store
        .read()
        .await
        .unwrap()
        .one(
            &scope,
            thimble_hub_store::DeviceId::from_bytes(id(&device).0),
        )
        .await
        .unwrap();
    assert_eq!((row.state, row.name.as_str()), (DeviceState::Active, "1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_gets_the_same_answer() {
    let world = World::new().await;
    let device = world.device("1").await;
    for code in [Some(CODE), None] {
        let mut connection = world.stranger().await;
        let body = device.enrol_request(code).encode();
        let answer = connection.post("/d/v1/enrol", &body).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let EnrolReply::Issued(again) = EnrolReply::decode(&answer.body).unwrap() else {
            panic!("not issued");
        };
        assert_eq!(Some(again), device.issued);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_used_as_often_as_it_says() {
    let world = World::new().await;
    world.node.claim_code(world.tenant, "two", 2).await.unwrap();
    let enrol = async |serial: String| {
        let mut device = Device::new(&serial).unwrap();
        device
            .enrol(world.node.address, world.node.root(), Some("two"))
            .await
    };
    let attempts = (0..6).map(|number| enrol(format!("serial-{number}")));
    let mut done = 0;
    for attempt in join_all(attempts).await {
        match attempt {
            Ok(()) => done += 1,
            Err(error) => assert!(error.to_string().contains("claim-code"), "{error}"),
        }
    }
    assert_eq!(done, 2);
}

/// A device that asks again before it was answered, and two devices with one serial number, are told apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_at_once_is_one_device() {
    let world = World::new().await;
    world.node.claim_code(world.tenant, "one", 1).await.unwrap();
    let device = Device::new("1").unwrap();
    let body = device.enrol_request(Some("one")).encode();
    let ask = async |body: &[u8]| {
        let mut connection = world.stranger().await;
        let answer = connection.post("/d/v1/enrol", body).await.unwrap();
        (answer.status, answer.problem(), answer.body)
    };
    let answers = join_all((0..6).map(|_| ask(&body))).await;
    let ids: Vec<_> = answers
        .iter()
        .map(|(status, problem, body)| {
            assert_eq!(*status, 200, "{problem:?}");
            let EnrolReply::Issued(issued) = EnrolReply::decode(body).unwrap() else {
                panic!("not issued");
            };
            issued.device
        })
        .collect();
    let first = ids.first().unwrap();
    assert!(ids.iter().all(|id| id == first), "{ids:?}");
    // Its code was used once, by whichever came first.
    let late = Device::new("late").unwrap();
    let (status, problem, _) = ask(&late.enrol_request(Some("one")).encode()).await;
    assert_eq!((status, problem.as_deref()), (403, Some("claim-code")));

    let twins: Vec<Vec<u8>> = (0..6)
        .map(|_| Device::new("twin").unwrap())
        .map(|twin| twin.enrol_request(Some(CODE)).encode())
        .collect();
    let mut statuses = Vec::new();
    for (status, problem, _) in join_all(twins.iter().map(|body| ask(body))).await {
        if status != 200 {
            assert_eq!(problem.as_deref(), Some("serial-taken"));
        }
        statuses.push(status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409]);
}

/// Runs them all at once, in one task.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *output = Some(value);
            }
        }
        match outputs.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_say_what_to_do() {
    let world = World::new().await;
    let first = world.device("1").await;
    let twin = Device::new("1").unwrap();
    let stranger = Device::new("2").unwrap();
    let mut not_signed = stranger.enrol_request(Some(CODE));
    *not_signed.csr.last_mut().unwrap() ^= 1;
    let mut no_request = stranger.enrol_request(Some(CODE));
    no_request.csr.truncate(20);
    let cases = [
        (twin.enrol_request(Some(CODE)), 409, "serial-taken"),
        (stranger.enrol_request(Some("guess")), 403, "claim-code"),
        (stranger.enrol_request(None), 403, "claim-code-missing"),
        (not_signed, 400, "certification-request"),
        (no_request, 400, "certification-request"),
    ];
    for (request, status, kind) in cases {
        let mut connection = world.stranger().await;
        let answer = connection
            .post("/d/v1/enrol", &request.encode())
            .await
            .unwrap();
        assert_eq!(
            (answer.status, answer.problem().as_deref()),
            (status, Some(kind)),
            "{}",
            answer.text()
        );
        if kind == "serial-taken" {
            assert!(
                answer.text().contains(&id(&first).to_string()),
                "{}",
                answer.text()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_cannot_be_guessed_for_long() {
    let world = World::new().await;
    let device = Device::new("1").unwrap();
    let mut statuses = Vec::new();
    for guess in 0..40 {
        let mut connection = world.stranger().await;
        let body = device
            .enrol_request(Some(&format!("guess-{guess}")))
            .encode();
        statuses.push(connection.post("/d/v1/enrol", &body).await.unwrap().status);
    }
    assert_eq!(statuses.first(), Some(&403));
    assert_eq!(statuses.last(), Some(&429));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_without_a_code_waits_for_approval() {
    let world = World::new().await;
    let tenant = world.tenant;
    let world = world
        .again(|start| start.pending_tenant = Some(tenant))
        .await;
    let mut device = Device::new("1").unwrap();
    let mut connection = world.stranger().await;
    let body = device.enrol_request(None).encode();
    let answer = connection.post("/d/v1/enrol", &body).await.unwrap();
    assert_eq!(answer.status, 202, "{}", answer.text());
    let EnrolReply::Pending {
        retry_s,
        fingerprint,
    } = EnrolReply::decode(&answer.body).unwrap()
    else {
        panic!("not pending");
    };
    assert!(retry_s >= 60);
    let scope = Scope::authenticated(tenant);
    let mut read = world.node.store.read().await.unwrap();
    let mut row: Row = read.find(&scope, &[]).await.unwrap().unwrap();
    drop(read);
    assert!(
        row.fingerprint.starts_with(&fingerprint),
        "{} {fingerprint}",
        row.fingerprint
    );
    assert_eq!(row.state, DeviceState::Pending);
    row.state = DeviceState::Active;
    let mut write = world.node.store.write().await.unwrap();
    let audit = thimble_hub_store::Audit::new(1, "test", "device.approve", row.id.to_string());
    write.update(&scope, &row, &audit).await.unwrap();
    write.commit().await.unwrap();
    device
        .enrol(world.node.address, world.node.root(), None)
        .await
        .unwrap();
    assert_eq!(id(&device).0, row.id.bytes());
    let mut connection = world.connect(&device).await;
    assert_eq!(
        connection.get("/d/v1/state", &[]).await.unwrap().status,
        304
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expected_device_needs_no_code_and_gets_its_name() {
    let world = World::new().await;
    let scope = Scope::authenticated(world.tenant);
    let row = ExpectedDevice {
        id: ExpectedDeviceId::fresh(),
        tenant: world.tenant,
        edition: 0,
        created_ms: 1,
        model: None,
        serial: "4711".to_owned(),
        name: Some("press-3".to_owned()),
        labels: serde_json::json!({ "line": "3" }),
        code_hash: None,
        device: None,
    };
    let mut write = world.node.store.write().await.unwrap();
    let audit = thimble_hub_store::Audit::new(1, "test", "expected.create", "4711");
    write.insert(&scope, &row, &audit).await.unwrap();
    write.commit().await.unwrap();
    let mut device = Device::new("4711").unwrap();
    device
        .enrol(world.node.address, world.node.root(), None)
        .await
        .unwrap();
    let row_id = thimble_hub_store::DeviceId::from_bytes(id(&device).0);
    let mut read = world.node.store.read().await.unwrap();
    let row: Row = read.one(&scope, row_id).await.unwrap();
    assert_eq!(row.name, "press-3");
    let labels = read.labels(&scope, row_id).await.unwrap();
    assert!(
        labels
            .iter()
            .any(|label| label.key == "line" && label.value == "3"),
        "{labels:?}"
    );
    drop(read);
    // The name was for one device only.
    let mut other = Device::new("4711").unwrap();
    let refused = other
        .enrol(world.node.address, world.node.root(), None)
        .await;
    assert!(refused.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_renewed_over_the_present_one() {
    let world = World::with(|settings| settings.certificate_s = 40 * 86_400).await;
    let mut device = world.device("1").await;
    let before = device.issued.clone().unwrap();
    let mut connection = world.connect(&device).await;
    // 20 days later less than 30 are left.
    let later = 20 * 86_400;
    world
        .node
        .ahead_s
        .store(later, std::sync::atomic::Ordering::Relaxed);
    let report = thimble_protocol::Report {
        sequence: 1,
        ..Default::default()
    };
    let answer = connection
        .post("/d/v1/report", &report.encode())
        .await
        .unwrap();
    let reply = thimble_protocol::ReportReply::decode(&answer.body).unwrap();
    assert!(reply.renew_certificate);
    let body = device.enrol_request(None).encode();
    let answer = connection.post("/d/v1/enrol", &body).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let EnrolReply::Issued(issued) = EnrolReply::decode(&answer.body).unwrap() else {
        panic!("not issued");
    };
    assert_eq!(issued.device, before.device);
    assert_ne!(issued.chain, before.chain);
    device.issued = Some(issued);
    let mut connection = world.connect(&device).await;
    let report = thimble_protocol::Report {
        sequence: 2,
        ..Default::default()
    };
    let answer = connection
        .post("/d/v1/report", &report.encode())
        .await
        .unwrap();
    assert!(
        !thimble_protocol::ReportReply::decode(&answer.body)
            .unwrap()
            .renew_certificate
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_device_does_not_come_back_by_itself() {
    let world = World::new().await;
    let device = world.device("1").await;
    world.set_state(&device, DeviceState::Revoked).await;
    for code in [None, Some(CODE)] {
        let mut connection = world.stranger().await;
        let body = device.enrol_request(code).encode();
        let answer = connection.post("/d/v1/enrol", &body).await.unwrap();
        assert_eq!(
            (answer.status, answer.problem().as_deref()),
            (403, Some("rejected"))
        );
    }
}
