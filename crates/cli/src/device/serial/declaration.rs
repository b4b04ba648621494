//! Turns the command line into what a device is told that a container is to be.

use thimble_serial::Declaration;
use thimble_serial::shell::set_option;

use crate::arguments::SerialDeclared;
use crate::declare;
use crate::failure::Failure;

use super::install::Present;

/// What is declared, but for the image: every option is understood as the device's own console understands it.
pub(super) fn of(arguments: &SerialDeclared) -> Result<Declaration, Failure> {
    let mut declaration = Declaration {
        args: (!arguments.args.is_empty()).then(|| arguments.args.clone()),
        is_removed_after: arguments.rm,
        ..Declaration::default()
    };
    if let Some(name) = &arguments.name
        && !declare::is_name(name)
    {
        return Err(Failure::option(
            "--name",
            name,
            "a name has 1 to 128 characters of a-z, 0-9, `.`, `_` and `-`, and does not begin with a dot",
        ));
    }
    for grant in &arguments.allow {
        declare::grant(grant)
            .map_err(|must| Failure::option("--allow", grant, format_args!("must be {must}")))?;
    }
    let env: Vec<String> = arguments
        .env
        .iter()
        .map(|text| variable(text))
        .collect::<Result<_, _>>()?;
    let single: [(&'static str, &Option<String>); 8] = [
        ("--name", &arguments.name),
        ("--memory", &arguments.memory),
        ("--cpus", &arguments.cpus),
        ("--restart", &arguments.restart),
        ("--timeout", &arguments.timeout),
        ("--queue-messages", &arguments.queue_messages),
        ("--message-bytes", &arguments.message_bytes),
        ("--entry", &arguments.entry),
    ];
    let several: [(&'static str, &Vec<String>); 3] = [
        ("--env", &env),
        ("--allow", &arguments.allow),
        ("--limit", &arguments.limit),
    ];
    let single = single
        .into_iter()
        .flat_map(|(option, value)| value.iter().map(move |value| (option, value)));
    let several = several
        .into_iter()
        .flat_map(|(option, values)| values.iter().map(move |value| (option, value)));
    for (option, value) in single.chain(several) {
        set_option(&mut declaration, option, value.clone())
            .map_err(|must| Failure::option(option, value, must))?;
    }
    Ok(declaration)
}

/// Adds the image, and the grants that it asks for if that is wanted.
pub(super) fn complete(
    declaration: &mut Declaration,
    arguments: &SerialDeclared,
    present: Present,
) -> Result<(), Failure> {
    declaration.image = present.image;
    if !arguments.allow_requested {
        return Ok(());
    }
    let Some(requested) = present.requested else {
        let reason = "the image is on the device alone, so that it cannot be told what it asks for; name the grants \
                      with --allow";
        return Err(Failure::option("--allow-requested", "", reason));
    };
    for grant in requested {
        if !declaration.grants.contains(&grant) {
            declaration.grants.push(grant);
        }
    }
    Ok(())
}

/// `NAME=VALUE`; the value of `NAME` alone is this process's.
fn variable(text: &str) -> Result<String, Failure> {
    if text.contains('=') {
        return Ok(text.to_owned());
    }
    match std::env::var(text) {
        Ok(value) => Ok(format!("{text}={value}")),
        Err(_) => Err(Failure::option(
            "--env",
            text,
            "must be NAME=VALUE, or the name of a variable that is set here",
        )),
    }
}
