//! What is done for each kind of document.

use std::collections::BTreeMap;

use thimble_hub_api::ProblemKind;
use thimble_hub_api::app::ContainerSpec;
use thimble_hub_api::deployment::{DeploymentSpec, NewDeployment};
use thimble_hub_api::device::Window;
use thimble_hub_api::document::{Change, ChangeKind, Document};
use thimble_hub_api::rollout::Policy;
use thimble_hub_store::{
    App, AppId, AppVersion, AppVersionId, Audit, Deployment, Device, Id as _, Match, Tenant,
    Webhook,
};

use super::{Application, told};
use crate::api::deployments::{make, redeclare};
use crate::api::devices::changed;
use crate::api::lookup::named;
use crate::api::policy;
use crate::api::reply::{Answer, Fault};
use crate::api::webhooks::check_target;
use crate::hub::Hub;
use crate::identity::Caller;
use crate::model::version::VersionDocument;
use crate::model::{device as model, names, tenant};
use crate::rollouts;

impl Application<'_> {
    /// Brings a document into force.
    pub(super) async fn document(&mut self, document: &Document) -> Answer<Change> {
        let (kind, differences) = match document {
            Document::Tenant { name } => (self.tenant(name).await?, Vec::new()),
            Document::App {
                name,
                description,
                versions,
            } => self.app(name, description, versions).await?,
            Document::Deployment {
                name,
                spec,
                rollout,
            } => self.deployment(name, spec, rollout.as_ref()).await?,
            Document::Device {
                device,
                labels,
                windows,
            } => self.device(device, labels, windows).await?,
            Document::Webhook { name, url, events } => self.webhook(name, url, events).await?,
        };
        Ok(told(document, kind, differences))
    }

    async fn tenant(&mut self, name: &str) -> Answer<ChangeKind> {
        names::name("the tenant's name", name)?;
        let (scope, now_ms) = (self.caller.reach(), self.hub.now_ms());
        let present: Option<Tenant> = self
            .write
            .find(
                &scope,
                &[
                    Match::equals("name", &name.to_owned()),
                    Match::equals("parent", &self.caller.tenant()),
                ],
            )
            .await?;
        if present.is_some() {
            return Ok(ChangeKind::Keep);
        }
        let tenant = tenant::fresh(name, self.caller.tenant(), now_ms);
        let id = tenant.id;
        let audit = self
            .caller
            .audit(now_ms, "tenant.create", format!("tenant/{id}"));
        self.write.insert(&scope, &tenant, &audit).await?;
        Ok(ChangeKind::Create)
    }

    async fn app(
        &mut self,
        name: &str,
        description: &str,
        versions: &BTreeMap<String, Vec<ContainerSpec>>,
    ) -> Answer<(ChangeKind, Vec<String>)> {
        names::name("the app's name", name)?;
        names::words("the description", description, 1000)?;
        let (scope, now_ms) = (self.caller.scope(), self.hub.now_ms());
        let present: Option<App> = self
            .write
            .find(&scope, &[Match::equals("name", &name.to_owned())])
            .await?;
        let is_new = present.is_none();
        let mut differences = Vec::new();
        let app = match present {
            Some(mut app) => {
                if app.description != description {
                    description.clone_into(&mut app.description);
                    let audit = self
                        .caller
                        .audit(now_ms, "app.change", format!("app/{}", app.id));
                    self.write.update(&scope, &app, &audit).await?;
                    differences.push("description".to_owned());
                }
                app
            }
            None => {
                let app = App {
                    id: AppId::fresh(),
                    tenant: self.caller.tenant(),
                    edition: 0,
                    created_ms: now_ms,
                    name: name.to_owned(),
                    description: description.to_owned(),
                };
                let audit = self
                    .caller
                    .audit(now_ms, "app.create", format!("app/{}", app.id));
                self.write.insert(&scope, &app, &audit).await?;
                app
            }
        };
        for (version, containers) in versions {
            if self.version(&app, version, containers).await? {
                differences.push(format!("version {version}: published"));
            }
        }
        let kind = match (is_new, differences.is_empty()) {
            (true, _) => ChangeKind::Create,
            (false, true) => ChangeKind::Keep,
            (false, false) => ChangeKind::Update,
        };
        Ok((kind, differences))
    }

    /// Publishes a version; whether there was none.
    async fn version(
        &mut self,
        app: &App,
        version: &str,
        containers: &[ContainerSpec],
    ) -> Answer<bool> {
        let (scope, now_ms) = (self.caller.scope(), self.hub.now_ms());
        let of_name = [
            Match::equals("app", &app.id),
            Match::equals("version", &version.to_owned()),
        ];
        let present: Option<AppVersion> = self.write.find(&scope, &of_name).await?;
        if let Some(present) = present {
            let document: VersionDocument =
                serde_json::from_value(present.document).unwrap_or_default();
            if document.is_declared_by(containers) {
                return Ok(false);
            }
            return Err(Fault::new(
                ProblemKind::WrongState,
                format_args!(
                    "the version {version} is published and never changes: publish another one"
                ),
            ));
        }
        let key = (app.name.clone(), version.to_owned());
        let Some(document) = self.versions.remove(&key) else {
            // Somebody removed it since it was looked for.
            return Err(Fault::new(
                ProblemKind::Changed,
                format_args!("the version {version} was removed meanwhile: apply again"),
            ));
        };
        let images = document.digests();
        let row = AppVersion {
            id: AppVersionId::fresh(),
            tenant: self.caller.tenant(),
            edition: 0,
            created_ms: now_ms,
            app: app.id,
            version: version.to_owned(),
            document: serde_json::to_value(document)
                .map_err(|error| Fault::new(ProblemKind::HubFault, error))?,
            published_ms: Some(now_ms),
        };
        let audit = self
            .caller
            .audit(now_ms, "app.publish", format!("app/{}", app.id))
            .with(serde_json::json!({ "name": app.name, "version": version }));
        self.write.insert(&scope, &row, &audit).await?;
        self.write
            .need(self.caller.tenant(), &images, now_ms)
            .await?;
        Ok(true)
    }

    async fn deployment(
        &mut self,
        name: &str,
        spec: &DeploymentSpec,
        rollout: Option<&Policy>,
    ) -> Answer<(ChangeKind, Vec<String>)> {
        let (scope, now_ms) = (self.caller.scope(), self.hub.now_ms());
        let present: Option<Deployment> = self
            .write
            .find(&scope, &[Match::equals("name", &name.to_owned())])
            .await?;
        let (kind, deployment) = match present {
            None => {
                let new = NewDeployment {
                    name: name.to_owned(),
                    spec: spec.clone(),
                };
                let made = make(&mut self.write, self.caller, &new, now_ms).await?;
                (ChangeKind::Create, made)
            }
            Some(present) => {
                let (deployment, is_new) =
                    redeclare(&mut self.write, self.caller, present, spec, now_ms).await?;
                let kind = if is_new {
                    ChangeKind::Update
                } else {
                    ChangeKind::Keep
                };
                (kind, deployment)
            }
        };
        if kind == ChangeKind::Keep {
            return Ok((kind, Vec::new()));
        }
        let mut differences = vec![format!("revision {}", deployment.latest)];
        if let Some(policy) = rollout {
            policy::check(&mut self.write, &scope, &deployment, policy, now_ms).await?;
            let request = rollouts::Request {
                deployment: deployment.id,
                revision: deployment.latest,
                policy: policy.clone(),
                author: self.caller.user(),
            };
            let audit = self
                .caller
                .audit(
                    now_ms,
                    "rollout.create",
                    format!("deployment/{}", deployment.id),
                )
                .with(serde_json::json!({ "revision": deployment.latest }));
            rollouts::create(&mut self.write, &scope, &request, now_ms, &audit).await?;
            differences.push("a rollout begins".to_owned());
        }
        Ok((kind, differences))
    }

    async fn device(
        &mut self,
        name: &str,
        labels: &BTreeMap<String, String>,
        windows: &[Window],
    ) -> Answer<(ChangeKind, Vec<String>)> {
        names::labels(labels)?;
        model::check_windows(windows).map_err(|error| Fault::new(ProblemKind::Invalid, error))?;
        let (scope, now_ms) = (self.caller.scope(), self.hub.now_ms());
        let mut device = named::<Device>(&mut self.write, &scope, name).await?;
        let present: BTreeMap<String, String> = self
            .write
            .labels(&scope, device.id)
            .await?
            .into_iter()
            .filter(|label| !label.is_own)
            .map(|label| (label.key, label.value))
            .collect();
        let mut differences = Vec::new();
        if present != *labels {
            differences.push("labels".to_owned());
        }
        if model::windows(&device.windows) != windows {
            differences.push("windows".to_owned());
        }
        if differences.is_empty() {
            return Ok((ChangeKind::Keep, differences));
        }
        let audit = self
            .caller
            .audit(now_ms, "device.change", format!("device/{}", device.id))
            .with(serde_json::json!({ "labels": labels, "windows": windows }));
        device.windows = serde_json::json!(windows);
        self.write.update(&scope, &device, &audit).await?;
        let labels: Vec<(String, String)> = labels.clone().into_iter().collect();
        self.write
            .set_labels(&scope, device.id, &labels, &Audit::part())
            .await?;
        if let Some(publication) = &self.publication {
            publication
                .of_device(&mut self.write, &scope, &device)
                .await?;
        }
        changed(&mut self.write, &device);
        Ok((ChangeKind::Update, differences))
    }

    async fn webhook(
        &mut self,
        name: &str,
        url: &str,
        events: &[String],
    ) -> Answer<(ChangeKind, Vec<String>)> {
        check_target(self.hub, url, events)?;
        let (scope, now_ms) = (self.caller.scope(), self.hub.now_ms());
        let present: Option<Webhook> = self
            .write
            .find(&scope, &[Match::equals("name", &name.to_owned())])
            .await?;
        let Some(mut webhook) = present else {
            return Err(Fault::new(
                ProblemKind::Invalid,
                "a webhook needs a secret, which no document holds: make it with `POST /v1/webhooks` first",
            ));
        };
        let mut differences = Vec::new();
        if webhook.url != url {
            differences.push(format!("url: {} -> {url}", webhook.url));
        }
        let events = serde_json::json!(events);
        if webhook.events != events {
            differences.push("events".to_owned());
        }
        if differences.is_empty() {
            return Ok((ChangeKind::Keep, differences));
        }
        url.clone_into(&mut webhook.url);
        webhook.events = events;
        let audit = self
            .caller
            .audit(now_ms, "webhook.change", format!("webhook/{}", webhook.id))
            .with(serde_json::json!({ "url": webhook.url, "events": webhook.events }));
        self.write.update(&scope, &webhook, &audit).await?;
        Ok((ChangeKind::Update, differences))
    }
}

/// Whether an app has this version already.
pub(super) async fn is_kept(hub: &Hub, caller: &Caller, app: &str, version: &str) -> Answer<bool> {
    let scope = caller.scope();
    let mut read = hub.store.read().await?;
    let app: Option<App> = read
        .find(&scope, &[Match::equals("name", &app.to_owned())])
        .await?;
    let Some(app) = app else {
        return Ok(false);
    };
    let of_name = [
        Match::equals("app", &app.id),
        Match::equals("version", &version.to_owned()),
    ];
    Ok(read.find::<AppVersion>(&scope, &of_name).await?.is_some())
}
