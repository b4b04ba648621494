//! `thimble agent`: the device as one of a fleet, for whoever stands at it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use thimble_device_api::{Client, FleetDeployment, FleetEnrol, FleetStatus};

use crate::arguments::Shape;
use crate::device::{Rows, client, table};
use crate::failure::Failure;
use crate::output::{FLEET, Output};

/// What can be done with the agent.
#[derive(Subcommand)]
pub(crate) enum AgentCommand {
    /// Show how the device is with its hub, and how each deployment is.
    Status(StatusArguments),
    /// Make this device one of a hub's fleet.
    Enrol(EnrolArguments),
    /// Keep everything as it is, whatever the hub wants, until it is released.
    Hold,
    /// Take a hold back.
    Release,
    /// Take the device's state from a bundle that the hub wrote, where there is no network.
    Import(ImportArguments),
}

#[derive(Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
pub(crate) struct EnrolArguments {
    /// Where the hub's devices call: https://HOST[:PORT].
    #[arg(value_name = "HUB")]
    hub: String,

    /// The code with which the device enrols; without one somebody has to approve it.
    #[arg(long, value_name = "CODE")]
    claim_code: Option<String>,

    /// A PEM file of the authorities that the hub's certificate comes from [default: the system's].
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ImportArguments {
    /// The bundle.
    #[arg(value_name = "FILE")]
    bundle: PathBuf,
}

/// Carries out a command.
pub(crate) fn command(command: &AgentCommand) -> Result<ExitCode, Failure> {
    match command {
        AgentCommand::Status(arguments) => status(&arguments.shape),
        AgentCommand::Enrol(arguments) => enrol(arguments),
        AgentCommand::Hold => ask(|client| client.hold_fleet(true)),
        AgentCommand::Import(arguments) => import(arguments),
        AgentCommand::Release => ask(|client| client.hold_fleet(false)),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn ask(
    work: impl FnOnce(&Client) -> Result<(), thimble_device_api::ClientError>,
) -> Result<(), Failure> {
    work(&client()?).map_err(|error| Failure::daemon("", error))
}

fn enrol(arguments: &EnrolArguments) -> Result<(), Failure> {
    let ca = match &arguments.ca {
        None => None,
        Some(path) => {
            Some(std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?)
        }
    };
    let enrol = FleetEnrol {
        hub: arguments.hub.clone(),
        ca,
        claim_code: arguments.claim_code.clone(),
    };
    ask(|client| client.enrol(&enrol))
}

fn import(arguments: &ImportArguments) -> Result<(), Failure> {
    let path = &arguments.bundle;
    let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    ask(|client| client.import_bundle(file))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::device(
        "reading the file",
        format_args!("{}: {error}", path.display()),
    )
}

fn status(shape: &Shape) -> Result<(), Failure> {
    let output = Output::new(shape, FLEET)?;
    let status = client()?
        .fleet()
        .map_err(|error| Failure::daemon("", error))?;
    output.one(&status, || text(&status))
}

fn text(status: &FleetStatus) -> String {
    let mut rows = Rows::default();
    rows.add("link", status.link.name());
    rows.add("hub", status.hub.clone().unwrap_or_default());
    rows.add("device", status.device.clone().unwrap_or_default());
    rows.add(
        "fingerprint",
        status.fingerprint.clone().unwrap_or_default(),
    );
    rows.add("problem", status.problem.clone().unwrap_or_default());
    if status.device.is_some() {
        rows.add(
            "state",
            format!(
                "version {}, {} kept; {}",
                status.adopted, status.committed, status.phase
            ),
        );
    }
    let time =
        |at: Option<thimble_device_api::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    rows.add("last contact", time(status.last_contact));
    rows.add("certificate until", time(status.certificate_until));
    let held = match (status.held_here, status.held_by_hub) {
        (true, true) => "here and by the hub",
        (true, false) => "here; `thimble agent release` takes it back",
        (false, true) => "by the hub",
        (false, false) => "",
    };
    rows.add("held", held);
    let mut text = rows.text();
    if !status.deployments.is_empty() {
        let head = ["APP", "STATE", "PHASE", "REASON"].map(str::to_owned);
        let lines = status.deployments.iter().map(line);
        let lines: Vec<Vec<String>> = std::iter::once(head.to_vec()).chain(lines).collect();
        text.push('\n');
        text.push_str(&table(&lines));
    }
    text
}

fn line(deployment: &FleetDeployment) -> Vec<String> {
    vec![
        deployment
            .app
            .clone()
            .unwrap_or_else(|| deployment.deployment.clone()),
        deployment.state.clone(),
        deployment.phase.clone(),
        crate::observer::printable(
            deployment
                .text
                .as_deref()
                .or(deployment.reason.as_deref())
                .unwrap_or_default(),
        ),
    ]
}
