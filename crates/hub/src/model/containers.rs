//! The rules that the containers of a version obey.

use std::collections::BTreeSet;

use thimble_hub_api::app::ContainerSpec;
use thimble_hub_api::problem::FieldError;

use super::names;

/// Containers of a version at most.
pub const CONTAINERS_MAX: usize = 16;
/// Entries of any list or map of a container at most.
const ENTRIES_MAX: usize = 128;
/// Characters of any text of a container at most.
const TEXT_CHARACTERS_MAX: usize = 4096;

/// Everything that is wrong with a version.
#[must_use]
pub fn check(version: &str, containers: &[ContainerSpec]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let is_right = |letter: char| !letter.is_whitespace() && !letter.is_control() && letter != '/';
    if !(1..=64).contains(&version.chars().count()) || !version.chars().all(is_right) {
        errors.push(error(
            "/version",
            "it has 1 to 64 printable characters without spaces and `/`",
        ));
    }
    if containers.is_empty() || containers.len() > CONTAINERS_MAX {
        errors.push(error(
            "/containers",
            format!(
                "{} containers: 1 to {CONTAINERS_MAX} are possible",
                containers.len()
            ),
        ));
    }
    let mut before = BTreeSet::new();
    for (index, container) in containers.iter().take(CONTAINERS_MAX).enumerate() {
        let at = format!("/containers/{index}");
        check_container(&at, container, &mut errors);
        for needed in &container.depends_on {
            if !before.contains(needed.as_str()) {
                errors.push(error(
                    format!("{at}/depends_on"),
                    format!("`{needed}` is not one of the containers before this one"),
                ));
            }
        }
        if !before.insert(container.name.as_str()) {
            errors.push(error(
                format!("{at}/name"),
                format!("`{}` is there twice", container.name),
            ));
        }
    }
    errors
}

fn check_container(at: &str, container: &ContainerSpec, errors: &mut Vec<FieldError>) {
    if let Err(wrong) = names::name("the container's name", &container.name) {
        errors.push(error(format!("{at}/name"), wrong));
    }
    if !is_restart(&container.restart) {
        errors.push(error(
            format!("{at}/restart"),
            "it is `no`, `always`, `on-failure`, `on-failure:N` or `unless-stopped`",
        ));
    }
    let lists = [
        ("args", container.args.as_ref().map_or(0, Vec::len)),
        ("env", container.env.len()),
        ("secret_env", container.secret_env.len()),
        ("grants", container.grants.len()),
        ("mounts", container.mounts.len()),
        ("listen", container.listen.len()),
        ("depends_on", container.depends_on.len()),
    ];
    for (field, count) in lists {
        if count > ENTRIES_MAX {
            errors.push(error(
                format!("{at}/{field}"),
                format!("{count} entries: {ENTRIES_MAX} are possible"),
            ));
        }
    }
    for (variable, value) in container.env.iter().chain(&container.secret_env) {
        check_variable(at, variable, value, errors);
    }
    for secret in container.secret_env.values() {
        if let Err(wrong) = names::name("the secret's name", secret) {
            errors.push(error(format!("{at}/secret_env"), wrong));
        }
    }
    for variable in container.secret_env.keys() {
        if container.env.contains_key(variable) {
            errors.push(error(
                format!("{at}/secret_env"),
                format!("`{variable}` is in `env` too: say one of them"),
            ));
        }
    }
    for mount in &container.mounts {
        if let Err(wrong) = names::name("the volume's name", &mount.volume) {
            errors.push(error(format!("{at}/mounts"), wrong));
        }
        if !mount.target.starts_with('/') || mount.target.split('/').any(|part| part == "..") {
            errors.push(error(
                format!("{at}/mounts"),
                format!("`{}` is not an absolute path", mount.target.escape_debug()),
            ));
        }
    }
}

/// Finds out that a variable of the environment can be one.
pub(crate) fn check_variable(at: &str, variable: &str, value: &str, errors: &mut Vec<FieldError>) {
    let is_name = (1..=256).contains(&variable.len())
        && !variable
            .chars()
            .any(|letter| letter == '=' || letter.is_control() || letter.is_whitespace());
    if !is_name {
        errors.push(error(
            format!("{at}/env"),
            format!(
                "`{}` cannot be the name of a variable",
                variable.escape_debug()
            ),
        ));
    }
    if value.chars().count() > TEXT_CHARACTERS_MAX || value.contains('\0') {
        errors.push(error(
            format!("{at}/env"),
            format!("the value of `{variable}` has more than {TEXT_CHARACTERS_MAX} characters, or a zero"),
        ));
    }
}

fn is_restart(text: &str) -> bool {
    match text.strip_prefix("on-failure:") {
        Some(count) => count.parse::<u32>().is_ok_and(|count| count > 0),
        None => matches!(text, "no" | "always" | "on-failure" | "unless-stopped"),
    }
}

fn error(pointer: impl Into<String>, detail: impl ToString) -> FieldError {
    FieldError {
        pointer: pointer.into(),
        detail: detail.to_string(),
    }
}
