//! `thimble fleet simulate`: who would get what, when, and why not, by what the hub knows of the fleet now. Nothing changes.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use thimble_hub_api::deployment::DeploymentSpec;
use thimble_hub_api::document::Document;
use thimble_hub_api::rollout::{NewRollout, Policy};

use crate::arguments::Shape;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::Output;

use super::declared;
use super::deploy::placement_text;
use super::policy::PolicyOptions;
use super::rollout::preview_text;
use super::session::Session;

/// The fields of what would come of it.
const FIELDS: &[&str] = &["deployment", "revision", "placement", "preview"];

#[derive(Args)]
pub(super) struct SimulateArguments {
    /// The rollout of a file with a document of the kind `deployment`; what it declares must be at the hub.
    #[arg(short, long, value_name = "FILE", conflicts_with = "deployment")]
    file: Option<PathBuf>,

    /// Which revision [default: the newest].
    #[arg(long, value_name = "NUMBER", conflicts_with = "file")]
    revision: Option<u64>,

    #[command(flatten)]
    policy: PolicyOptions,

    #[command(flatten)]
    shape: Shape,

    /// The deployment's name or id.
    #[arg(value_name = "DEPLOYMENT", required_unless_present = "file")]
    deployment: Option<String>,
}

/// Tells what a rollout would do.
pub(super) fn simulate(arguments: &SimulateArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, FIELDS)?;
    let (name, policy) = match &arguments.file {
        Some(path) => {
            let (name, spec, policy) = declared_in(path)?;
            same(path, &name, &spec, session)?;
            (name, policy)
        }
        None => (
            arguments.deployment.clone().unwrap_or_default(),
            arguments.policy.policy()?,
        ),
    };
    let deployment = session
        .about(&name, session.client.deployment(&name))?
        .value;
    let revision = arguments.revision.unwrap_or(deployment.revision);
    let placement = session.about(&name, session.client.placement(&name))?;
    let new = NewRollout {
        deployment: name.clone(),
        revision: Some(revision),
        policy,
    };
    let preview = session.about(&name, session.client.preview_rollout(&new))?;
    let value = json!({
        "deployment": name,
        "revision": revision,
        "placement": placement,
        "preview": preview,
    });
    output.one(&value, || {
        format!(
            "{} revision {revision}\n{}{}",
            printable(&name),
            placement_text(&placement),
            preview_text(&preview, &new.policy)
        )
    })
}

fn declared_in(path: &std::path::Path) -> Result<(String, DeploymentSpec, Policy), Failure> {
    match declared::document(path)? {
        Document::Deployment {
            name,
            spec,
            rollout,
        } => Ok((name, spec, rollout.unwrap_or_default())),
        other => Err(Failure::Settings {
            path: path.to_owned(),
            reason: format!(
                "declares {}; a simulation takes a deployment",
                printable(&other.subject())
            ),
        }),
    }
}

/// What is simulated is what the hub has: a file that says something else would be told wrongly.
fn same(
    path: &std::path::Path,
    name: &str,
    spec: &DeploymentSpec,
    session: &Session,
) -> Result<(), Failure> {
    let found = session.find(name, session.client.deployment(name))?;
    if found.is_some_and(|found| found.value.spec == *spec) {
        return Ok(());
    }
    Err(Failure::Settings {
        path: path.to_owned(),
        reason: format!(
            "the hub does not have {} as it is declared here; `thimble fleet deploy {} --no-rollout` keeps it there, and no device changes",
            printable(name),
            printable(name)
        ),
    })
}
