//! What runs where: apps, deployments, rollouts, secrets.

use serde_json::Value;

use crate::record::record;
use crate::words::words;
use crate::{AppId, AppVersionId, DeploymentId, SecretId, UserId};

record! {
    /// An app.
    App(AppId) is "app" in "apps" {
        /// What it is called; unique in the tenant.
        name: String,
        /// What it is for.
        description: String,
    }
}

record! {
    /// A version of an app. What it says never changes.
    AppVersion(AppVersionId) is "app version" in "app_versions", names [app in App], fixed [app, version] {
        /// Of which app.
        app: AppId,
        /// Which version: `1.2.0`; unique with the app.
        version: String,
        /// Its containers; may change until it is published.
        document: Value,
        /// When it was published.
        published_ms: Option<i64>,
    }
}

record! {
    /// An app for the devices of a selector.
    Deployment(DeploymentId) is "deployment" in "deployments", names [app in App], fixed [app] {
        /// What it is called; unique in the tenant.
        name: String,
        /// Which app.
        app: AppId,
        /// Which devices.
        selector: String,
        /// Wins over deployments of the same app with less.
        priority: i32,
        /// The number of its last revision; 0: none.
        latest: u64,
        /// When its removal from devices began.
        removing_ms: Option<i64>,
    }
}

record! {
    /// What a deployment says. Never changes.
    DeploymentRevision(DeploymentRevisionId) is "deployment revision" in "deployment_revisions",
        names [deployment in Deployment, app_version in AppVersion],
        fixed [deployment, number, app_version, document, author]
    {
        /// Of which deployment.
        deployment: DeploymentId,
        /// Which: the first is 1.
        number: u64,
        /// Which version of the app.
        app_version: AppVersionId,
        /// Configuration, overrides, grants, limits, secrets, rules, dependencies.
        document: Value,
        /// Who made it.
        author: String,
    }
}

/// Where a rollout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RolloutState {
    /// Made, not begun.
    Planned,
    /// Somebody must approve what comes next.
    WaitingApproval,
    /// Under way.
    Running,
    /// Nothing new begins.
    Paused,
    /// Given up; what began was finished.
    Aborted,
    /// Devices go back to what they had.
    RollingBack,
    /// Done.
    Finished,
    /// Too many devices failed.
    Failed,
}

words! {
    RolloutState {
        Planned = "planned",
        WaitingApproval = "waiting-approval",
        Running = "running",
        Paused = "paused",
        Aborted = "aborted",
        RollingBack = "rolling-back",
        Finished = "finished",
        Failed = "failed",
    }
}

record! {
    /// The way of devices to a revision of a deployment.
    Rollout(RolloutId) is "rollout" in "rollouts", names [deployment in Deployment],
        fixed [deployment, target, previous]
    {
        /// Of which deployment.
        deployment: DeploymentId,
        /// To which revision.
        target: u64,
        /// The revision that most devices had before it.
        previous: Option<u64>,
        /// How: waves, thresholds, budgets, approvals.
        policy: Value,
        /// Where it is.
        state: RolloutState,
        /// Why it is there, in words.
        reason: Option<String>,
        /// Which wave it is in, from 0.
        wave: u32,
        /// Rises with each step of the executor.
        generation: u64,
        /// What the planner wants to be told the next time.
        memory: Value,
        /// When to look at it again.
        next_ms: Option<i64>,
        /// When it began.
        begun_ms: Option<i64>,
        /// When it ended.
        ended_ms: Option<i64>,
    }
}

record! {
    /// Somebody's word that something may happen, or may not.
    Approval(ApprovalId) is "approval" in "approvals", names [account in User],
        fixed [subject, step, account, is_given, reason]
    {
        /// What it is about: the id of a rollout or a device.
        subject: String,
        /// Which part of it: the wave of a rollout.
        step: u32,
        /// Whose word; one for each step.
        account: UserId,
        /// Whether it may happen.
        is_given: bool,
        /// Why.
        reason: Option<String>,
    }
}

record! {
    /// The name of a secret.
    Secret(SecretId) is "secret" in "secrets", fixed [name] {
        /// What deployments call it; unique in the tenant.
        name: String,
        /// The number of its last value; 0: none.
        latest: u64,
    }
}

record! {
    /// A value of a secret.
    SecretRevision(SecretRevisionId) is "secret revision" in "secret_revisions", names [secret in Secret],
        fixed [secret, number]
    {
        /// Of which secret.
        secret: SecretId,
        /// Which: the first is 1.
        number: u64,
        /// The value, encrypted with the hub's key.
        ciphertext: Vec<u8>,
    }
}
