//! `thimble fleet webhooks`: whom the hub tells what happens.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use thimble_hub_api::webhook::{NewWebhook, Webhook, WebhookChange};

use crate::arguments::Shape;
use crate::device::table;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::Output;

use super::fields::{REMOVED, WEBHOOK};
use super::prompt;
use super::session::Session;

/// What can be done with webhooks.
#[derive(Subcommand)]
#[command(defer = true)]
pub(super) enum WebhooksCommand {
    /// List webhooks.
    Ls(ListArguments),
    /// Make a webhook; its secret is read from a file, from standard input, or asked for.
    Create(CreateArguments),
    /// Tell it nothing.
    Disable(IdArguments),
    /// Tell it what happens again.
    Enable(IdArguments),
    /// Remove it.
    Rm(IdArguments),
}

#[derive(Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
pub(super) struct CreateArguments {
    /// An event that it is told: rollout.paused, or rollout.*; without this, all.
    #[arg(long, value_name = "EVENT")]
    event: Vec<String>,

    /// Read the secret that bodies are signed with from a file; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    #[command(flatten)]
    shape: Shape,

    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,

    /// Where events are posted: https://…
    #[arg(value_name = "URL")]
    url: String,
}

#[derive(Args)]
pub(super) struct IdArguments {
    #[command(flatten)]
    shape: Shape,

    /// Its name or id.
    #[arg(value_name = "WEBHOOK")]
    webhook: String,
}

/// Carries out a command.
pub(super) fn run(command: &WebhooksCommand, session: &Session) -> Result<(), Failure> {
    match command {
        WebhooksCommand::Ls(arguments) => {
            let output = Output::new(&arguments.shape, WEBHOOK)?;
            let webhooks = webhooks(session)?;
            output.list(&webhooks, || rows(&webhooks))
        }
        WebhooksCommand::Create(arguments) => create(arguments, session),
        WebhooksCommand::Disable(arguments) => switch(arguments, true, session),
        WebhooksCommand::Enable(arguments) => switch(arguments, false, session),
        WebhooksCommand::Rm(arguments) => {
            let output = Output::new(&arguments.shape, REMOVED)?;
            let name = arguments.webhook.as_str();
            session.about(name, session.client.remove_webhook(name))?;
            output.one(&serde_json::json!({ "name": name }), || {
                format!("{}: removed\n", printable(name))
            })
        }
    }
}

fn webhooks(session: &Session) -> Result<Vec<Webhook>, Failure> {
    session.all(async |paged| session.client.webhooks(&paged).await)
}

fn create(arguments: &CreateArguments, session: &Session) -> Result<(), Failure> {
    let new = NewWebhook {
        name: arguments.name.clone(),
        url: arguments.url.clone(),
        events: arguments.event.clone(),
        secret: prompt::secret("Secret", arguments.secret_file.as_deref())?,
    };
    let webhook = session.about(&new.name, session.client.create_webhook(&new))?;
    tell(&arguments.shape, &webhook)
}

fn switch(arguments: &IdArguments, disabled: bool, session: &Session) -> Result<(), Failure> {
    let name = arguments.webhook.as_str();
    let change = WebhookChange { disabled };
    let webhook = session.about(name, session.client.change_webhook(name, &change))?;
    tell(&arguments.shape, &webhook)
}

fn tell(shape: &Shape, webhook: &Webhook) -> Result<(), Failure> {
    Output::new(shape, WEBHOOK)?.one(webhook, || rows(std::slice::from_ref(webhook)))
}

fn rows(webhooks: &[Webhook]) -> String {
    let head = ["NAME", "STATE", "EVENTS", "URL"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(webhooks.iter().map(|webhook| {
        let state = if webhook.is_disabled {
            "disabled"
        } else {
            "enabled"
        };
        let events = match webhook.events.as_slice() {
            [] => "all".to_owned(),
            events => events.join(" "),
        };
        vec![
            printable(&webhook.name),
            state.to_owned(),
            printable(&events),
            printable(&webhook.url),
        ]
    }));
    table(&rows)
}
