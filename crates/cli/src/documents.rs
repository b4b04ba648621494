//! Completion scripts and manual pages, from the same description as the command line.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::failure::Failure;

/// Writes a completion script.
pub(crate) fn completions(shell: Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "thimble", &mut script);
    print(&script)
}

/// Writes manual pages.
pub(crate) fn man(folder: Option<&Path>) -> Result<ExitCode, Failure> {
    let mut command = Arguments::command();
    // Each command's options are described when they are asked for.
    command.build();
    let Some(folder) = folder else {
        return print(&page(command)?);
    };
    fs::create_dir_all(folder)
        .map_err(|error| Failure::device("making the folder of the manual", error))?;
    write_pages(folder, "thimble", command)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the page of a command, and those of the commands below it.
fn write_pages(folder: &Path, name: &str, command: clap::Command) -> Result<(), Failure> {
    for below in command.get_subcommands().cloned() {
        let name = format!("{name}-{}", below.get_name());
        write_pages(folder, &name, below.name(name.clone()))?;
    }
    fs::write(folder.join(format!("{name}.1")), page(command)?)
        .map_err(|error| Failure::device("writing the manual", error))
}

fn page(command: clap::Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::device("rendering the manual", error))?;
    Ok(page)
}

fn print(bytes: &[u8]) -> Result<ExitCode, Failure> {
    io::stdout()
        .write_all(bytes)
        .map_err(|error| Failure::device("writing to standard output", error))?;
    Ok(ExitCode::SUCCESS)
}
