//! `thimble login` and `thimble logout`.

use std::io::{self, IsTerminal as _, Read as _};

use thimble_port_registry::{Secret, StoredWhere};

use crate::arguments::{LoginArguments, LogoutArguments};
use crate::failure::Failure;
use crate::settings;
use crate::terminal::{self, INPUT_BYTES_MAX};

use super::opened;

/// Checks credentials with the registry and keeps them.
pub(super) fn login(arguments: &LoginArguments) -> Result<(), Failure> {
    let (username, password) = ask(arguments)?;
    let settings = settings::read()?;
    let registries = opened::registries(&settings, arguments.connection.plain_http)?;
    let kept = registries
        .login(&arguments.registry, &username, password)
        .map_err(|error| Failure::image_error(&arguments.registry, &error))?;
    let place = match kept {
        StoredWhere::Helper(helper) => format!("the credential helper {helper}"),
        StoredWhere::File(path) => path.display().to_string(),
    };
    println!("logged in to {}; kept in {place}", arguments.registry);
    Ok(())
}

/// Forgets credentials.
pub(super) fn logout(arguments: &LogoutArguments) -> Result<(), Failure> {
    let settings = settings::read()?;
    let registries = opened::registries(&settings, false)?;
    let had = registries
        .logout(&arguments.registry)
        .map_err(|error| Failure::image_error(&arguments.registry, &error))?;
    if had {
        println!("logged out of {}", arguments.registry);
    } else {
        println!("there were no credentials for {}", arguments.registry);
    }
    Ok(())
}

/// Name and password: from the command line and standard input, or asked for on a terminal.
fn ask(arguments: &LoginArguments) -> Result<(String, Secret), Failure> {
    let failed = |error: io::Error| Failure::device("reading the credentials", error);
    if arguments.password_stdin {
        let Some(username) = &arguments.username else {
            return Err(Failure::option(
                "--password-stdin",
                "",
                "the name must be given with --username",
            ));
        };
        let mut password = String::new();
        io::stdin()
            .lock()
            .take(INPUT_BYTES_MAX)
            .read_to_string(&mut password)
            .map_err(failed)?;
        let password = password.trim_end_matches(['\r', '\n']);
        return Ok((username.clone(), Secret::new(password.to_owned())));
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::option(
            "login",
            &arguments.registry,
            "there is no terminal to ask for a password; give it with --username NAME --password-stdin",
        ));
    }
    let username = match &arguments.username {
        Some(username) => username.clone(),
        None => terminal::ask("Username: ").map_err(failed)?,
    };
    let password = terminal::ask_hidden("Password: ").map_err(failed)?;
    Ok((username, Secret::new(password)))
}
