//! `thimble fleet apps`: which there are, and their versions.

use clap::{Args, Subcommand};
use thimble_hub_api::app::{App, AppVersion, ContainerSpec};

use crate::arguments::Shape;
use crate::device::table;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::Output;

use super::fields::{APP, REMOVED, VERSION};
use super::session::Session;
use super::words::ago;
use super::{prompt, publish};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct AppsArguments {
    #[command(flatten)]
    list: ListArguments,

    #[command(subcommand)]
    command: Option<AppsCommand>,
}

#[derive(Subcommand)]
#[command(defer = true)]
enum AppsCommand {
    /// List apps; the same without a word.
    Ls(ListArguments),
    /// Show the versions of an app, or what a version consists of.
    Show(ShowArguments),
    /// Publish a version of an app: its images go to the hub's registry.
    Publish(publish::PublishArguments),
    /// Remove an app that nothing deploys.
    Rm(RemoveArguments),
}

#[derive(Args)]
struct ListArguments {
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
struct ShowArguments {
    #[command(flatten)]
    shape: Shape,

    /// Its name or id.
    #[arg(value_name = "APP")]
    app: String,

    /// One of its versions.
    #[arg(value_name = "VERSION")]
    of_version: Option<String>,
}

#[derive(Args)]
struct RemoveArguments {
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    shape: Shape,

    /// Its name or id.
    #[arg(value_name = "APP")]
    app: String,
}

/// Carries out a command.
pub(super) fn run(arguments: &AppsArguments, session: &Session) -> Result<(), Failure> {
    match &arguments.command {
        None => list(&arguments.list, session),
        Some(AppsCommand::Ls(arguments)) => list(arguments, session),
        Some(AppsCommand::Show(arguments)) => show(arguments, session),
        Some(AppsCommand::Publish(arguments)) => publish::publish(arguments, session),
        Some(AppsCommand::Rm(arguments)) => remove(arguments, session),
    }
}

fn list(arguments: &ListArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, APP)?;
    let apps = session.all(async |paged| session.client.apps(&paged).await)?;
    output.list(&apps, || rows(&apps))
}

fn rows(apps: &[App]) -> String {
    let head = ["NAME", "CREATED", "DESCRIPTION"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(apps.iter().map(|app| {
        vec![
            printable(&app.name),
            ago(app.created_at),
            printable(&app.description),
        ]
    }));
    table(&rows)
}

fn show(arguments: &ShowArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, VERSION)?;
    let app = arguments.app.as_str();
    if let Some(version) = &arguments.of_version {
        let subject = format!("{app} {version}");
        let found = session.about(&subject, session.client.version(app, version))?;
        return output.one(&found, || version_text(&found));
    }
    session.about(app, session.client.app(app))?;
    let versions = session.all(async |paged| session.client.versions(app, &paged).await)?;
    output.list(&versions, || version_rows(&versions))
}

fn version_rows(versions: &[AppVersion]) -> String {
    let head = ["VERSION", "PUBLISHED", "CONTAINERS"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(versions.iter().map(|version| {
        let names: Vec<&str> = version
            .containers
            .iter()
            .map(|container| container.name.as_str())
            .collect();
        vec![
            printable(&version.version),
            ago(version.created_at),
            printable(&names.join(", ")),
        ]
    }));
    table(&rows)
}

/// A version, a block for each container.
pub(super) fn version_text(version: &AppVersion) -> String {
    let mut text = format!(
        "{} {}, published {}\n",
        printable(&version.app),
        printable(&version.version),
        ago(version.created_at)
    );
    for container in &version.containers {
        text.push('\n');
        text.push_str(&container_text(container));
    }
    text
}

fn container_text(container: &ContainerSpec) -> String {
    let mut rows = crate::device::Rows::default();
    rows.add("container", &container.name);
    rows.add("image", &container.image);
    rows.add(
        "arguments",
        container
            .args
            .as_ref()
            .map_or_else(String::new, |args| args.join(" ")),
    );
    for (name, value) in &container.env {
        rows.add("environment", format!("{name}={value}"));
    }
    for (name, secret) in &container.secret_env {
        rows.add("environment", format!("{name} is the secret {secret}"));
    }
    for grant in &container.grants {
        rows.add("grant", grant);
    }
    for mount in &container.mounts {
        let mode = if mount.read_only { ", read-only" } else { "" };
        rows.add(
            "volume",
            format!("{} at {}{mode}", mount.volume, mount.target),
        );
    }
    rows.add("listen", container.listen.join(" "));
    if let Some(bytes) = container.limits.memory_bytes {
        rows.add("memory", crate::observer::mebibytes(bytes));
    }
    rows.add("restart", &container.restart);
    rows.add("after", container.depends_on.join(", "));
    rows.text()
}

fn remove(arguments: &RemoveArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, REMOVED)?;
    let app = arguments.app.as_str();
    if !arguments.yes && !prompt::confirm(&format!("Remove {} with its versions?", printable(app)))?
    {
        return Err(Failure::device("asking", "nothing was done"));
    }
    session.about(app, session.client.remove_app(app))?;
    output.one(&serde_json::json!({ "name": app }), || {
        format!("{}: removed\n", printable(app))
    })
}
