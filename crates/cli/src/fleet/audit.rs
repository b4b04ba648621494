//! `thimble fleet audit`: who changed what and why, and whether nobody changed that.

use clap::{Args, Subcommand};
use thimble_hub_api::audit::Entry;

use crate::arguments::Shape;
use crate::device::table;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::{Output, write_bytes};

use super::fields::{ENTRY, VERIFICATION};
use super::session::Session;
use super::words::{count, second};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct AuditArguments {
    #[command(flatten)]
    list: ListArguments,

    #[command(subcommand)]
    command: Option<AuditCommand>,
}

#[derive(Subcommand)]
#[command(defer = true)]
enum AuditCommand {
    /// List changes; the same without a word.
    Ls(ListArguments),
    /// Check that no entry was changed or removed; the exit code tells.
    Verify(VerifyArguments),
    /// Write all entries to standard output, as lines of JSON.
    Export,
}

#[derive(Args)]
struct ListArguments {
    /// Only changes of such things: device/pump-3, or deployment.
    #[arg(long, value_name = "TEXT")]
    about: Option<String>,

    /// Only changes by whoever has this in their name.
    #[arg(long, value_name = "TEXT")]
    by: Option<String>,

    /// Entries from the end.
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "50")]
    lines: usize,

    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
struct VerifyArguments {
    #[command(flatten)]
    shape: Shape,
}

/// Carries out a command.
pub(super) fn run(arguments: &AuditArguments, session: &Session) -> Result<(), Failure> {
    match &arguments.command {
        None => list(&arguments.list, session),
        Some(AuditCommand::Ls(arguments)) => list(arguments, session),
        Some(AuditCommand::Verify(arguments)) => verify(arguments, session),
        Some(AuditCommand::Export) => write_bytes(&session.ask(session.client.export_audit())?),
    }
}

fn list(arguments: &ListArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, ENTRY)?;
    let mut entries = session.all(async |paged| session.client.audit(&paged).await)?;
    entries.sort_by_key(|entry| entry.sequence);
    if let Some(about) = &arguments.about {
        entries.retain(|entry| entry.subject.contains(about) || entry.action.contains(about));
    }
    if let Some(by) = &arguments.by {
        entries.retain(|entry| entry.actor.contains(by));
    }
    let first = entries.len().saturating_sub(arguments.lines);
    entries.drain(..first);
    output.list(&entries, || rows(&entries))
}

fn rows(entries: &[Entry]) -> String {
    let head = ["NUMBER", "AT", "WHO", "WHAT", "OF", "WHY"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(entries.iter().map(|entry| {
        vec![
            entry.sequence.to_string(),
            second(entry.at),
            printable(&entry.actor),
            printable(&entry.action),
            printable(&entry.subject),
            printable(entry.reason.as_deref().unwrap_or_default()),
        ]
    }));
    table(&rows)
}

fn verify(arguments: &VerifyArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, VERIFICATION)?;
    let found = session.ask(session.client.verify_audit())?;
    output.one(&found, || {
        let head = match &found.head {
            Some(head) => format!("; the last one's hash is {}", printable(head)),
            None => String::new(),
        };
        format!("{} checked{head}\n", count(found.entries, "entry"))
    })?;
    if found.intact {
        return Ok(());
    }
    Err(Failure::device(
        "checking the audit trail",
        match found.broken_at {
            Some(number) => {
                format!("entry {number} is not as it was written, or one before it is missing")
            }
            None => "it is not as it was written".to_owned(),
        },
    ))
}
