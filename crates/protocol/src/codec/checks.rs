//! The rules that a record obeys as a whole.

use alloc::collections::BTreeSet;
use alloc::string::String;

use super::DecodeError;
use crate::enrol::{EnrolRequest, Issued};
use crate::ids::StateVersion;
use crate::manifest::{Container, Manifest, Mount, SecretVariable};
use crate::report::Report;
use crate::state::{DesiredState, Item, SealedSecret, SigningKey, Window};
use crate::{keyring, limits};

type Checked = Result<(), DecodeError>;

const MINUTES_OF_A_DAY: u16 = 24 * 60;
/// The time zones that there are reach from -12:00 to +14:00.
const UTC_OFFSET_MINUTES_MAX: u16 = 14 * 60;

const fn rule(holds: bool, field: &'static str, rule: &'static str) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(DecodeError::Invalid { field, rule })
    }
}

pub(super) const fn none<T>(_: &T) -> Checked {
    Ok(())
}

/// Whether all of these differ.
fn differ<T: Ord>(values: impl Iterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    values.into_iter().all(|value| seen.insert(value))
}

/// Whether a text is a name: `a-z`, `0-9`, `-`, beginning and ending with a letter or a digit.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_https(url: &str) -> bool {
    url.strip_prefix("https://")
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && url.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a text is `NAME=value`, without a NUL, which no environment can hold.
fn is_variable(text: &str) -> bool {
    text.split_once('=')
        .is_some_and(|(name, _)| !name.is_empty())
        && !text.contains('\0')
}

pub(super) fn state(state: &DesiredState) -> Checked {
    rule(
        state.version > StateVersion(0),
        "DesiredState.version",
        "the first version is 1",
    )?;
    rule(
        differ(state.items.iter().map(|it| it.deployment)),
        "DesiredState.items",
        "a deployment is there twice",
    )?;
    rule(
        differ(state.secrets.iter().map(|it| it.name.as_str())),
        "DesiredState.secrets",
        "a secret is there twice",
    )?;
    rule(
        state.ladder.is_sorted_by_key(|it| it.after_s),
        "DesiredState.ladder",
        "the rungs are not in the order of time",
    )?;
    rule(
        state.recovery_urls.iter().all(|it| is_https(it)),
        "DesiredState.recovery_urls",
        "a URL does not begin with https:// and a host",
    )?;
    rule(
        differ(state.next_keys.iter().map(|it| it.id)),
        "DesiredState.next_keys",
        "a key is there twice",
    )
}

pub(super) const fn item(item: &Item) -> Checked {
    rule(
        item.manifest_bytes > 0
            && item.manifest_bytes <= limits::MANIFEST_BYTES_MAX + limits::ENVELOPE_EXTRA_BYTES_MAX,
        "Item.manifest_bytes",
        "it is none, or more than an envelope may have",
    )
}

pub(super) fn window(window: &Window) -> Checked {
    rule(
        (1..=0x7f).contains(&window.days),
        "Window.days",
        "it takes at least one of the bits 0 (Monday) to 6 (Sunday), and no other",
    )?;
    rule(
        window.begin_minute < MINUTES_OF_A_DAY,
        "Window.begin_minute",
        "a day ends before minute 1440",
    )?;
    rule(
        (1..=MINUTES_OF_A_DAY).contains(&window.minutes),
        "Window.minutes",
        "it lasts 1 to 1440 minutes",
    )?;
    rule(
        window.utc_offset_minutes.unsigned_abs() <= UTC_OFFSET_MINUTES_MAX,
        "Window.utc_offset_minutes",
        "it is between -840 and 840",
    )
}

pub(super) const fn sealed(secret: &SealedSecret) -> Checked {
    if let Err(error) = rule(!secret.name.is_empty(), "SealedSecret.name", "it is empty") {
        return Err(error);
    }
    rule(
        secret.sealed.len() >= limits::SEAL_BYTES as usize,
        "SealedSecret.sealed",
        "it is shorter than an encapsulated key and a tag",
    )
}

pub(super) fn signing_key(key: &SigningKey) -> Checked {
    rule(
        key.point.len() == 33,
        "SigningKey.point",
        "a compressed point has 33 bytes",
    )?;
    rule(
        keyring::key_id(&key.point) == key.id,
        "SigningKey.id",
        "it is not made of the point",
    )
}

pub(super) fn manifest(manifest: &Manifest) -> Checked {
    rule(
        is_name(&manifest.app),
        "Manifest.app",
        "a name is made of a-z, 0-9 and `-` inside",
    )?;
    rule(
        differ(manifest.containers.iter().map(|it| it.name.as_str())),
        "Manifest.containers",
        "two have one name",
    )?;
    rule(
        !manifest.depends_on.contains(&manifest.deployment),
        "Manifest.depends_on",
        "a deployment cannot depend on itself",
    )?;
    let is_known = |name: &String| manifest.containers.iter().any(|it| it.name == *name);
    rule(
        manifest.containers.iter().all(|it| {
            it.depends_on
                .iter()
                .all(|name| is_known(name) && *name != it.name)
        }),
        "Container.depends_on",
        "it names a container that is not there, or itself",
    )
}

pub(super) fn container(container: &Container) -> Checked {
    rule(
        is_name(&container.name),
        "Container.name",
        "a name is made of a-z, 0-9 and `-` inside",
    )?;
    rule(
        container.env.iter().all(|it| is_variable(it)),
        "Container.env",
        "a variable is not `NAME=value`",
    )
}

pub(super) fn secret_variable(variable: &SecretVariable) -> Checked {
    rule(
        !variable.variable.is_empty() && !variable.variable.contains(['=', '\0']),
        "SecretVariable.variable",
        "it is not the name of a variable",
    )?;
    rule(
        !variable.secret.is_empty(),
        "SecretVariable.secret",
        "it is empty",
    )
}

pub(super) fn mount(mount: &Mount) -> Checked {
    rule(
        is_name(&mount.volume),
        "Mount.volume",
        "a name is made of a-z, 0-9 and `-` inside",
    )?;
    rule(
        mount.target.starts_with('/'),
        "Mount.target",
        "it does not begin with `/`",
    )
}

pub(super) fn report(report: &Report) -> Checked {
    let deployments = report.deployments.iter().flatten();
    rule(
        differ(deployments.map(|it| it.deployment)),
        "Report.deployments",
        "a deployment is there twice",
    )
}

pub(super) const fn enrol_request(request: &EnrolRequest) -> Checked {
    rule(!request.csr.is_empty(), "EnrolRequest.csr", "it is empty")
}

pub(super) fn issued(issued: &Issued) -> Checked {
    rule(
        !issued.chain.is_empty(),
        "Issued.chain",
        "it has no certificate",
    )?;
    rule(!issued.keys.is_empty(), "Issued.keys", "there is none")?;
    rule(
        differ(issued.keys.iter().map(|it| it.id)),
        "Issued.keys",
        "a key is there twice",
    )?;
    rule(
        is_https(&issued.hub),
        "Issued.hub",
        "it does not begin with https:// and a host",
    )
}
