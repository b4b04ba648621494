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
    let pages = command.get_subcommands().cloned().map(|sub| {
        let name = format!("thimble-{}", sub.get_name());
        (name.clone(), sub.name(name))
    });
    for (name, command) in
        std::iter::once(("thimble".to_owned(), command.clone())).chain(pages.collect::<Vec<_>>())
    {
        fs::write(folder.join(format!("{name}.1")), page(command)?)
            .map_err(|error| Failure::device("writing the manual", error))?;
    }
    Ok(ExitCode::SUCCESS)
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
