//! Apps, deployments, rollouts.

use reqwest::Method;

use crate::app::{App, AppVersion, NewApp, NewAppVersion};
use crate::deployment::{Deployment, DeploymentSpec, NewDeployment, Placement, Revision};
use crate::document::{Applied, Apply};
use crate::page::Page;
use crate::rollout::{NewRollout, Preview, Rollout, RolloutDevice, RolloutOrder};
use crate::simulation::{NewSimulation, Simulation};

use super::super::{Call, Client, Said, Tagged};
use super::Paged;

impl Client {
    /// The apps.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn apps(&self, paged: &Paged) -> Said<Page<App>> {
        self.json(paged.on(Call::get(&["apps"]))).await
    }

    /// Makes an app.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn create_app(&self, app: &NewApp) -> Said<App> {
        self.json(Call::new(Method::POST, &["apps"]).body(app)?)
            .await
    }

    /// An app, by name or id.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn app(&self, app: &str) -> Said<App> {
        self.json(Call::get(&["apps", app])).await
    }

    /// Removes an app that nothing deploys.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn remove_app(&self, app: &str) -> Said<()> {
        self.done(Call::new(Method::DELETE, &["apps", app])).await
    }

    /// The versions of an app.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn versions(&self, app: &str, paged: &Paged) -> Said<Page<AppVersion>> {
        self.json(paged.on(Call::get(&["apps", app, "versions"])))
            .await
    }

    /// A version of an app.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn version(&self, app: &str, version: &str) -> Said<AppVersion> {
        self.json(Call::get(&["apps", app, "versions", version]))
            .await
    }

    /// Publishes a version of an app.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn publish_version(&self, app: &str, version: &NewAppVersion) -> Said<AppVersion> {
        self.json(Call::new(Method::POST, &["apps", app, "versions"]).body(version)?)
            .await
    }

    /// The deployments.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn deployments(&self, paged: &Paged) -> Said<Page<Deployment>> {
        self.json(paged.on(Call::get(&["deployments"]))).await
    }

    /// Makes a deployment.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn create_deployment(&self, deployment: &NewDeployment) -> Said<Deployment> {
        self.json(Call::new(Method::POST, &["deployments"]).body(deployment)?)
            .await
    }

    /// A deployment, by name or id.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn deployment(&self, deployment: &str) -> Said<Tagged<Deployment>> {
        self.tagged(Call::get(&["deployments", deployment])).await
    }

    /// Makes a revision, if nobody else did since `etag`.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn change_deployment(
        &self,
        deployment: &str,
        spec: &DeploymentSpec,
        etag: Option<&str>,
    ) -> Said<Deployment> {
        self.json(
            Call::new(Method::PUT, &["deployments", deployment])
                .body(spec)?
                .if_match(etag),
        )
        .await
    }

    /// Removes a deployment from its devices.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn remove_deployment(&self, deployment: &str, reason: &str) -> Said<()> {
        self.done(Call::new(Method::DELETE, &["deployments", deployment]).because(reason))
            .await
    }

    /// The revisions of a deployment.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn revisions(&self, deployment: &str, paged: &Paged) -> Said<Page<Revision>> {
        self.json(paged.on(Call::get(&["deployments", deployment, "revisions"])))
            .await
    }

    /// On which devices a deployment would be.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn placement(&self, deployment: &str) -> Said<Placement> {
        self.json(Call::get(&["deployments", deployment, "placement"]))
            .await
    }

    /// The rollouts.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn rollouts(&self, paged: &Paged) -> Said<Page<Rollout>> {
        self.json(paged.on(Call::get(&["rollouts"]))).await
    }

    /// Begins a rollout.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn create_rollout(&self, rollout: &NewRollout) -> Said<Rollout> {
        self.json(Call::new(Method::POST, &["rollouts"]).body(rollout)?)
            .await
    }

    /// What a rollout would do now.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn preview_rollout(&self, rollout: &NewRollout) -> Said<Preview> {
        self.json(Call::new(Method::POST, &["rollouts", "preview"]).body(rollout)?)
            .await
    }

    /// What would come of a deployment that nobody has made.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn simulate(&self, simulation: &NewSimulation) -> Said<Simulation> {
        self.json(Call::new(Method::POST, &["simulate"]).body(simulation)?)
            .await
    }

    /// A rollout.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn rollout(&self, rollout: &str) -> Said<Rollout> {
        self.json(Call::get(&["rollouts", rollout])).await
    }

    /// The devices of a rollout, each with the reason for where it is.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn rollout_devices(&self, rollout: &str, paged: &Paged) -> Said<Page<RolloutDevice>> {
        self.json(paged.on(Call::get(&["rollouts", rollout, "devices"])))
            .await
    }

    /// Gives a rollout an order.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn order_rollout(
        &self,
        rollout: &str,
        order: RolloutOrder,
        reason: &str,
    ) -> Said<Rollout> {
        self.json(Call::new(Method::POST, &["rollouts", rollout, order.name()]).because(reason))
            .await
    }

    /// Brings documents into force.
    ///
    /// # Errors
    /// [`ClientError`](super::super::ClientError), as for every call.
    pub async fn apply(&self, apply: &Apply) -> Said<Applied> {
        self.json(Call::new(Method::POST, &["apply"]).body(apply)?)
            .await
    }
}
