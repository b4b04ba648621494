//! The command `thimble`.
//!
//! Errors say what is wrong, why, and what to do. Exit codes are docker's: 125 when Thimble itself cannot
//! do what was asked, 126 when the file cannot be run, 127 when it is not there, else the container's own.

mod agent;
mod app;
mod arguments;
mod compile;
mod daemon;
mod declare;
mod device;
mod documents;
mod engines;
mod failure;
mod fleet;
mod folders;
mod images;
mod inspect;
mod observer;
mod output;
mod report;
mod run;
mod settings;
mod signals;
mod source;
mod terminal;
mod trust;
mod values;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use failure::Failure;

fn main() -> ExitCode {
    if let Some(code) = compile::if_child() {
        return code;
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Printing fails only if nobody reads it.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(failure::OURS)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let result = match arguments.command {
        Command::Run(arguments) if arguments.detach => device::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Agent(command) => agent::command(&command),
        Command::Fleet(arguments) => fleet::run(&arguments),
        Command::Device(command) => device::command(&command),
        Command::Daemon(arguments) => daemon::daemon(&arguments),
        Command::Inspect(arguments) => inspect::inspect(&arguments),
        Command::Image(command) => images::run(&command),
        Command::Completions { shell } => documents::completions(shell),
        Command::Man { folder } => documents::man(folder.as_deref()),
    };
    match result {
        Ok(code) => code,
        Err(failure) => report_failure(&failure),
    }
}

fn report_failure(failure: &Failure) -> ExitCode {
    if !failure.is_silent() {
        eprintln!("thimble: {failure}");
    }
    ExitCode::from(failure.exit_code())
}
