//! `thimble fleet simulate`: who would get what, when, and why not, by what the hub knows of the fleet now. Nothing changes.

use std::path::{Path, PathBuf};

use clap::Args;
use thimble_hub_api::deployment::DeploymentSpec;
use thimble_hub_api::document::Document;
use thimble_hub_api::rollout::Policy;

use crate::arguments::Shape;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::Output;

use super::declared;
use super::deploy::{outlook, simulated};
use super::fields::SIMULATION;
use super::policy::PolicyOptions;
use super::session::Session;

#[derive(Args)]
pub(super) struct SimulateArguments {
    /// A file with a document of the kind `deployment`; the hub need not have it.
    #[arg(short, long, value_name = "FILE", conflicts_with = "deployment")]
    file: Option<PathBuf>,

    #[command(flatten)]
    policy: PolicyOptions,

    #[command(flatten)]
    shape: Shape,

    /// The name or id of a deployment that there is: its newest revision.
    #[arg(value_name = "DEPLOYMENT", required_unless_present = "file")]
    deployment: Option<String>,
}

/// Tells what a rollout would do.
pub(super) fn simulate(arguments: &SimulateArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, SIMULATION)?;
    let asked = arguments.policy.policy()?;
    let (name, spec, policy) = match &arguments.file {
        Some(path) => {
            let (name, spec, policy) = declared_in(path)?;
            // What is typed counts before the file.
            (name, spec, asked.or(policy))
        }
        None => {
            let name = arguments.deployment.clone().unwrap_or_default();
            let found = session
                .about(&name, session.client.deployment(&name))?
                .value;
            (found.name, found.spec, asked)
        }
    };
    let simulation = simulated(session, &name, &spec, policy.as_ref())?;
    output.one(&simulation, || outlook(&name, &spec, &simulation))
}

fn declared_in(path: &Path) -> Result<(String, DeploymentSpec, Option<Policy>), Failure> {
    match declared::document(path)? {
        Document::Deployment {
            name,
            spec,
            rollout,
        } => Ok((name, spec, rollout)),
        other => Err(Failure::Settings {
            path: path.to_owned(),
            reason: format!(
                "declares {}; a simulation takes a deployment",
                printable(&other.subject())
            ),
        }),
    }
}
