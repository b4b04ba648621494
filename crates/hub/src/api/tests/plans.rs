//! Apps, deployments and rollouts, from the image to the order.

use reqwest::StatusCode;
use serde_json::{Value, json};
use thimble_hub_api::ProblemKind;
use thimble_hub_api::client::Paged;
use thimble_hub_api::deployment::{DeploymentSpec, NewDeployment};
use thimble_hub_store::DeviceState;

use super::site::Site;
use super::things::{device, tenant_id};

/// An image in a tenant's part of the registry.
async fn push(site: &Site, tenant: &str, repository: &str, tag: &str) {
    use thimble_hub_blobs::ManifestName;
    use thimble_image::{Descriptor, Manifest, media_type};
    let space = crate::registry::space(&site.hub.blobs, tenant_id(site, tenant).await).unwrap();
    let mut parts = Vec::new();
    for (content, kind) in [
        (&b"{}"[..], "application/vnd.wasm.config.v0+json"),
        (b"module", "application/wasm"),
    ] {
        let descriptor = Descriptor::of(kind, content);
        let source = thimble_hub_blobs::source_of(content.to_vec().into());
        space.put(descriptor.digest, source).await.unwrap();
        parts.push(descriptor);
    }
    let manifest = Manifest::new(parts.remove(0), parts);
    let name = ManifestName::Tag(tag.parse().unwrap());
    let bytes = manifest.to_json().into();
    space
        .put_manifest(
            &repository.parse().unwrap(),
            &name,
            media_type::MANIFEST,
            bytes,
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn documents_are_applied_once_and_whole() {
    let site = Site::new().await;
    device(&site, "main", "press-1", DeviceState::Active).await;
    push(&site, "main", "sensors/reader", "1.2").await;
    let documents = json!([
        { "kind": "deployment", "name": "reader", "spec": { "app": "reader", "version": "1.2", "selector": "line=1" }, "rollout": {} },
        { "kind": "app", "name": "reader", "versions": { "1.2": [{ "name": "main", "image": "sensors/reader:1.2" }] } },
        { "kind": "device", "device": "press-1", "labels": { "line": "1" } },
        { "kind": "tenant", "name": "customer" },
    ]);
    let apply = async |documents: &Value, dry_run: bool| {
        let body = json!({ "documents": documents, "dry_run": dry_run });
        site.json("POST", "/v1/apply", &site.root, &body).await
    };
    let kinds = |reply: &super::site::Reply| -> Vec<String> {
        let value = reply.json();
        let changes = value["changes"]
            .as_array()
            .unwrap_or_else(|| panic!("{value}"));
        changes
            .iter()
            .map(|change| change["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    let before = site.picture(&site.root).await;
    let tried = apply(&documents, true).await;
    assert_eq!(kinds(&tried), ["create", "create", "update", "create"]);
    assert_eq!(before, site.picture(&site.root).await);
    let done = apply(&documents, false).await;
    assert_eq!(kinds(&done), ["create", "create", "update", "create"]);
    let again = apply(&documents, false).await;
    assert_eq!(kinds(&again), ["keep", "keep", "keep", "keep"]);
    let rollouts = site
        .admin()
        .rollouts(&Paged::default())
        .await
        .unwrap()
        .items;
    assert_eq!(rollouts.len(), 1);
    // One that is wrong undoes all.
    let before = site.picture(&site.root).await;
    let wrong = json!([
        { "kind": "app", "name": "writer" },
        { "kind": "app", "name": "reader", "versions": { "1.2": [{ "name": "other", "image": "sensors/reader:1.2" }] } },
    ]);
    let refused = apply(&wrong, false).await;
    assert_eq!(refused.problem(), "wrong-state");
    assert_eq!(refused.json()["subject"], "app/reader");
    assert_eq!(before, site.picture(&site.root).await);
    let missing = json!([{ "kind": "app", "name": "writer", "versions": { "1": [{ "name": "a", "image": "nothing:1" }] } }]);
    assert_eq!(apply(&missing, false).await.problem(), "invalid");
}

#[tokio::test]
async fn a_rollout_is_ordered_and_told_about() {
    use thimble_hub_api::rollout::{NewRollout, Policy, RolloutOrder, Wave};
    let site = Site::new().await;
    device(&site, "main", "press-1", DeviceState::Active).await;
    push(&site, "main", "reader", "1").await;
    let client = site.admin();
    let app = json!({ "name": "reader" });
    site.json("POST", "/v1/apps", &site.root, &app).await;
    let version =
        json!({ "version": "1", "containers": [{ "name": "main", "image": "reader:1" }] });
    let published = site
        .json("POST", "/v1/apps/reader/versions", &site.root, &version)
        .await;
    assert_eq!(published.status, StatusCode::CREATED, "{published:?}");
    let new = NewDeployment {
        name: "reader".to_owned(),
        spec: DeploymentSpec {
            app: "reader".to_owned(),
            version: "1".to_owned(),
            ..DeploymentSpec::default()
        },
    };
    client.create_deployment(&new).await.unwrap();
    let placement = client.placement("reader").await.unwrap();
    assert_eq!(
        placement.placed + placement.refused_count,
        1,
        "{placement:?}"
    );
    let rollout = NewRollout {
        deployment: "reader".to_owned(),
        revision: None,
        policy: Some(Policy::default()),
    };
    let preview = client.preview_rollout(&rollout).await.unwrap();
    assert_eq!(preview.begins_count + preview.waits_count, 1, "{preview:?}");
    let begun = client.create_rollout(&rollout).await.unwrap();
    let paused = client
        .order_rollout(&begun.id, RolloutOrder::Pause, "lunch")
        .await
        .unwrap();
    assert_eq!(paused.reason.as_deref(), Some("lunch"));
    client
        .order_rollout(&begun.id, RolloutOrder::Resume, "back")
        .await
        .unwrap();
    let approval = client
        .order_rollout(&begun.id, RolloutOrder::Approve, "yes")
        .await
        .unwrap_err();
    assert_eq!(approval.problem().unwrap().kind, ProblemKind::WrongState);
    client
        .order_rollout(&begun.id, RolloutOrder::Abort, "never mind")
        .await
        .unwrap();
    let silent = site
        .json(
            "POST",
            &format!("/v1/rollouts/{}/abort", begun.id),
            &site.root,
            &Value::Null,
        )
        .await;
    assert_eq!(silent.problem(), "invalid");
    // Whoever says nothing about how careful it is gets what there was.
    let careful = Policy {
        waves: vec![Wave {
            count: Some(1),
            soak_s: 60,
            ..Wave::default()
        }],
        ..Policy::default()
    };
    let of = |policy: Option<Policy>| NewRollout {
        policy,
        ..rollout.clone()
    };
    client
        .create_rollout(&of(Some(careful.clone())))
        .await
        .unwrap();
    let preview = client.preview_rollout(&of(None)).await.unwrap();
    let next = client.create_rollout(&of(None)).await.unwrap();
    assert_eq!((&preview.policy, &next.policy), (&careful, &careful));
    client
        .remove_deployment("reader", "not needed")
        .await
        .unwrap();
    assert!(
        client
            .deployment("reader")
            .await
            .unwrap()
            .value
            .is_being_removed
    );
}
