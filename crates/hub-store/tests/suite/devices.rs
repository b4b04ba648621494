//! Lists of devices, their labels and what they report.

use thimble_hub_store::{
    Assignment, Device, DeviceFilter, DeviceState, DeviceStatus, Id as _, Label, LabelTest,
    LastSeen, Page, RolloutDevice, Scope, Sealed, Secret, SecretId, Store, TenantId,
};

use super::fixture::{
    Database, NOW, app, audit, deployment, device, hub, keep, rollout, state, suite, tenants,
};

suite! {
    labels_of_both_origins_stay_apart
    devices_are_found_by_what_is_known_of_them
    lists_of_devices_come_in_parts
    a_report_is_written_when_it_says_something_new
    the_later_time_stays
    assignments_come_and_go
    reasons_are_written_when_they_change
    sealed_secrets_are_kept
    batches_in_any_order_are_not_in_each_others_way
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

pub(crate) fn status(device: &Device, sequence: u64, committed: u64) -> DeviceStatus {
    DeviceStatus {
        device: device.id,
        sequence,
        at_ms: NOW,
        adopted: committed,
        committed,
        phase: "idle".to_owned(),
        health: "ok".to_owned(),
        report: vec![0xa0],
    }
}

async fn labels_of_both_origins_stay_apart(database: Database) {
    let store = database.open().await;
    let gate = device(TenantId::HUB, "gate");
    keep(&store, &gate).await;
    let mut write = store.write().await.unwrap();
    write
        .set_labels(
            &hub(),
            gate.id,
            &pairs(&[("line", "1"), ("site", "a")]),
            &audit("label"),
        )
        .await
        .unwrap();
    write
        .set_own_labels(&hub(), gate.id, &pairs(&[("device/arch", "arm")]))
        .await
        .unwrap();
    write
        .set_labels(&hub(), gate.id, &pairs(&[("line", "2")]), &audit("label"))
        .await
        .unwrap();
    let more = [
        (gate.id, "site".to_owned(), "b".to_owned()),
        (gate.id, "device/arch".to_owned(), "x".to_owned()),
    ];
    assert_eq!(
        write
            .add_labels(&hub(), TenantId::HUB, &more, &audit("label"))
            .await
            .unwrap(),
        1
    );
    write.commit().await.unwrap();
    let labels = store
        .read()
        .await
        .unwrap()
        .labels(&hub(), gate.id)
        .await
        .unwrap();
    let label = |key: &str, value: &str, is_own| Label {
        key: key.to_owned(),
        value: value.to_owned(),
        is_own,
    };
    assert_eq!(
        labels,
        [
            label("device/arch", "arm", true),
            label("line", "2", false),
            label("site", "b", false)
        ]
    );
}

async fn fleet(store: &Store) -> Vec<Device> {
    let mut devices: Vec<Device> = ["Gate 1", "gate_2", "gate%3", "pump Ü"]
        .into_iter()
        .map(|name| device(TenantId::HUB, name))
        .collect();
    devices[1].is_held = true;
    devices[2].state = DeviceState::Pending;
    devices[3].model = "pump".to_owned();
    devices[3].serial = None;
    let mut write = store.write().await.unwrap();
    write
        .insert_all(&hub(), &devices, &audit("import"))
        .await
        .unwrap();
    let labels = [
        pairs(&[("line", "1"), ("site", "a")]),
        pairs(&[("line", "2"), ("site", "a")]),
        pairs(&[("line", "1"), ("canary", "")]),
        Vec::new(),
    ];
    for (device, labels) in devices.iter().zip(&labels) {
        write
            .set_labels(&hub(), device.id, labels, &audit("label"))
            .await
            .unwrap();
    }
    let states = vec![state(devices[0].id, 4, b"x"), state(devices[1].id, 2, b"x")];
    write
        .publish_states(&hub(), states, &audit("publish"))
        .unwrap();
    let mut degraded = status(&devices[1], 1, 2);
    degraded.health = "degraded".to_owned();
    degraded.phase = "fetching".to_owned();
    write
        .put_statuses(&hub(), &[status(&devices[0], 1, 3), degraded])
        .await
        .unwrap();
    write
        .put_last_seen(
            &hub(),
            &[LastSeen {
                device: devices[0].id,
                at_ms: NOW,
            }],
        )
        .await
        .unwrap();
    write.commit().await.unwrap();
    devices
}

async fn devices_are_found_by_what_is_known_of_them(database: Database) {
    let store = database.open().await;
    let devices = fleet(&store).await;
    let text = |text: &str| text.to_owned();
    let labels = |labels: Vec<LabelTest>| DeviceFilter {
        labels,
        ..DeviceFilter::default()
    };
    let is = |key: &str, value: &str| LabelTest::Is(text(key), text(value));
    let any = DeviceFilter::default;
    let cases = [
        (any(), "0123"),
        (labels(vec![is("line", "1")]), "02"),
        (labels(vec![is("line", "1"), is("site", "a")]), "0"),
        (
            labels(vec![LabelTest::In(
                text("line"),
                vec![text("1"), text("2")],
            )]),
            "012",
        ),
        (
            labels(vec![LabelTest::NotIn(text("line"), vec![text("1")])]),
            "13",
        ),
        (labels(vec![LabelTest::Exists(text("canary"))]), "2"),
        (labels(vec![LabelTest::Absent(text("line"))]), "3"),
        (labels(vec![LabelTest::In(text("line"), Vec::new())]), ""),
        (labels(vec![is("line' OR 1=1 --", "1")]), ""),
        (
            DeviceFilter {
                states: vec![DeviceState::Pending, DeviceState::Retired],
                ..any()
            },
            "2",
        ),
        (
            DeviceFilter {
                model: Some(text("pump")),
                ..any()
            },
            "3",
        ),
        (
            DeviceFilter {
                text: Some(text("GATE")),
                ..any()
            },
            "012",
        ),
        (
            DeviceFilter {
                text: Some(text("%")),
                ..any()
            },
            "2",
        ),
        (
            DeviceFilter {
                text: Some(text("P Ü")),
                ..any()
            },
            "3",
        ),
        (
            DeviceFilter {
                text: Some(text("e_")),
                ..any()
            },
            "1",
        ),
        (
            DeviceFilter {
                text: Some(text("s-gate 1")),
                ..any()
            },
            "0",
        ),
        (
            DeviceFilter {
                is_held: Some(true),
                ..any()
            },
            "1",
        ),
        (
            DeviceFilter {
                is_up_to_date: Some(false),
                ..any()
            },
            "0",
        ),
        (
            DeviceFilter {
                is_up_to_date: Some(true),
                ..any()
            },
            "123",
        ),
        (
            DeviceFilter {
                health: Some(text("degraded")),
                ..any()
            },
            "1",
        ),
        (
            DeviceFilter {
                phase: Some(text("idle")),
                ..any()
            },
            "0",
        ),
        (
            DeviceFilter {
                not_seen_since_ms: Some(NOW),
                ..any()
            },
            "123",
        ),
        (
            DeviceFilter {
                not_seen_since_ms: Some(NOW + 1),
                ..any()
            },
            "0123",
        ),
        (
            DeviceFilter {
                tenant: Some(TenantId::fresh()),
                ..any()
            },
            "",
        ),
    ];
    let mut read = store.read().await.unwrap();
    for (filter, expected) in cases {
        let listed = read
            .devices(&hub(), &filter, &Page::default())
            .await
            .unwrap();
        let mut found: Vec<usize> = Vec::new();
        for row in &listed.items {
            found.push(
                devices
                    .iter()
                    .position(|device| device.id == row.device.id)
                    .unwrap(),
            );
        }
        found.sort_unstable();
        let found: String = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{filter:?}");
        let count = read.count_devices(&hub(), &filter).await.unwrap();
        assert_eq!(count, expected.len() as u64, "{filter:?}");
    }
    let summary = read.device_summary(&hub()).await.unwrap();
    let expected = [
        (DeviceState::Active, String::new(), 1),
        (DeviceState::Active, text("degraded"), 1),
        (DeviceState::Active, text("ok"), 1),
        (DeviceState::Pending, String::new(), 1),
    ];
    assert_eq!(summary, expected);
    let filter = DeviceFilter {
        text: Some(text("gate 1")),
        ..any()
    };
    let row = read
        .devices(&hub(), &filter, &Page::default())
        .await
        .unwrap()
        .items
        .remove(0);
    assert_eq!(
        (row.desired, row.seen_ms, row.labels.len()),
        (Some(4), Some(NOW), 2)
    );
    assert_eq!(row.status, Some(status(&devices[0], 1, 3)));
}

async fn lists_of_devices_come_in_parts(database: Database) {
    let store = database.open().await;
    let devices = fleet(&store).await;
    let mut read = store.read().await.unwrap();
    let mut page = Page::first(3);
    let first = read
        .devices(&hub(), &DeviceFilter::default(), &page)
        .await
        .unwrap();
    page.after = first.next.clone();
    let second = read
        .devices(&hub(), &DeviceFilter::default(), &page)
        .await
        .unwrap();
    assert_eq!(
        (first.items.len(), second.items.len(), second.next),
        (3, 1, None)
    );
    assert_eq!(
        read.all_devices(&hub(), &DeviceFilter::default())
            .await
            .unwrap()
            .len(),
        4
    );
    let last = devices.iter().map(|device| device.id).max().unwrap();
    assert_eq!(second.items[0].device.id, last);
}

async fn a_report_is_written_when_it_says_something_new(database: Database) {
    let store = database.open().await;
    let gate = device(TenantId::HUB, "gate");
    keep(&store, &gate).await;
    let changed = DeviceStatus {
        report: vec![1],
        ..status(&gate, 7, 3)
    };
    let cases = [
        (status(&gate, 5, 3), 1, "the first"),
        (status(&gate, 6, 3), 0, "the same again"),
        (changed.clone(), 1, "other bytes"),
        (
            DeviceStatus {
                report: vec![2],
                ..status(&gate, 7, 3)
            },
            0,
            "the same number",
        ),
        (status(&gate, 3, 9), 0, "an old one, sent again"),
    ];
    for (status, written, why) in cases {
        let mut write = store.write_for_device().await.unwrap();
        assert_eq!(
            write.put_statuses(&hub(), &[status]).await.unwrap(),
            written,
            "{why}"
        );
        write.commit().await.unwrap();
    }
    let mut read = store.read_for_device().await.unwrap();
    assert_eq!(
        read.status(&hub(), gate.id).await.unwrap(),
        Some(changed.clone())
    );
    assert_eq!(read.statuses(&hub(), None, 10).await.unwrap(), [changed]);
    assert_eq!(read.statuses(&hub(), Some(gate.id), 10).await.unwrap(), []);
}

async fn the_later_time_stays(database: Database) {
    let store = database.open().await;
    let gate = device(TenantId::HUB, "gate");
    keep(&store, &gate).await;
    for (at_ms, written) in [(10, 1), (5, 0), (10, 0), (11, 1)] {
        let mut write = store.write().await.unwrap();
        let seen = [
            LastSeen {
                device: gate.id,
                at_ms,
            },
            LastSeen {
                device: thimble_hub_store::DeviceId::fresh(),
                at_ms,
            },
        ];
        assert_eq!(write.put_last_seen(&hub(), &seen).await.unwrap(), written);
        write.commit().await.unwrap();
    }
    let mut read = store.read().await.unwrap();
    assert_eq!(read.last_seen(&hub(), gate.id).await.unwrap(), Some(11));
    assert_eq!(
        read.seen_since(&hub(), 11).await.unwrap(),
        [LastSeen {
            device: gate.id,
            at_ms: 11
        }]
    );
    assert_eq!(read.seen_since(&hub(), 12).await.unwrap(), []);
}

async fn assignments_come_and_go(database: Database) {
    let store = database.open().await;
    let (gate, pump) = (device(TenantId::HUB, "gate"), app(TenantId::HUB, "pump"));
    keep(&store, &gate).await;
    keep(&store, &pump).await;
    let deployment = deployment(&pump, "all");
    keep(&store, &deployment).await;
    let rollout = rollout(&deployment);
    keep(&store, &rollout).await;
    let mut one = Assignment {
        device: gate.id,
        deployment: deployment.id,
        revision: 1,
        rollout: Some(rollout.id),
        since_ms: NOW,
    };
    let mut write = store.write().await.unwrap();
    write
        .assign(&hub(), TenantId::HUB, &[one], &audit("assign"))
        .await
        .unwrap();
    one.revision = 2;
    one.rollout = None;
    write
        .assign(&hub(), TenantId::HUB, &[one], &audit("assign"))
        .await
        .unwrap();
    write.commit().await.unwrap();
    let mut write = store.write().await.unwrap();
    assert_eq!(write.assignments(&hub(), gate.id).await.unwrap(), [one]);
    assert_eq!(
        write
            .assignments_of_deployment(&hub(), deployment.id)
            .await
            .unwrap(),
        [one]
    );
    assert_eq!(write.all_assignments(&hub()).await.unwrap(), [one]);
    let filter = DeviceFilter {
        deployment: Some(deployment.id),
        ..DeviceFilter::default()
    };
    assert_eq!(write.count_devices(&hub(), &filter).await.unwrap(), 1);
    let gone = [(gate.id, deployment.id)];
    assert_eq!(
        write
            .unassign(&hub(), TenantId::HUB, &gone, &audit("unassign"))
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        write
            .unassign(&hub(), TenantId::HUB, &gone, &audit("unassign"))
            .await
            .unwrap(),
        0
    );
    write.commit().await.unwrap();
}

async fn reasons_are_written_when_they_change(database: Database) {
    let store = database.open().await;
    let (gate, pump) = (device(TenantId::HUB, "gate"), app(TenantId::HUB, "pump"));
    keep(&store, &gate).await;
    keep(&store, &pump).await;
    let deployment = deployment(&pump, "all");
    keep(&store, &deployment).await;
    let rollout = rollout(&deployment);
    keep(&store, &rollout).await;
    let mut one = RolloutDevice {
        rollout: rollout.id,
        device: gate.id,
        wave: None,
        status: "waiting".to_owned(),
        reason: "a later wave".to_owned(),
        attempts: 0,
        state_version: None,
        attempt: None,
        updated_ms: NOW,
    };
    let mut write = store.write().await.unwrap();
    assert_eq!(
        write
            .put_rollout_devices(&hub(), std::slice::from_ref(&one))
            .await
            .unwrap(),
        1
    );
    one.updated_ms = NOW + 1;
    assert_eq!(
        write
            .put_rollout_devices(&hub(), std::slice::from_ref(&one))
            .await
            .unwrap(),
        0
    );
    one.wave = Some(0);
    assert_eq!(
        write
            .put_rollout_devices(&hub(), std::slice::from_ref(&one))
            .await
            .unwrap(),
        1
    );
    write.commit().await.unwrap();
    let mut read = store.read().await.unwrap();
    let page = Page::default();
    assert_eq!(
        read.rollout_devices(&hub(), rollout.id, Some("waiting"), &page)
            .await
            .unwrap()
            .items,
        [one.clone()]
    );
    assert_eq!(
        read.rollout_devices(&hub(), rollout.id, Some("done"), &page)
            .await
            .unwrap()
            .items,
        []
    );
    assert_eq!(
        read.all_rollout_devices(&hub(), rollout.id).await.unwrap(),
        [one]
    );
    let counts = read
        .count_rollout_devices(&hub(), rollout.id)
        .await
        .unwrap();
    assert_eq!(counts, [("waiting".to_owned(), 1)]);
    assert_eq!(read.due_rollouts(&hub(), NOW - 1).await.unwrap().len(), 0);
    assert_eq!(read.due_rollouts(&hub(), NOW).await.unwrap().len(), 1);
}

async fn sealed_secrets_are_kept(database: Database) {
    let store = database.open().await;
    let tenants = tenants(&store).await;
    let gate = device(tenants.oem, "gate");
    keep(&store, &gate).await;
    let secret = Secret {
        id: SecretId::fresh(),
        tenant: tenants.oem,
        edition: 0,
        created_ms: NOW,
        name: "wifi".to_owned(),
        latest: 0,
    };
    keep(&store, &secret).await;
    let scope = Scope::authenticated(tenants.oem);
    let mut sealed = Sealed {
        device: gate.id,
        secret: secret.id,
        number: 1,
        fingerprint: "f".to_owned(),
        sealed: vec![1, 2],
    };
    let mut write = store.write().await.unwrap();
    write
        .put_seals(&scope, std::slice::from_ref(&sealed))
        .await
        .unwrap();
    sealed.number = 2;
    write
        .put_seals(&scope, std::slice::from_ref(&sealed))
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert_eq!(
        store
            .read()
            .await
            .unwrap()
            .seals(&scope, &[gate.id])
            .await
            .unwrap(),
        [sealed]
    );
}

async fn batches_in_any_order_are_not_in_each_others_way(database: Database) {
    let nodes = [database.open().await, database.open().await];
    let devices: Vec<Device> = (0..600)
        .map(|index| device(TenantId::HUB, &format!("gate{index}")))
        .collect();
    let mut write = nodes[0].write().await.unwrap();
    write
        .insert_all(&hub(), &devices, &audit("import"))
        .await
        .unwrap();
    write.commit().await.unwrap();
    let mut batches = Vec::new();
    for index in 0..8 {
        let store = nodes[index % 2].clone();
        let mut devices: Vec<Device> = devices.clone();
        if index % 3 == 0 {
            devices.reverse();
        }
        devices.rotate_left(index * 50);
        batches.push(tokio::spawn(async move {
            for round in 0..10 {
                let at_ms = NOW + round * 8 + i64::try_from(index).unwrap();
                let seen: Vec<LastSeen> = devices
                    .iter()
                    .map(|device| LastSeen {
                        device: device.id,
                        at_ms,
                    })
                    .collect();
                let mut write = store.write_for_device().await.unwrap();
                write.put_last_seen(&hub(), &seen).await.unwrap();
                write.commit().await.unwrap();
            }
        }));
    }
    for batch in batches {
        batch.await.unwrap();
    }
    let mut read = nodes[0].read().await.unwrap();
    let seen = read.seen_since(&hub(), NOW + 79).await.unwrap();
    assert_eq!(seen.len(), devices.len());
}
