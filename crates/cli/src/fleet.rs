//! `thimble fleet`: operates the devices of a hub.
//!
//! Each command asks the hub over its interface and tells what it says. Nothing here decides: whatever is asked for is
//! checked by the hub.

mod apps;
mod audit;
mod declared;
mod deploy;
mod deployments;
mod devices;
mod enrol;
mod fields;
mod login;
mod logins;
mod logs;
mod openid;
mod people;
mod policy;
mod prompt;
mod publish;
mod rollout;
mod secrets;
mod session;
mod simulate;
mod status;
mod watch;
mod webhooks;
mod words;
mod yaml;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::failure::Failure;

pub(crate) use logins::registry_authorities;
use session::Session;

#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct FleetArguments {
    #[command(flatten)]
    connection: Connection,

    #[command(subcommand)]
    command: FleetCommand,
}

// Which hub, and as whom.
#[derive(Args, Default)]
pub(crate) struct Connection {
    /// The hub [default: the one of the last login].
    #[arg(long, value_name = "URL", global = true, help_heading = "Hub")]
    hub: Option<String>,

    /// Another tenant than the login's own: its name or id.
    #[arg(long, value_name = "TENANT", global = true, help_heading = "Hub")]
    tenant: Option<String>,
}

const HELP: &str = "\
The login is kept in the folder of settings, for its owner alone. Programs need none: THIMBLE_HUB, THIMBLE_HUB_TOKEN,
THIMBLE_HUB_CA and THIMBLE_TENANT say the same, and count before it.

Examples:
  thimble fleet login https://hub.example.org
  thimble fleet enrol code --uses 20 --label line=1
  thimble fleet apps publish app.yaml --version 1.0
  thimble fleet deploy reader --app reader --version 1.0 --selector line=1 --wave 1 --wave 100%
  thimble fleet rollout status reader --watch";

/// What can be done with a fleet.
#[derive(Subcommand)]
#[command(defer = true)]
enum FleetCommand {
    /// Sign in at a hub, and keep the token.
    Login(login::LoginArguments),
    /// End the token and forget it.
    Logout,
    /// Show who the hub takes you for, and what you may do.
    Whoami(login::WhoamiArguments),
    /// Show the fleet in numbers.
    Status(status::StatusArguments),
    /// List devices, and operate them.
    Devices(devices::DevicesArguments),
    /// Bring devices to the fleet.
    #[command(subcommand)]
    Enrol(enrol::EnrolCommand),
    /// List apps, and publish versions of them.
    Apps(apps::AppsArguments),
    /// Say which devices run which version of an app, and bring it to them.
    Deploy(Box<deploy::DeployArguments>),
    /// List deployments, show or remove them.
    Deployments(deployments::DeploymentsArguments),
    /// Show rollouts and steer them.
    Rollout(rollout::RolloutArguments),
    /// Show what a container of a device wrote.
    Logs(logs::LogsArguments),
    /// Bring what files declare into force.
    Apply(declared::ApplyArguments),
    /// Show what `apply` would do; the exit code is 2 if something is different.
    Diff(declared::DiffArguments),
    /// Write what the hub has as the files that `apply` takes.
    Export(declared::ExportArguments),
    /// Show who would get what, when, and why not; nothing changes.
    Simulate(Box<simulate::SimulateArguments>),
    /// Keep values that are written and never read back.
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
    /// List, make and end tokens.
    #[command(subcommand)]
    Tokens(people::TokensCommand),
    /// List users, make them and say what they may do.
    #[command(subcommand)]
    Users(people::UsersCommand),
    /// List tenants and make them.
    #[command(subcommand)]
    Tenants(people::TenantsCommand),
    /// Say whom the hub tells what happens.
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
    /// Show who changed what and why, and check that.
    Audit(audit::AuditArguments),
}

/// Carries out a command.
pub(crate) fn run(arguments: &FleetArguments) -> Result<ExitCode, Failure> {
    let connection = &arguments.connection;
    let session = || Session::open(connection);
    match &arguments.command {
        FleetCommand::Login(arguments) => login::login(arguments, connection),
        FleetCommand::Logout => login::logout(connection),
        FleetCommand::Whoami(arguments) => login::whoami(arguments, &session()?),
        FleetCommand::Status(arguments) => status::status(arguments, &session()?),
        FleetCommand::Devices(arguments) => devices::run(arguments, &session()?),
        FleetCommand::Enrol(arguments) => enrol::run(arguments, &session()?),
        FleetCommand::Apps(arguments) => apps::run(arguments, &session()?),
        FleetCommand::Deploy(arguments) => deploy::deploy(arguments, &session()?),
        FleetCommand::Deployments(arguments) => deployments::run(arguments, &session()?),
        FleetCommand::Rollout(arguments) => rollout::run(arguments, &session()?),
        FleetCommand::Logs(arguments) => logs::logs(arguments, &session()?),
        FleetCommand::Apply(arguments) => declared::apply(arguments, &session()?),
        FleetCommand::Diff(arguments) => return declared::diff(arguments, &session()?),
        FleetCommand::Export(arguments) => declared::export(arguments, &session()?),
        FleetCommand::Simulate(arguments) => simulate::simulate(arguments, &session()?),
        FleetCommand::Secrets(command) => secrets::run(command, &session()?),
        FleetCommand::Tokens(command) => people::tokens(command, &session()?),
        FleetCommand::Users(command) => people::users(command, &session()?),
        FleetCommand::Tenants(command) => people::tenants(command, &session()?),
        FleetCommand::Webhooks(command) => webhooks::run(command, &session()?),
        FleetCommand::Audit(arguments) => audit::run(arguments, &session()?),
    }?;
    Ok(ExitCode::SUCCESS)
}
