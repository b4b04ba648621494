//! `thimble fleet deployments`: which there are, their revisions, and their removal.

use clap::{Args, Subcommand};
use thimble_hub_api::deployment::{Deployment, DeploymentSpec, Revision};

use crate::arguments::Shape;
use crate::device::{Rows, table};
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::Output;

use super::deploy::placement_text;
use super::fields::{DEPLOYMENT, REMOVED, REVISION};
use super::prompt;
use super::session::Session;
use super::words::{ago, second};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct DeploymentsArguments {
    #[command(flatten)]
    list: ListArguments,

    #[command(subcommand)]
    command: Option<DeploymentsCommand>,
}

#[derive(Subcommand)]
#[command(defer = true)]
enum DeploymentsCommand {
    /// List deployments; the same without a word.
    Ls(ListArguments),
    /// Show what a deployment is to be, and where it is.
    Show(NameArguments),
    /// List the revisions of a deployment.
    Revisions(NameArguments),
    /// Remove a deployment from its devices.
    Rm(RemoveArguments),
}

#[derive(Args)]
struct ListArguments {
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
struct NameArguments {
    #[command(flatten)]
    shape: Shape,

    /// Its name or id.
    #[arg(value_name = "DEPLOYMENT")]
    deployment: String,
}

#[derive(Args)]
struct RemoveArguments {
    /// Why, for the audit trail.
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// Do not ask.
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    shape: Shape,

    /// Its name or id.
    #[arg(value_name = "DEPLOYMENT")]
    deployment: String,
}

/// Carries out a command.
pub(super) fn run(arguments: &DeploymentsArguments, session: &Session) -> Result<(), Failure> {
    match &arguments.command {
        None => list(&arguments.list, session),
        Some(DeploymentsCommand::Ls(arguments)) => list(arguments, session),
        Some(DeploymentsCommand::Show(arguments)) => show(arguments, session),
        Some(DeploymentsCommand::Revisions(arguments)) => revisions(arguments, session),
        Some(DeploymentsCommand::Rm(arguments)) => remove(arguments, session),
    }
}

/// All deployments.
pub(super) fn deployments(session: &Session) -> Result<Vec<Deployment>, Failure> {
    session.all(async |paged| session.client.deployments(&paged).await)
}

fn list(arguments: &ListArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, DEPLOYMENT)?;
    let found = deployments(session)?;
    output.list(&found, || rows(&found))
}

fn rows(deployments: &[Deployment]) -> String {
    let head = ["NAME", "APP", "VERSION", "REVISION", "CHANGED", "DEVICES"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(deployments.iter().map(|deployment| {
        let spec = &deployment.spec;
        let devices = match spec.selector.as_str() {
            "" => "all",
            selector => selector,
        };
        let being_removed = if deployment.is_being_removed {
            " (being removed)"
        } else {
            ""
        };
        vec![
            printable(&deployment.name),
            printable(&spec.app),
            printable(&spec.version),
            deployment.revision.to_string(),
            ago(deployment.updated_at),
            format!("{}{being_removed}", printable(devices)),
        ]
    }));
    table(&rows)
}

fn show(arguments: &NameArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, DEPLOYMENT)?;
    let name = arguments.deployment.as_str();
    let deployment = session.about(name, session.client.deployment(name))?.value;
    let placement = if output.is_text() {
        Some(session.about(name, session.client.placement(name))?)
    } else {
        None
    };
    output.one(&deployment, || {
        let mut rows = Rows::default();
        rows.add("name", &deployment.name);
        rows.add("id", &deployment.id);
        rows.add("revision", deployment.revision.to_string());
        rows.add("changed", second(deployment.updated_at));
        if deployment.is_being_removed {
            rows.add("state", "it is being removed from its devices");
        }
        spec_rows(&mut rows, &deployment.spec);
        let mut text = rows.text();
        if let Some(placement) = &placement {
            text.push_str(&placement_text(placement));
        }
        text
    })
}

fn spec_rows(rows: &mut Rows, spec: &DeploymentSpec) {
    rows.add("app", format!("{} {}", spec.app, spec.version));
    rows.add(
        "devices",
        match spec.selector.as_str() {
            "" => "all",
            selector => selector,
        },
    );
    rows.add("priority", spec.priority.to_string());
    rows.add("after", spec.depends_on.join(", "));
    let update = spec.update;
    rows.add(
        "update",
        format!(
            "consent within {} ms, asked again after {} s, on probation for {} s, hub within {} s",
            update.consent_ms, update.ask_again_s, update.probation_s, update.hub_within_s
        ),
    );
    for (container, settings) in &spec.containers {
        for (name, value) in &settings.env {
            rows.add("environment", format!("{container}: {name}={value}"));
        }
        for (name, secret) in &settings.secret_env {
            rows.add(
                "environment",
                format!("{container}: {name} is the secret {secret}"),
            );
        }
        for grant in settings.grants.iter().flatten() {
            rows.add("grant", format!("{container}: {grant}"));
        }
    }
    for one in &spec.overrides {
        rows.add("other settings", format!("on {}", one.selector));
    }
}

fn revisions(arguments: &NameArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, REVISION)?;
    let name = arguments.deployment.as_str();
    session.about(name, session.client.deployment(name))?;
    let found = session.all(async |paged| session.client.revisions(name, &paged).await)?;
    output.list(&found, || revision_rows(&found))
}

fn revision_rows(revisions: &[Revision]) -> String {
    let head = ["REVISION", "VERSION", "MADE", "BY", "DEVICES"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(revisions.iter().map(|revision| {
        let devices = match revision.spec.selector.as_str() {
            "" => "all",
            selector => selector,
        };
        vec![
            revision.revision.to_string(),
            printable(&revision.spec.version),
            ago(revision.created_at),
            printable(&revision.author),
            printable(devices),
        ]
    }));
    table(&rows)
}

fn remove(arguments: &RemoveArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, REMOVED)?;
    let name = arguments.deployment.as_str();
    let placement = session.about(name, session.client.placement(name))?;
    let question = format!(
        "Remove {} from {}?",
        printable(name),
        super::words::count(placement.placed, "device")
    );
    if !arguments.yes && !prompt::confirm(&question)? {
        return Err(Failure::device("asking", "nothing was done"));
    }
    let removed = session.client.remove_deployment(name, &arguments.reason);
    session.about(name, removed)?;
    output.one(&serde_json::json!({ "name": name }), || {
        format!("{}: is being removed from its devices\n", printable(name))
    })
}
