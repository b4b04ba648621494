//! What operators do with devices: from the one that is expected to the one that is retired.

use reqwest::StatusCode;
use serde_json::{Value, json};
use thimble_hub_api::ProblemKind;
use thimble_hub_api::client::{DeviceQuery, Paged};
use thimble_hub_api::device::{DeviceChange, Hold, LogRequest, Weekday, Window, Windows};
use thimble_hub_api::enrolment::NewClaimCode;
use thimble_hub_api::identity::Role;
use thimble_hub_store::{Audit, DeviceId, DeviceState, Id as _, Scope};

use super::site::Site;
use super::things::{device, tenant_id};

/// Gives a device its first state, in which nothing runs.
async fn give_state(site: &Site, tenant: &str, id: DeviceId) {
    let state = thimble_protocol::DesiredState {
        device: thimble_protocol::DeviceId(id.bytes()),
        version: thimble_protocol::StateVersion(1),
        issued_at: thimble_protocol::UnixSeconds(1),
        items: Vec::new(),
        policy: Default::default(),
        secrets: Vec::new(),
        ladder: Vec::new(),
        recovery_urls: Vec::new(),
        next_keys: Vec::new(),
    };
    let payload = state.encode();
    let state = thimble_hub_store::NewState {
        device: id,
        version: 1,
        digest: *ring::digest::digest(&ring::digest::SHA256, &payload)
            .as_ref()
            .first_chunk()
            .unwrap(),
        payload,
        at_ms: 1,
    };
    let scope = Scope::authenticated(tenant_id(site, tenant).await);
    let audit = Audit::new(0, "test", "device.publish", id.to_string());
    let mut write = site.hub.store.write().await.unwrap();
    write.publish_states(&scope, vec![state], &audit).unwrap();
    write.commit().await.unwrap();
}

#[tokio::test]
async fn a_device_lives() {
    let site = Site::new().await;
    let client = site.admin();
    device(&site, "main", "press-1", DeviceState::Pending).await;
    let found = client.device("press-1").await.unwrap();
    assert_eq!(found.value.state.name(), "pending");
    client.approve_device("press-1").await.unwrap();
    let twice = client.approve_device("press-1").await.unwrap_err();
    assert_eq!(twice.problem().unwrap().kind, ProblemKind::WrongState);

    let change = DeviceChange {
        name: None,
        labels: [("line".to_owned(), Some("3".to_owned()))].into(),
    };
    let etag = client.device("press-1").await.unwrap().etag;
    let changed = client
        .change_device("press-1", &change, etag.as_deref())
        .await
        .unwrap();
    assert_eq!(changed.labels.get("line").map(String::as_str), Some("3"));
    let late = client
        .change_device("press-1", &change, etag.as_deref())
        .await
        .unwrap_err();
    assert_eq!(late.problem().unwrap().kind, ProblemKind::Changed);

    device(&site, "main", "press-2", DeviceState::Active).await;
    let mut query = DeviceQuery {
        selector: Some("line in (3, 4)".to_owned()),
        ..DeviceQuery::default()
    };
    let listed = client.devices(&query, &Paged::default()).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    query.selector = Some("line in (3".to_owned());
    let wrong = client.devices(&query, &Paged::default()).await.unwrap_err();
    assert!(wrong.to_string().contains("character"), "{wrong}");

    client
        .revoke_device("press-1", "stolen, see report 7")
        .await
        .unwrap();
    client
        .retire_device("press-1", "out of service")
        .await
        .unwrap();
    let silent = site
        .json(
            "POST",
            "/v1/devices/press-2/retire",
            &site.root,
            &Value::Null,
        )
        .await;
    assert_eq!(silent.problem(), "invalid");
    let status = client.status().await.unwrap();
    assert_eq!((status.active, status.retired), (1, 1));
    let entries = client.audit(&Paged::default()).await.unwrap().items;
    let revoked = entries
        .iter()
        .find(|entry| entry.action == "device.revoke")
        .unwrap();
    assert_eq!(revoked.reason.as_deref(), Some("stolen, see report 7"));
    assert_eq!(revoked.actor, "user:root");
}

#[tokio::test]
async fn those_of_the_plant_decide_when() {
    let site = Site::new().await;
    let id = device(&site, "main", "press-1", DeviceState::Active).await;
    give_state(&site, "main", id).await;
    let plant = site.user("main", "plant", &[Role::Ot]).await;
    let client = site.client(&plant, None);
    let hold = Hold {
        until: None,
        reason: "geprüft wird".to_owned(),
    };
    let held = client.hold("press-1", &hold).await.unwrap();
    assert_eq!(held.hold.unwrap().reason, "geprüft wird");
    // The device hears of it: it has a new state to fetch, and another one when the hold is gone.
    assert_eq!(held.desired_version, 2);
    let released = client.release("press-1").await.unwrap();
    assert!(released.hold.is_none());
    assert_eq!(released.desired_version, 3);
    let windows = |begin: &str| Windows {
        windows: vec![Window {
            days: vec![Weekday::Sat, Weekday::Sun],
            begin: begin.to_owned(),
            minutes: 120,
            utc_offset_minutes: 60,
        }],
    };
    let set = client
        .set_windows("press-1", &windows("22:30"))
        .await
        .unwrap();
    assert_eq!(set.windows, windows("22:30").windows);
    for wrong in ["24:00", "2:30", "22-30", ""] {
        let refused = client
            .set_windows("press-1", &windows(wrong))
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("HH:MM"), "{wrong}: {refused}");
    }
    let overruled = site
        .json(
            "PUT",
            "/v1/devices/press-1/veto-override",
            &plant,
            &json!({ "reason": "security" }),
        )
        .await;
    assert_eq!(overruled.status, StatusCode::OK);
    // Apps are not theirs.
    let refused = site
        .json("POST", "/v1/apps", &plant, &json!({ "name": "x" }))
        .await;
    assert_eq!(refused.problem(), "forbidden");
}

#[tokio::test]
async fn log_lines_are_asked_for_within_limits() {
    let site = Site::new().await;
    device(&site, "main", "press-1", DeviceState::Active).await;
    let client = site.admin();
    let request = LogRequest {
        container: "reader.main".to_owned(),
        lines: 100,
    };
    for number in 0..16 {
        let asked = client.request_logs("press-1", &request).await.unwrap();
        assert!(asked.text.is_none());
        if number == 0 {
            assert_eq!(client.logs("press-1", &asked.id).await.unwrap(), asked);
        }
    }
    let refused = client.request_logs("press-1", &request).await.unwrap_err();
    assert_eq!(refused.problem().unwrap().kind, ProblemKind::TooMany);
}

#[tokio::test]
async fn devices_are_named_before_they_come() {
    let site = Site::new().await;
    let client = site.admin();
    let code = NewClaimCode {
        name: "line 3".to_owned(),
        uses: 10,
        lifetime_s: 3600,
        labels: [("line".to_owned(), "3".to_owned())].into(),
    };
    let issued = client.create_claim_code(&code).await.unwrap();
    let listed = client.claim_codes(&Paged::default()).await.unwrap().items;
    assert_eq!(listed.first().unwrap().labels, code.labels);
    client.remove_claim_code(&issued.id).await.unwrap();
    assert!(
        client
            .claim_codes(&Paged::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );

    let csv = "serial,name,labels,code\nA1,press 1,line=1;site=a,abc\n\"A,2\",,,\n";
    assert_eq!(client.expect_devices(csv).await.unwrap().expected, 2);
    let again = client.expect_devices(csv).await.unwrap_err();
    assert_eq!(again.problem().unwrap().kind, ProblemKind::NameInUse);
    let wrong = client
        .expect_devices("serial,labels\nB1,line\nB1,a=1\n,\nB1,\n")
        .await
        .unwrap_err();
    let lines: Vec<&str> = wrong
        .problem()
        .unwrap()
        .errors
        .iter()
        .map(|error| error.pointer.as_str())
        .collect();
    assert_eq!(lines, ["line 2", "line 4", "line 5"]);
    for text in ["", "name\nx\n", "serial,serial\n", "serial,colour\n"] {
        let wrong = client.expect_devices(text).await.unwrap_err();
        assert_eq!(
            wrong.problem().unwrap().kind,
            ProblemKind::Invalid,
            "{text:?}"
        );
    }
}
