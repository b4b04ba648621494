//! `thimble-hub`: keeps a fleet of devices in the state that its operators declared.

mod command;

use std::process::ExitCode;

fn main() -> ExitCode {
    match command::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("thimble-hub: {error:#}");
            ExitCode::FAILURE
        }
    }
}
