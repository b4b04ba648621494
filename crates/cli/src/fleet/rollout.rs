//! `thimble fleet rollout`: how rollouts go, and what they are told.

mod show;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use thimble_hub_api::rollout::{NewRollout, Rollout, RolloutOrder, RolloutState};

use crate::arguments::Shape;
use crate::device::table;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::Output;

use super::deployments::deployments;
use super::fields::ROLLOUT;
use super::policy::PolicyOptions;
use super::prompt;
use super::session::Session;
use super::words::ago;

pub(super) use show::preview_text;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct RolloutArguments {
    #[command(flatten)]
    list: ListArguments,

    #[command(subcommand)]
    command: Option<RolloutCommand>,
}

#[derive(Subcommand)]
#[command(defer = true)]
enum RolloutCommand {
    /// List rollouts, newest first; the same without a word.
    Ls(ListArguments),
    /// Show how a rollout goes: each wave, and why devices are where they are.
    Status(show::StatusArguments),
    /// Begin to bring a deployment's revision to its devices.
    Start(StartArguments),
    /// Let the next wave begin.
    Approve(OrderArguments),
    /// Let no more devices begin.
    Pause(OrderArguments),
    /// Let it go on.
    Resume(OrderArguments),
    /// Give it up; devices that began finish.
    Abort(OrderArguments),
    /// Bring its devices back to what they had.
    Rollback(OrderArguments),
}

#[derive(Args)]
struct ListArguments {
    /// Also those that are over.
    #[arg(short, long)]
    all: bool,

    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
struct StartArguments {
    /// Which revision [default: the newest].
    #[arg(long, value_name = "NUMBER")]
    revision: Option<u64>,

    /// Do not ask.
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    policy: PolicyOptions,

    #[command(flatten)]
    shape: Shape,

    /// The deployment's name or id.
    #[arg(value_name = "DEPLOYMENT")]
    deployment: String,
}

#[derive(Args)]
struct OrderArguments {
    /// Why, for the audit trail.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,

    #[command(flatten)]
    shape: Shape,

    /// Its id, or the name of its deployment, whose newest rollout is meant.
    #[arg(value_name = "ROLLOUT|DEPLOYMENT")]
    rollout: String,
}

/// Carries out a command.
pub(super) fn run(arguments: &RolloutArguments, session: &Session) -> Result<(), Failure> {
    let Some(command) = &arguments.command else {
        return list(&arguments.list, session);
    };
    let (arguments, order) = match command {
        RolloutCommand::Ls(arguments) => return list(arguments, session),
        RolloutCommand::Status(arguments) => return show::status(arguments, session),
        RolloutCommand::Start(arguments) => return start(arguments, session),
        RolloutCommand::Approve(arguments) => (arguments, RolloutOrder::Approve),
        RolloutCommand::Pause(arguments) => (arguments, RolloutOrder::Pause),
        RolloutCommand::Resume(arguments) => (arguments, RolloutOrder::Resume),
        RolloutCommand::Abort(arguments) => (arguments, RolloutOrder::Abort),
        RolloutCommand::Rollback(arguments) => (arguments, RolloutOrder::RollBack),
    };
    tell(arguments, order, session)
}

fn list(arguments: &ListArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, ROLLOUT)?;
    let mut found = rollouts(session)?;
    found.reverse();
    if !arguments.all {
        found.retain(|rollout| !is_over(rollout.state));
    }
    let names = if output.is_text() {
        deployment_names(session)?
    } else {
        BTreeMap::new()
    };
    output.list(&found, || rows(&found, &names, arguments.all))
}

fn rollouts(session: &Session) -> Result<Vec<Rollout>, Failure> {
    session.all(async |paged| session.client.rollouts(&paged).await)
}

/// The names of deployments by their ids.
fn deployment_names(session: &Session) -> Result<BTreeMap<String, String>, Failure> {
    let found = deployments(session)?.into_iter();
    Ok(found
        .map(|deployment| (deployment.id, deployment.name))
        .collect())
}

fn rows(rollouts: &[Rollout], names: &BTreeMap<String, String>, all: bool) -> String {
    if rollouts.is_empty() && !all {
        return "no rollout is under way; --all lists those that are over\n".to_owned();
    }
    let head = [
        "ROLLOUT",
        "DEPLOYMENT",
        "REVISION",
        "STATE",
        "WAVE",
        "BEGUN",
        "BY",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(rollouts.iter().map(|rollout| {
        let deployment = names.get(&rollout.deployment);
        vec![
            rollout.id.clone(),
            printable(deployment.unwrap_or(&rollout.deployment)),
            rollout.revision.to_string(),
            state_name(rollout.state).to_owned(),
            (rollout.wave + 1).to_string(),
            ago(rollout.created_at),
            printable(&rollout.author),
        ]
    }));
    table(&rows)
}

/// A rollout by its id, or the newest one of a deployment.
fn find(session: &Session, text: &str) -> Result<Rollout, Failure> {
    if let Some(deployment) = session.find(text, session.client.deployment(text))? {
        let id = deployment.value.id;
        let mut found = rollouts(session)?;
        found.retain(|rollout| rollout.deployment == id);
        return found
            .into_iter()
            .max_by_key(|rollout| rollout.created_at)
            .ok_or_else(|| {
                Failure::option(
                    "rollout",
                    text,
                    "this deployment was never rolled out; `thimble fleet rollout start` does it",
                )
            });
    }
    session.about(text, session.client.rollout(text))
}

fn start(arguments: &StartArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, ROLLOUT)?;
    let name = arguments.deployment.as_str();
    let new = NewRollout {
        deployment: name.to_owned(),
        revision: arguments.revision,
        policy: arguments.policy.policy()?,
    };
    if !arguments.yes {
        let preview = session.about(name, session.client.preview_rollout(&new))?;
        eprint!("{}", preview_text(&preview));
        if !prompt::confirm("Begin the rollout?")? {
            return Err(Failure::device("asking", "nothing was done"));
        }
    }
    let rollout = session.about(name, session.client.create_rollout(&new))?;
    output.one(&rollout, || line(&rollout))
}

fn tell(arguments: &OrderArguments, order: RolloutOrder, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, ROLLOUT)?;
    let found = find(session, &arguments.rollout)?;
    let told = session
        .client
        .order_rollout(&found.id, order, &arguments.reason);
    let rollout = session.about(&arguments.rollout, told)?;
    output.one(&rollout, || line(&rollout))
}

fn line(rollout: &Rollout) -> String {
    let reason = match &rollout.reason {
        Some(reason) => format!(": {}", printable(reason)),
        None => String::new(),
    };
    format!("{}: {}{reason}\n", rollout.id, state_name(rollout.state))
}

/// Whether nothing more comes of it.
const fn is_over(state: RolloutState) -> bool {
    matches!(
        state,
        RolloutState::Aborted | RolloutState::Finished | RolloutState::Failed
    )
}

const fn state_name(state: RolloutState) -> &'static str {
    match state {
        RolloutState::Planned => "planned",
        RolloutState::WaitingApproval => "waiting for approval",
        RolloutState::Running => "running",
        RolloutState::Paused => "paused",
        RolloutState::Aborted => "aborted",
        RolloutState::RollingBack => "rolling back",
        RolloutState::Finished => "finished",
        RolloutState::Failed => "failed",
    }
}
