//! `thimble fleet secrets`: values that are written and never read back.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use thimble_hub_api::secret::{Secret, SecretValue};

use crate::arguments::Shape;
use crate::device::table;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::Output;

use super::fields::{REMOVED, SECRET};
use super::prompt;
use super::session::Session;
use super::words::ago;

/// What can be done with secrets.
#[derive(Subcommand)]
#[command(defer = true)]
pub(super) enum SecretsCommand {
    /// List secrets, without their values.
    Ls(ListArguments),
    /// Give a secret a value: from a file, from standard input, or asked for; never from the command line.
    Set(SetArguments),
    /// Remove a secret that nothing uses.
    Rm(RemoveArguments),
}

#[derive(Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
pub(super) struct SetArguments {
    /// Read the value from a file; `-` is standard input. A line break at its end does not count.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    #[command(flatten)]
    shape: Shape,

    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Args)]
pub(super) struct RemoveArguments {
    #[command(flatten)]
    shape: Shape,

    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
}

/// Carries out a command.
pub(super) fn run(command: &SecretsCommand, session: &Session) -> Result<(), Failure> {
    match command {
        SecretsCommand::Ls(arguments) => list(arguments, session),
        SecretsCommand::Set(arguments) => set(arguments, session),
        SecretsCommand::Rm(arguments) => remove(arguments, session),
    }
}

fn list(arguments: &ListArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, SECRET)?;
    let secrets = session.all(async |paged| session.client.secrets(&paged).await)?;
    output.list(&secrets, || rows(&secrets))
}

fn rows(secrets: &[Secret]) -> String {
    let head = ["NAME", "REVISION", "CHANGED"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(secrets.iter().map(|secret| {
        vec![
            printable(&secret.name),
            secret.revision.to_string(),
            ago(secret.updated_at),
        ]
    }));
    table(&rows)
}

fn set(arguments: &SetArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, SECRET)?;
    let value = SecretValue {
        value: prompt::secret("Value", arguments.file.as_deref())?,
    };
    let name = arguments.name.as_str();
    let secret = session.about(name, session.client.set_secret(name, &value))?;
    output.one(&secret, || {
        format!("{}: revision {}\n", printable(name), secret.revision)
    })
}

fn remove(arguments: &RemoveArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, REMOVED)?;
    let name = arguments.name.as_str();
    session.about(name, session.client.remove_secret(name))?;
    output.one(&serde_json::json!({ "name": name }), || {
        format!("{}: removed\n", printable(name))
    })
}
