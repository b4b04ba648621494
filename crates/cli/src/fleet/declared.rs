//! `thimble fleet apply` and `diff`: a folder of files that say what a fleet is to be.
//!
//! Applying the same again changes nothing. What no file declares stays, unless it is to be pruned.

mod export;
mod files;
mod places;
mod prune;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use thimble_hub_api::BODY_BYTES_MAX;
use thimble_hub_api::document::{Applied, Apply, Change, ChangeKind, DOCUMENTS_MAX};

use crate::arguments::Shape;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::Output;

use super::prompt;
use super::session::Session;
use super::words::count;

pub(super) use export::{ExportArguments, export};
pub(super) use files::document;

use files::Declared;
use prune::Surplus;

/// The fields of what is or would be done.
const FIELDS: &[&str] = &["changes", "removes"];
/// Bytes of a request beside its documents, and some more.
const AROUND_BYTES: usize = 64;
/// Exit code of `diff` when something is different.
const DIFFERENT: u8 = 2;

#[derive(Args)]
#[command(after_help = HELP)]
pub(super) struct ApplyArguments {
    /// Only tell what would be done.
    #[arg(long)]
    dry_run: bool,

    /// Remove deployments, webhooks and apps that no file declares.
    #[arg(long)]
    prune: bool,

    /// Do not ask.
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    shape: Shape,

    #[command(flatten)]
    files: Files,
}

#[derive(Args)]
#[command(after_help = DIFF_HELP)]
pub(super) struct DiffArguments {
    /// Also tell which deployments, webhooks and apps no file declares.
    #[arg(long)]
    prune: bool,

    #[command(flatten)]
    shape: Shape,

    #[command(flatten)]
    files: Files,
}

// What is declared.
#[derive(Args)]
struct Files {
    /// A file, or a folder whose .yaml and .yml files count, also those in folders below.
    #[arg(
        short = 'f',
        long = "file",
        value_name = "FOLDER|FILE",
        required = true
    )]
    places: Vec<PathBuf>,
}

const HELP: &str = "\
A file holds one document: an app, a deployment, a device, a webhook or a tenant. Example:
  kind: deployment
  name: reader
  spec: {app: reader, version: \"1.1\", selector: line=1}
  rollout: {waves: [{count: 1}, {percent: 25, soak_s: 600}], budgets: {line: 1}}";

const DIFF_HELP: &str = "\
Exit codes:
  0  everything is as declared
  2  something is different";

/// What is or would be done.
#[derive(Serialize)]
struct Plan {
    changes: Vec<Change>,
    removes: Vec<Surplus>,
}

impl Plan {
    fn is_empty(&self) -> bool {
        self.removes.is_empty()
            && self
                .changes
                .iter()
                .all(|change| change.kind == ChangeKind::Keep)
    }
}

/// Brings what is declared into force.
pub(super) fn apply(arguments: &ApplyArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, FIELDS)?;
    let declared = files::read(&arguments.files.places)?;
    let mut plan = plan(session, &declared, arguments.prune)?;
    if arguments.dry_run || plan.is_empty() {
        return output.one(&plan, || text(&plan));
    }
    if output.is_text() {
        crate::output::write(&text(&plan))?;
    }
    if !arguments.yes && !prompt::confirm("Do this?")? {
        return Err(Failure::device("asking", "nothing was done"));
    }
    plan.changes = send(session, &declared, false)?;
    prune::remove(session, &plan.removes)?;
    output.one(&plan, || {
        let done = plan
            .changes
            .iter()
            .filter(|change| change.kind != ChangeKind::Keep)
            .count()
            + plan.removes.len();
        format!("{} made\n", count(done as u64, "change"))
    })
}

/// Tells what `apply` would do.
pub(super) fn diff(arguments: &DiffArguments, session: &Session) -> Result<ExitCode, Failure> {
    let output = Output::new(&arguments.shape, FIELDS)?;
    let declared = files::read(&arguments.files.places)?;
    let plan = plan(session, &declared, arguments.prune)?;
    output.one(&plan, || text(&plan))?;
    Ok(if plan.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DIFFERENT)
    })
}

fn plan(session: &Session, declared: &[Declared], prune: bool) -> Result<Plan, Failure> {
    Ok(Plan {
        changes: send(session, declared, true)?,
        removes: if prune {
            prune::surplus(session, declared)?
        } else {
            Vec::new()
        },
    })
}

/// Sends what is declared, in as many requests as it needs: each is done as a whole or not at all.
fn send(session: &Session, declared: &[Declared], dry_run: bool) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::with_capacity(declared.len());
    for part in parts(declared)? {
        let apply = Apply {
            documents: part.iter().map(|one| one.document.clone()).collect(),
            dry_run,
        };
        let Applied { changes: done } = session
            .ask(session.client.apply(&apply))
            .map_err(|failure| files::placed(failure, part))?;
        changes.extend(done);
    }
    Ok(changes)
}

/// Parts that the hub takes at once: it counts documents and bytes.
fn parts(declared: &[Declared]) -> Result<Vec<&[Declared]>, Failure> {
    let mut parts = Vec::new();
    let mut rest = declared;
    while !rest.is_empty() {
        let (mut count, mut bytes) = (0, AROUND_BYTES);
        for one in rest.iter().take(DOCUMENTS_MAX) {
            bytes += serde_json::to_vec(&one.document)
                .map_err(|error| files::wrong(&one.path, error))?
                .len()
                + 1;
            if bytes > BODY_BYTES_MAX && count > 0 {
                break;
            }
            count += 1;
        }
        let (part, after) = rest.split_at(count);
        parts.push(part);
        rest = after;
    }
    Ok(parts)
}

fn text(plan: &Plan) -> String {
    let mut text = String::new();
    for change in &plan.changes {
        let (sign, word) = match change.kind {
            ChangeKind::Keep => continue,
            ChangeKind::Create => ('+', "create"),
            ChangeKind::Update => ('~', "update"),
        };
        text.push_str(&format!("{sign} {} ({word})\n", printable(&change.subject)));
        for difference in &change.differences {
            text.push_str(&format!("    {}\n", printable(difference)));
        }
    }
    for surplus in &plan.removes {
        text.push_str(&format!("- {} (remove)\n", printable(&surplus.subject)));
    }
    if plan.is_empty() {
        text.push_str("everything is as declared\n");
    }
    text
}
