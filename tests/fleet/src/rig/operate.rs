//! What operators do again and again, with the typed client.

use std::collections::BTreeMap;

use thimble_hub_api::Client;
use thimble_hub_api::app::{ContainerSpec, Health, NewApp, NewAppVersion};
use thimble_hub_api::client::{DeviceQuery, Paged};
use thimble_hub_api::deployment::{DeploymentSpec, NewDeployment, UpdateRules};
use thimble_hub_api::device::{Device, DeviceState};
use thimble_hub_api::enrolment::NewClaimCode;
use thimble_hub_api::rollout::{NewRollout, Policy, Rollout, RolloutState};

use super::until_async;

/// Rules with which tests need not wait long.
pub const QUICK: UpdateRules = UpdateRules {
    consent_ms: 5_000,
    ask_again_s: 1,
    probation_s: 1,
    hub_within_s: 60,
};

/// A code that enrols so many devices, with labels.
///
/// # Panics
/// The hub refuses.
pub async fn claim_code(client: &Client, uses: u32, labels: &[(&str, &str)]) -> String {
    let labels = labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let code = NewClaimCode {
        name: "test".to_owned(),
        uses,
        lifetime_s: 3600,
        labels: labels.collect(),
    };
    client.create_claim_code(&code).await.unwrap().code
}

/// Makes an app.
///
/// # Panics
/// The hub refuses.
pub async fn create_app(client: &Client, name: &str) {
    let app = NewApp {
        name: name.to_owned(),
        description: String::new(),
    };
    client.create_app(&app).await.unwrap();
}

/// A container `main` of an image.
#[must_use]
pub fn main_of(image: &str) -> ContainerSpec {
    ContainerSpec {
        name: "main".to_owned(),
        image: image.to_owned(),
        restart: "always".to_owned(),
        ..ContainerSpec::default()
    }
}

/// The same, which must report that it is well within two seconds.
#[must_use]
pub fn watched(container: ContainerSpec) -> ContainerSpec {
    ContainerSpec {
        health: Some(Health {
            start_ms: 2_000,
            heartbeat_ms: None,
        }),
        ..container
    }
}

/// Publishes a version of an app, of one container.
///
/// # Panics
/// The hub refuses.
pub async fn publish(client: &Client, app: &str, version: &str, container: ContainerSpec) {
    let version = NewAppVersion {
        version: version.to_owned(),
        containers: vec![container],
    };
    client.publish_version(app, &version).await.unwrap();
}

/// Version `version` of app `app` for all devices, quickly.
#[must_use]
pub fn spec(app: &str, version: &str) -> DeploymentSpec {
    DeploymentSpec {
        app: app.to_owned(),
        version: version.to_owned(),
        update: QUICK,
        ..DeploymentSpec::default()
    }
}

/// Declares a deployment: makes it, or changes it.
///
/// # Panics
/// The hub refuses.
pub async fn declare(client: &Client, name: &str, spec: &DeploymentSpec) {
    match client.deployment(name).await {
        Ok(present) => {
            let etag = present.etag.as_deref();
            client.change_deployment(name, spec, etag).await.unwrap();
        }
        Err(error) if error.is_not_found() => {
            let new = NewDeployment {
                name: name.to_owned(),
                spec: spec.clone(),
            };
            client.create_deployment(&new).await.unwrap();
        }
        Err(error) => panic!("{error}"),
    }
}

/// Begins a rollout of what is declared; its id.
///
/// # Panics
/// The hub refuses.
pub async fn roll_out(client: &Client, deployment: &str, policy: Policy) -> String {
    let rollout = NewRollout {
        deployment: deployment.to_owned(),
        revision: None,
        policy: Some(policy),
    };
    client.create_rollout(&rollout).await.unwrap().id
}

/// Declares, and brings it to all devices; waits until it is finished.
///
/// # Panics
/// It does not come to that, or a device does not have it.
pub async fn deploy(client: &Client, name: &str, spec: &DeploymentSpec) {
    declare(client, name, spec).await;
    let id = roll_out(client, name, Policy::default()).await;
    let rollout = until_state(client, &id, RolloutState::Finished).await;
    let is_everywhere = rollout.counts.keys().all(|word| word == "succeeded");
    assert!(is_everywhere, "{rollout:#?}");
}

/// Waits until a rollout is in a state.
///
/// # Panics
/// It does not come to that.
pub async fn until_state(client: &Client, id: &str, state: RolloutState) -> Rollout {
    until_async(&format!("the rollout is {state:?}"), || async {
        let rollout = client
            .rollout(id)
            .await
            .map_err(|error| error.to_string())?;
        if rollout.state == state {
            return Ok(rollout);
        }
        let devices = client.rollout_devices(id, &Paged::default()).await;
        Err(format!("{rollout:#?}\n{devices:#?}"))
    })
    .await
}

/// Waits until a device is so at the hub.
///
/// # Panics
/// It does not come to that.
pub async fn until_device(
    client: &Client,
    device: &str,
    what: &str,
    is_so: impl Fn(&Device) -> bool,
) -> Device {
    until_async(&format!("{device}: {what}"), || async {
        match client.device(device).await {
            Ok(tagged) if is_so(&tagged.value) => Ok(tagged.value),
            other => Err(format!("{other:#?}")),
        }
    })
    .await
}

/// Waits until so many devices are in a state; those.
///
/// # Panics
/// It does not come to that.
pub async fn until_devices(client: &Client, state: DeviceState, count: usize) -> Vec<Device> {
    let query = DeviceQuery {
        state: Some(state),
        ..DeviceQuery::default()
    };
    until_async(&format!("{count} devices are {}", state.name()), || async {
        let listed = client.devices(&query, &Paged::default()).await;
        match listed {
            Ok(page) if page.items.len() == count => Ok(page.items),
            other => Err(format!("{other:#?}")),
        }
    })
    .await
}

/// The reasons for which a device refuses deployments, as its last report has them.
#[must_use]
pub fn reasons(device: &Device) -> Vec<String> {
    let deployments = device
        .status
        .as_ref()
        .and_then(|status| status["report"]["deployments"].as_array().cloned());
    let deployments = deployments.unwrap_or_default();
    deployments
        .iter()
        .filter_map(|deployment| Some(deployment["reason"].as_str()?.to_owned()))
        .collect()
}

/// What the hub knows of a device's deployments: app's id, state, phase.
#[must_use]
pub fn phases(device: &Device) -> BTreeMap<String, (String, String)> {
    let deployments = device
        .status
        .as_ref()
        .and_then(|status| status["report"]["deployments"].as_array().cloned());
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let deployments = deployments.unwrap_or_default();
    deployments
        .iter()
        .map(|one| {
            (
                text(&one["deployment"]),
                (text(&one["state"]), text(&one["phase"])),
            )
        })
        .collect()
}
