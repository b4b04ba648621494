//! What cannot be: each is refused with words that say what is wrong and what to do, and leaves everything as it was.

use serde_json::{Value, json};
use thimble_hub_api::ProblemKind;
use thimble_hub_api::client::Paged;
use thimble_hub_api::deployment::{DeploymentSpec, NewDeployment};
use thimble_hub_api::identity::Role;
use thimble_hub_api::rollout::{NewRollout, RolloutOrder};
use thimble_hub_store::DeviceState;

use super::site::{Reply, Site};
use super::things::{app, device};

/// Finds out that something was refused, and that these words say why.
#[track_caller]
pub(super) fn told(reply: &Reply, kind: &str, words: &[&str]) {
    assert_eq!(reply.problem(), kind, "{}", reply.json());
    let text = reply.json().to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
}

async fn deploy(site: &Site, name: &str, app: &str, depends_on: &[&str]) -> Reply {
    let spec = json!({ "app": app, "version": "1", "depends_on": depends_on });
    let new = json!({ "name": name, "spec": spec });
    site.json("POST", "/v1/deployments", &site.root, &new).await
}

/// A device with labels that is one of the fleet, and a deployment `reader` for every device.
async fn with_reader(site: &Site) {
    device(site, "main", "press-1", DeviceState::Active).await;
    let labels = json!({ "labels": { "line": "1" } });
    let labelled = site
        .json("PATCH", "/v1/devices/press-1", &site.root, &labels)
        .await;
    assert!(labelled.status.is_success(), "{labelled:?}");
    app(site, "main", &site.root, "reader").await;
    let made = deploy(site, "reader", "reader", &[]).await;
    assert!(made.status.is_success(), "{made:?}");
}

#[tokio::test]
async fn deployments_in_a_circle_are_not_taken() {
    let site = Site::new().await;
    for name in ["a", "b", "c", "d"] {
        app(&site, "main", &site.root, name).await;
    }
    let mut ids = Vec::new();
    for (name, depends_on) in [("a", vec![]), ("b", vec!["a"]), ("c", vec!["b"])] {
        let made = deploy(&site, name, name, &depends_on).await;
        assert!(made.status.is_success(), "{made:?}");
        ids.push(made.json()["id"].as_str().unwrap().to_owned());
    }
    // The tenant's key is made by whatever is applied first.
    let nothing = json!({ "documents": [] });
    site.json("POST", "/v1/apply", &site.root, &nothing).await;
    let before = site.picture(&site.root).await;
    for (depends_on, words) in [
        (json!(["c"]), "a needs c, which needs b, which needs a"),
        (json!(["b"]), "a needs b, which needs a"),
        (json!([ids[1]]), "a needs b, which needs a"),
        (json!(["a"]), "a deployment cannot depend on itself"),
        (json!([ids[0]]), "a deployment cannot depend on itself"),
    ] {
        let spec = json!({ "app": "a", "version": "1", "depends_on": depends_on });
        let reply = site
            .json("PUT", "/v1/deployments/a", &site.root, &spec)
            .await;
        told(&reply, "invalid", &["/depends_on", words]);
        let apply = json!({ "documents": [{ "kind": "deployment", "name": "a", "spec": spec }] });
        let reply = site.json("POST", "/v1/apply", &site.root, &apply).await;
        told(&reply, "invalid", &["deployment/a", words]);
        let simulation = json!({ "deployment": { "name": "a", "spec": spec } });
        let reply = site
            .json("POST", "/v1/simulate", &site.root, &simulation)
            .await;
        told(&reply, "invalid", &[words]);
    }
    // What can never be on a device together.
    let reply = deploy(&site, "other", "a", &["a"]).await;
    told(
        &reply,
        "invalid",
        &["of the same app", "one of another app"],
    );
    let reply = deploy(&site, "d", "d", &["nothing"]).await;
    told(&reply, "not-found", &["nothing"]);
    let many: Vec<String> = (0..17).map(|number| format!("x{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let reply = deploy(&site, "d", "d", &many).await;
    told(&reply, "invalid", &["17 deployments: 16 are possible"]);
    assert_eq!(before, site.picture(&site.root).await);
    // Two that were turned round are no circle.
    let client = site.admin();
    for (name, depends_on) in [("c", vec![]), ("b", vec!["c"]), ("a", vec!["b"])] {
        let spec = DeploymentSpec {
            app: name.to_owned(),
            version: "1".to_owned(),
            depends_on: depends_on.into_iter().map(str::to_owned).collect(),
            ..DeploymentSpec::default()
        };
        client.change_deployment(name, &spec, None).await.unwrap();
    }
    for needed in ["b", "c"] {
        let needed = client.remove_deployment(needed, "x").await.unwrap_err();
        let problem = needed.problem().unwrap();
        assert_eq!(problem.kind, ProblemKind::InUse, "{problem}");
        assert!(problem.detail.contains("depends on it"), "{problem}");
    }
    client.remove_deployment("a", "not needed").await.unwrap();
    let reply = deploy(&site, "d", "d", &["a"]).await;
    told(&reply, "invalid", &["`a` is being removed"]);
}

#[tokio::test]
async fn deployments_that_compete_are_told_of_each_other() {
    let site = Site::new().await;
    with_reader(&site).await;
    let client = site.admin();
    let spec = DeploymentSpec {
        app: "reader".to_owned(),
        version: "1".to_owned(),
        ..DeploymentSpec::default()
    };
    let second = NewDeployment {
        name: "second".to_owned(),
        spec: spec.clone(),
    };
    let second = client.create_deployment(&second).await.unwrap();
    let placement = client.placement("reader").await.unwrap();
    assert_eq!((placement.placed, placement.refused_count), (0, 1));
    let reason = &placement.refused.first().unwrap().reason;
    assert!(reason.contains(&second.id), "{reason}");
    assert!(reason.contains("priority"), "{reason}");
    let greater = DeploymentSpec {
        priority: 1,
        ..spec
    };
    client
        .change_deployment("second", &greater, None)
        .await
        .unwrap();
    let placement = client.placement("reader").await.unwrap();
    let reason = &placement.refused.first().unwrap().reason;
    assert!(
        reason.contains(&second.id) && reason.contains("priority"),
        "{reason}"
    );
}

/// A policy that cannot be, the kind of the problem, and words that say why.
type WrongPolicy = (Value, &'static str, &'static [&'static str]);

fn wrong_policies() -> Vec<WrongPolicy> {
    vec![
        (
            json!({ "budgets": { "line": 0 } }),
            "invalid",
            &["/budgets/line", "at least 1"],
        ),
        (
            json!({ "deadline": "2020-01-01T00:00:00Z" }),
            "invalid",
            &["/deadline", "over already"],
        ),
        (
            json!({ "waves": [{ "approval": { "people": 0 } }] }),
            "invalid",
            &["/waves/0/approval/people", "1 to 2"],
        ),
        (
            json!({ "waves": [{ "approval": { "people": 3 } }] }),
            "invalid",
            &["/waves/0/approval/people", "1 to 2"],
        ),
        (
            json!({ "waves": [{ "percent": 101 }] }),
            "invalid",
            &["/waves/0/percent", "101: 1 to 100"],
        ),
        (
            json!({ "waves": [{ "percent": 300 }] }),
            "malformed",
            &["300"],
        ),
        (
            json!({ "waves": [{ "percent": 0 }] }),
            "invalid",
            &["/waves/0/percent"],
        ),
        (
            json!({ "waves": [{ "count": 0 }] }),
            "invalid",
            &["/waves/0/count", "at least 1"],
        ),
        (
            json!({ "waves": [{ "at_once": 0 }] }),
            "invalid",
            &["/waves/0/at_once"],
        ),
        (
            json!({ "waves": [{ "success_percent": 101 }] }),
            "invalid",
            &["/waves/0/success_percent", "0 to 100"],
        ),
        (
            json!({ "waves": [{ "errors": { "percent": 101 } }] }),
            "invalid",
            &["/waves/0/errors/percent", "0 to 100"],
        ),
        (
            json!({ "rate_per_minute": 0 }),
            "invalid",
            &["/rate_per_minute", "at least 1"],
        ),
        (
            json!({ "device_timeout_s": 0 }),
            "invalid",
            &["/device_timeout_s"],
        ),
        (
            json!({ "waves": [{ "selector": "line==" }] }),
            "invalid",
            &["selector of wave 1"],
        ),
        (
            json!({ "waves": vec![json!({ "count": 1 }); 65] }),
            "invalid",
            &["waves are too many"],
        ),
        (
            json!({ "budgets": { "a key": 1 } }),
            "invalid",
            &["budgets[0].key"],
        ),
        // A canary that is mistyped would be passed over, and everybody be next.
        (
            json!({ "waves": [{ "selector": "line=1", "count": 1 }, { "selector": "lime=1", "count": 1 }] }),
            "invalid",
            &["/waves/1/selector", "`lime=1` picks none of the 1 devices"],
        ),
        (json!({ "wave": [] }), "malformed", &["wave"]),
    ]
}

#[tokio::test]
async fn rollouts_that_cannot_go_do_not_begin() {
    let site = Site::new().await;
    with_reader(&site).await;
    let before = site.picture(&site.root).await;
    for (policy, kind, words) in wrong_policies() {
        let rollout = json!({ "deployment": "reader", "policy": policy });
        for path in ["/v1/rollouts", "/v1/rollouts/preview"] {
            let reply = site.json("POST", path, &site.root, &rollout).await;
            told(&reply, kind, words);
        }
        let spec = json!({ "app": "reader", "version": "1", "priority": 7 });
        let simulation =
            json!({ "deployment": { "name": "reader", "spec": spec }, "policy": policy });
        let reply = site
            .json("POST", "/v1/simulate", &site.root, &simulation)
            .await;
        told(&reply, kind, words);
        let document =
            json!({ "kind": "deployment", "name": "reader", "spec": spec, "rollout": policy });
        let apply = json!({ "documents": [document] });
        let reply = site.json("POST", "/v1/apply", &site.root, &apply).await;
        told(&reply, kind, words);
    }
    for (rollout, kind, words) in [
        (json!({ "deployment": "nothing" }), "not-found", "nothing"),
        (
            json!({ "deployment": "reader", "revision": 2 }),
            "invalid",
            "the last is 1",
        ),
        (
            json!({ "deployment": "reader", "revision": 0 }),
            "invalid",
            "revisions begin with 1",
        ),
        (
            json!({ "deployment": "reader", "revision": -1 }),
            "malformed",
            "-1",
        ),
    ] {
        let reply = site
            .json("POST", "/v1/rollouts", &site.root, &rollout)
            .await;
        told(&reply, kind, &[words]);
    }
    assert_eq!(before, site.picture(&site.root).await);
    // A canary is fine as long as there are no devices, or it picks one.
    let good = json!({ "deployment": "reader", "policy": { "waves": [{ "selector": "line=1", "count": 1 }], "budgets": { "line": 1 } } });
    let reply = site.json("POST", "/v1/rollouts", &site.root, &good).await;
    assert!(reply.status.is_success(), "{reply:?}");
}

#[tokio::test]
async fn one_person_is_not_two_and_what_is_over_stays_over() {
    let site = Site::new().await;
    with_reader(&site).await;
    let client = site.admin();
    let policy = json!({ "waves": [{ "count": 1, "approval": { "people": 2 } }] });
    let rollout = NewRollout {
        deployment: "reader".to_owned(),
        revision: None,
        policy: serde_json::from_value(policy).unwrap(),
    };
    let first = client.create_rollout(&rollout).await.unwrap();
    let order = async |token: &str, id: &str, order: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("thimble-reason", "because"),
        ];
        let path = format!("/v1/rollouts/{id}/{order}");
        site.send("POST", &path, &headers, None).await
    };
    let own = order(&site.root, &first.id, "approve").await;
    told(&own, "forbidden", &["cannot be one of two people"]);
    let other = site.user("main", "other", &[Role::Approver]).await;
    let given = order(&other, &first.id, "approve").await;
    assert!(given.status.is_success(), "{given:?}");
    let again = order(&other, &first.id, "approve").await;
    told(&again, "wrong-state", &["another person"]);

    // The second takes the place of the first, for good.
    client.create_rollout(&rollout).await.unwrap();
    for step in ["pause", "resume", "abort", "roll-back"] {
        let late = order(&site.root, &first.id, step).await;
        told(&late, "wrong-state", &["took the place of this one"]);
    }
    let unknown = order(&site.root, &first.id, "explode").await;
    assert_eq!(unknown.problem(), "no-such-path");
    let orders = [RolloutOrder::Pause, RolloutOrder::Abort];
    let second = &client.rollouts(&Paged::default()).await.unwrap().items[1];
    for step in orders {
        client
            .order_rollout(&second.id, step, "enough")
            .await
            .unwrap();
    }
    let late = order(&site.root, &second.id, "pause").await;
    told(&late, "wrong-state", &["aborted"]);
}

#[tokio::test]
async fn selectors_and_labels_have_an_end() {
    let site = Site::new().await;
    with_reader(&site).await;
    let before = site.picture(&site.root).await;
    let many = (0..17)
        .map(|n| format!("k{n}"))
        .collect::<Vec<_>>()
        .join(",");
    let values = (0..65).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    for (selector, words) in [
        ("(".repeat(4000), "a label's key"),
        ("!".repeat(4000), "a label's key"),
        ("a=1,".repeat(2000), "too long"),
        (many, "more than 16 requirements"),
        (format!("a in ({values})"), "more than 64 values"),
        ("a".repeat(1000), "bytes are too long"),
        ("a=\"b".to_owned(), "has no end"),
        ("a=1 or b=2".to_owned(), "a comma or the end"),
        ("a=1,".to_owned(), "the selector ends"),
        ("ä=1".to_owned(), "a label's key"),
    ] {
        let encoded: String = selector
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        let path = format!("/v1/devices?selector={encoded}");
        // A longer one is no head that is read at all.
        if path.len() < 16_000 {
            let reply = site.json("GET", &path, &site.root, &Value::Null).await;
            told(&reply, "invalid", &["character", words]);
        }
        let spec = json!({ "app": "reader", "version": "1", "selector": selector });
        let reply = site
            .json("PUT", "/v1/deployments/reader", &site.root, &spec)
            .await;
        told(&reply, "invalid", &["/selector", "character", words]);
    }
    let labels: serde_json::Map<String, Value> = (0..10_000)
        .map(|number| (format!("key-{number}"), json!("value")))
        .collect();
    let too_many = "10000 labels: 64 are possible";
    let code = json!({ "name": "x", "uses": 1, "lifetime_s": 60, "labels": labels });
    let apply =
        json!({ "documents": [{ "kind": "device", "device": "press-1", "labels": labels }] });
    for (method, path, body, words) in [
        ("POST", "/v1/claim-codes", &code, too_many),
        ("POST", "/v1/apply", &apply, too_many),
        (
            "PATCH",
            "/v1/devices/press-1",
            &json!({ "labels": labels }),
            "10001 labels: 64 are possible",
        ),
    ] {
        let reply = site.json(method, path, &site.root, body).await;
        told(&reply, "invalid", &[words]);
    }
    for (key, value) in [
        ("device/own", "x"),
        ("a key", "x"),
        ("", "x"),
        ("key", "a value"),
    ] {
        let labels = json!({ "labels": { key: value } });
        let reply = site
            .json("PATCH", "/v1/devices/press-1", &site.root, &labels)
            .await;
        told(&reply, "invalid", &["the label"]);
    }
    assert_eq!(before, site.picture(&site.root).await);
}
