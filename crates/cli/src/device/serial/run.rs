//! `thimble device run` and `create`.

use std::process::ExitCode;

use serde_json::json;
use thimble_port_serial::Client;
use thimble_serial::{Declaration, Request, RunEnd};

use crate::arguments::{SerialCreateArguments, SerialDeclared, SerialRunArguments};
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::Output;
use crate::report;

use super::fields::{CREATED, ENTRY};
use super::logs::{Shown, Signals};
use super::{declaration, install, json as values, ours};

/// The exit code of what was stopped.
const STOPPED: i32 = 143;

/// The exit code of what Ctrl-C stopped.
const INTERRUPTED: i32 = 130;

/// Makes a container.
pub(super) fn create(
    client: impl FnOnce() -> Result<Client, Failure>,
    arguments: &SerialCreateArguments,
) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, CREATED)?;
    let mut declaration = declaration::of(&arguments.declared)?;
    declaration.is_stopped = true;
    let made = make(
        client()?,
        &arguments.declared,
        declaration,
        !output.is_text(),
    )?;
    tell(&made, &output)
}

/// Runs a container; its exit code.
pub(super) fn run(
    client: impl FnOnce() -> Result<Client, Failure>,
    arguments: &SerialRunArguments,
) -> Result<ExitCode, Failure> {
    let declared = &arguments.declared;
    let mut declaration = declaration::of(declared)?;
    if arguments.detach {
        let output = Output::new(&arguments.shape, CREATED)?;
        let made = make(client()?, declared, declaration, !output.is_text())?;
        tell(&made, &output)?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.shape.format.is_some() {
        let reason = "is for what -d makes; --json tells the end on standard error";
        return Err(Failure::option("--format", "", reason));
    }
    // It is removed when its end was seen, not before.
    declaration.is_removed_after = false;
    let json = arguments.shape.json;
    let mut made = make(client()?, declared, declaration, json)?;
    unmet(&made, json);
    follow(&mut made, declared.rm, json)
}

/// A container that was made, and the device that has it.
struct Made {
    client: Client,
    name: String,
    refused: Vec<String>,
}

fn make(
    mut client: Client,
    declared: &SerialDeclared,
    mut declaration: Declaration,
    silent: bool,
) -> Result<Made, Failure> {
    let present = install::ensure(&mut client, &declared.packed, silent)?;
    declaration::complete(&mut declaration, declared, present)?;
    let shown = declared.packed.container.to_string_lossy();
    let (name, refused) = client
        .create(declaration, declared.replace)
        .map_err(|error| Failure::serial(shown, error))?;
    Ok(Made {
        client,
        name,
        refused,
    })
}

fn tell(made: &Made, output: &Output<'_>) -> Result<(), Failure> {
    if !output.is_json() {
        unmet(made, false);
    }
    let shown = json!({"name": made.name, "refused": made.refused});
    output.one(&shown, || format!("{}\n", printable(&made.name)))
}

/// Tells what the image asks for and does not get.
fn unmet(made: &Made, json: bool) {
    for grant in &made.refused {
        let grant = printable(grant);
        let note = format!(
            "the image asks for {grant}, which it does not get; to give it, run with --allow {grant}"
        );
        report::note(&made.name, &note, json);
    }
}

/// Shows what a container writes, to its end.
fn follow(made: &mut Made, is_removed: bool, json: bool) -> Result<ExitCode, Failure> {
    let signals =
        Signals::install().map_err(|error| Failure::device("taking over signals", error))?;
    let mut shown = Shown {
        output: Output::of(false, None, ENTRY)?,
        timestamps: false,
        signals: Some(signals),
        failure: None,
    };
    let name = made.name.clone();
    let ended = made
        .client
        .follow_to_end(&name, &mut shown)
        .map_err(|error| Failure::serial(&name, error))?;
    if let Some(failure) = shown.failure {
        return Err(failure);
    }
    let Some(container) = ended else {
        eprintln!("thimble: left {}, which goes on", printable(&name));
        return Ok(ExitCode::SUCCESS);
    };
    if is_removed {
        let force = true;
        made.client
            .done(&Request::Remove { name, force })
            .map_err(ours)?;
    }
    let is_asked = shown.signals.is_some_and(|signals| signals.is_asked());
    let code = container.end.map_or(0, |end| {
        told(&container.declaration.name, &end, json);
        match end.exit_code {
            STOPPED if is_asked => INTERRUPTED,
            code => code,
        }
    });
    Ok(ExitCode::from(code.to_le_bytes()[0]))
}

/// Tells an end that is no exit, or every end as JSON.
fn told(name: &str, end: &RunEnd, json: bool) {
    if json {
        let mut told = values::end(end);
        if let Some(fields) = told.as_object_mut() {
            fields.insert("event".into(), "end".into());
            fields.insert("container".into(), name.into());
        }
        eprintln!("{told}");
    } else if !matches!(end.reason.as_str(), "exited" | "stopped") {
        eprintln!("{}: {}", printable(name), printable(&end.reason));
        if end.memory_refused {
            eprintln!(
                "{}: it had been refused memory before; perhaps it needs more than --memory allows",
                printable(name)
            );
        }
    }
}
