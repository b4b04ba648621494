//! Publishing desired states.

use thimble_hub_store::{DeviceId, Error, Id as _, Scope, TenantId};

use super::fixture::{Database, audit, device, hub, keep, state, suite, tenants};

suite! {
    versions_only_rise
    of_many_states_all_or_none_are_published
    a_transaction_takes_only_so_many
}

async fn versions_only_rise(database: Database) {
    let store = database.open().await;
    let gate = device(TenantId::HUB, "gate");
    keep(&store, &gate).await;
    let cases = [(3, true), (3, false), (2, false), (4, true)];
    for (version, is_published) in cases {
        let mut write = store.write().await.unwrap();
        let payload = format!("state {version}");
        write
            .publish_states(
                &hub(),
                vec![state(gate.id, version, payload.as_bytes())],
                &audit("publish"),
            )
            .unwrap();
        let committed = write.commit().await;
        assert_eq!(committed.is_ok(), is_published, "{version}: {committed:?}");
        if !is_published {
            assert!(
                matches!(committed, Err(Error::Conflict { .. })),
                "{committed:?}"
            );
        }
    }
    let mut read = store.read().await.unwrap();
    let kept = read.state(&hub(), gate.id).await.unwrap().unwrap();
    assert_eq!(
        (kept.version.version, kept.payload.as_slice()),
        (4, b"state 4".as_slice())
    );
    assert_eq!(kept.version.digest, state(gate.id, 4, b"").digest);
    assert_eq!(read.device_versions(&hub()).await.unwrap(), [kept.version]);
    assert_eq!(
        read.device_versions_of(&hub(), &[gate.id, DeviceId::fresh()])
            .await
            .unwrap(),
        [kept.version]
    );
    assert_eq!(read.device_versions_of(&hub(), &[]).await.unwrap(), []);
    assert_eq!(read.state(&hub(), DeviceId::fresh()).await.unwrap(), None);
}

async fn of_many_states_all_or_none_are_published(database: Database) {
    let store = database.open().await;
    let tenants = tenants(&store).await;
    let devices: Vec<_> = (0..1203)
        .map(|index| device(tenants.oem, &format!("gate{index}")))
        .collect();
    let mut write = store.write().await.unwrap();
    write
        .insert_all(&hub(), &devices, &audit("import"))
        .await
        .unwrap();
    write.commit().await.unwrap();
    let stranger = device(tenants.other, "stranger");
    keep(&store, &stranger).await;
    let scope = Scope::authenticated_with_descendants(tenants.oem);
    for with_stranger in [true, false] {
        let mut states: Vec<_> = devices
            .iter()
            .map(|device| state(device.id, 1, b"payload"))
            .collect();
        if with_stranger {
            states.push(state(stranger.id, 1, b"payload"));
        }
        let mut write = store.write().await.unwrap();
        write
            .publish_states(&scope, states, &audit("publish"))
            .unwrap();
        let committed = write.commit().await;
        if with_stranger {
            assert!(
                matches!(committed, Err(Error::NotFound { what: "device" })),
                "{committed:?}"
            );
        } else {
            committed.unwrap();
        }
        let published = store
            .read()
            .await
            .unwrap()
            .device_versions(&hub())
            .await
            .unwrap()
            .len();
        assert_eq!(published, if with_stranger { 0 } else { devices.len() });
    }
}

async fn a_transaction_takes_only_so_many(database: Database) {
    let store = database.open().await;
    let mut write = store.write().await.unwrap();
    let states = vec![state(DeviceId::fresh(), 1, b""); 200_001];
    let failed = write.publish_states(&hub(), states, &audit("publish"));
    assert!(
        matches!(
            failed,
            Err(Error::Limit {
                given: 200_001,
                most: 200_000,
                ..
            })
        ),
        "{failed:?}"
    );
}
