//! The rules that deployments obey. A revision's document is what was declared, as JSON.

use std::collections::{BTreeMap, BTreeSet};

use thimble_hub_api::deployment::{DeploymentSpec, Settings};
use thimble_hub_api::problem::FieldError;
use thimble_rollout::Selector;

use super::containers::check_variable;
use super::names;
use super::version::VersionDocument;

/// Overrides of a deployment at most.
const OVERRIDES_MAX: usize = 32;
/// Deployments that one depends on, at most.
const DEPENDENCIES_MAX: usize = 16;
/// Entries of any list or map at most.
const ENTRIES_MAX: usize = 128;
/// The container that stands for all.
pub const EVERY_CONTAINER: &str = "*";

/// Everything that is wrong with a deployment of this version.
#[must_use]
pub fn check(name: &str, spec: &DeploymentSpec, version: &VersionDocument) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let known: BTreeSet<&str> = version
        .containers
        .iter()
        .map(|container| container.name.as_str())
        .collect();
    check_selector("/selector", &spec.selector, &mut errors);
    check_settings("/containers", &spec.containers, &known, &mut errors);
    if spec.overrides.len() > OVERRIDES_MAX {
        let count = spec.overrides.len();
        errors.push(error(
            "/overrides",
            format!("{count} overrides: {OVERRIDES_MAX} are possible"),
        ));
    }
    for (index, change) in spec.overrides.iter().take(OVERRIDES_MAX).enumerate() {
        let at = format!("/overrides/{index}");
        check_selector(&format!("{at}/selector"), &change.selector, &mut errors);
        check_settings(
            &format!("{at}/containers"),
            &change.containers,
            &known,
            &mut errors,
        );
    }
    if spec.depends_on.len() > DEPENDENCIES_MAX {
        let count = spec.depends_on.len();
        errors.push(error(
            "/depends_on",
            format!("{count} deployments: {DEPENDENCIES_MAX} are possible"),
        ));
    }
    if spec.depends_on.iter().any(|other| other == name) {
        errors.push(error("/depends_on", "a deployment cannot depend on itself"));
    }
    errors
}

fn check_selector(at: &str, text: &str, errors: &mut Vec<FieldError>) {
    if text.trim().is_empty() {
        return;
    }
    if let Err(wrong) = Selector::parse(text) {
        errors.push(error(at, format!("character {}: {wrong}", wrong.position)));
    }
}

fn check_settings(
    at: &str,
    containers: &BTreeMap<String, Settings>,
    known: &BTreeSet<&str>,
    errors: &mut Vec<FieldError>,
) {
    for (container, settings) in containers {
        if container != EVERY_CONTAINER && !known.contains(container.as_str()) {
            let names: Vec<&str> = known.iter().copied().collect();
            errors.push(error(
                at,
                format!(
                    "the version has no container `{}`; it has {}",
                    container.escape_debug(),
                    names.join(", ")
                ),
            ));
        }
        let at = format!("{at}/{container}");
        let lists = [
            ("args", settings.args.as_ref().map_or(0, Vec::len)),
            ("env", settings.env.len()),
            ("secret_env", settings.secret_env.len()),
            ("grants", settings.grants.as_ref().map_or(0, Vec::len)),
        ];
        for (field, count) in lists {
            if count > ENTRIES_MAX {
                errors.push(error(
                    &format!("{at}/{field}"),
                    format!("{count} entries: {ENTRIES_MAX} are possible"),
                ));
            }
        }
        for (variable, value) in settings.env.iter().chain(&settings.secret_env) {
            check_variable(&at, variable, value, errors);
        }
        for secret in settings.secret_env.values() {
            if let Err(wrong) = names::name("the secret's name", secret) {
                errors.push(error(&format!("{at}/secret_env"), wrong));
            }
        }
    }
}

fn error(pointer: &str, detail: impl ToString) -> FieldError {
    FieldError {
        pointer: pointer.to_owned(),
        detail: detail.to_string(),
    }
}
