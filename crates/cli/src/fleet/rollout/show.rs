//! How a rollout goes: each wave in numbers, and the reasons for which devices are where they are.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use thimble_hub_api::rollout::{Preview, Rollout, RolloutDevice, RolloutState};

use crate::arguments::Shape;
use crate::device::{Rows, table};
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::Output;

use super::super::deploy::more;
use super::super::policy::wave_words;
use super::super::session::Session;
use super::super::watch::watch;
use super::super::words::{count, second};
use super::{find, is_over, state_name};

/// The fields of a rollout with its devices.
const FIELDS: &[&str] = &["rollout", "deployment", "devices"];
/// The revision of a rollout that removes its deployment.
const REMOVAL: u64 = 0;
/// Devices that are told one by one at most.
const TOLD_MAX: usize = 20;
/// Names that are told of devices with one reason, at most.
const NAMES_MAX: usize = 3;
/// Where devices of a rollout are, in the order of their way.
const WAY: [&str; 6] = ["waiting", "updating", "done", "failed", "back", "left out"];

#[derive(Args)]
pub(super) struct StatusArguments {
    /// Show it again whenever something is different, until it is over.
    #[arg(short, long, conflicts_with_all = ["json", "format"])]
    watch: bool,

    /// List the devices one by one.
    #[arg(long)]
    devices: bool,

    #[command(flatten)]
    shape: Shape,

    /// Its id, or the name of its deployment, whose newest rollout is meant.
    #[arg(value_name = "ROLLOUT|DEPLOYMENT")]
    rollout: String,
}

/// A rollout, with what belongs to it.
#[derive(Serialize)]
struct Progress {
    rollout: Rollout,
    deployment: String,
    devices: Vec<RolloutDevice>,
}

/// Shows how a rollout goes. One that failed is told by the exit code if it was watched.
pub(super) fn status(arguments: &StatusArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, FIELDS)?;
    let first = find(session, &arguments.rollout)?;
    let look = || look(session, &first);
    if !arguments.watch {
        let progress = look()?;
        return output.one(&progress, || text(&progress, arguments.devices));
    }
    let last = watch(
        look,
        |progress| text(progress, arguments.devices),
        |progress| is_over(progress.rollout.state),
    )?;
    if last.rollout.state == RolloutState::Finished {
        return Ok(());
    }
    Err(Failure::device(
        "the rollout",
        format_args!(
            "{}{}",
            state_name(last.rollout.state),
            last.rollout
                .reason
                .map_or_else(String::new, |reason| format!(": {}", printable(&reason)))
        ),
    ))
}

fn look(session: &Session, first: &Rollout) -> Result<Progress, Failure> {
    let id = first.id.as_str();
    let found = session.find(id, session.client.rollout(id))?;
    let rollout = match found {
        Some(rollout) => rollout,
        // A removal goes with its deployment when it is over.
        None if first.revision == REMOVAL => return Ok(removed(first)),
        None => session.about(id, session.client.rollout(id))?,
    };
    let found = session.find(id, session.client.deployment(&rollout.deployment))?;
    let devices = session.all(async |paged| session.client.rollout_devices(id, &paged).await)?;
    Ok(Progress {
        // One that was removed meanwhile has no name any more.
        deployment: found.map_or_else(|| rollout.deployment.clone(), |found| found.value.name),
        rollout,
        devices,
    })
}

/// What a removal was that came to its end.
fn removed(first: &Rollout) -> Progress {
    Progress {
        rollout: Rollout {
            state: RolloutState::Finished,
            reason: Some("the deployment is gone from every device, and from the hub".to_owned()),
            ..first.clone()
        },
        deployment: first.deployment.clone(),
        devices: Vec::new(),
    }
}

fn text(progress: &Progress, one_by_one: bool) -> String {
    let rollout = &progress.rollout;
    let mut rows = Rows::default();
    rows.add("rollout", &rollout.id);
    rows.add(
        "deployment",
        format!("{} revision {}", progress.deployment, rollout.revision),
    );
    rows.add("state", state_name(rollout.state));
    rows.add("reason", rollout.reason.clone().unwrap_or_default());
    rows.add(
        "begun",
        format!("{} by {}", second(rollout.created_at), rollout.author),
    );
    let mut text = rows.text();
    if !progress.devices.is_empty() {
        text.push('\n');
        text.push_str(&waves(progress));
    }
    let devices: Vec<&RolloutDevice> = progress.devices.iter().collect();
    if one_by_one {
        text.push('\n');
        text.push_str(&device_rows(&devices));
    } else {
        text.push_str(&reasons(&devices));
    }
    text
}

/// Each wave in numbers.
fn waves(progress: &Progress) -> String {
    let mut counts: BTreeMap<Option<u32>, BTreeMap<&str, u64>> = BTreeMap::new();
    for device in &progress.devices {
        let wave = counts.entry(device.wave).or_default();
        *wave.entry(stage(&device.status)).or_default() += 1;
    }
    let mut head = vec!["WAVE".to_owned(), "DEVICES".to_owned()];
    head.extend(WAY.iter().map(|stage| stage.to_uppercase()));
    head.push("OF".to_owned());
    let mut rows = vec![head];
    let rollout = &progress.rollout;
    // Those in no wave come last.
    let in_order = counts.iter().filter(|(wave, _)| wave.is_some());
    for (wave, counts) in in_order.chain(counts.iter().filter(|(wave, _)| wave.is_none())) {
        let (number, words) = match wave {
            Some(wave) => {
                let now = if *wave == rollout.wave && !is_over(rollout.state) {
                    "*"
                } else {
                    ""
                };
                let index = usize::try_from(*wave).unwrap_or(usize::MAX);
                (
                    format!("{}{now}", wave.saturating_add(1)),
                    wave_words(&rollout.policy, index),
                )
            }
            None => ("-".to_owned(), "in no wave".to_owned()),
        };
        let mut row = vec![number, counts.values().sum::<u64>().to_string()];
        row.extend(
            WAY.iter()
                .map(|stage| counts.get(stage).copied().unwrap_or_default().to_string()),
        );
        row.push(printable(&words));
        rows.push(row);
    }
    table(&rows)
}

/// Which of the stages a status belongs to; one that is not known is waited for.
fn stage(status: &str) -> &'static str {
    match status {
        "succeeded" | "up-to-date" => "done",
        "begins" | "updating" | "vetoed" | "waits-for-window" | "waits-for-hold" => "updating",
        "unhealthy" | "failed" | "timed-out" | "failed-before" | "penalty" => "failed",
        "goes-back" | "rolled-back" => "back",
        "not-selected" | "no-wave" | "conflict" | "superseded" | "missing-dependency"
        | "does-not-fit" | "replaced" | "not-reached" | "skipped" => "left out",
        _ => "waiting",
    }
}

/// Why devices are where they are, those with one reason together; those that are done need none.
fn reasons(devices: &[&RolloutDevice]) -> String {
    let mut groups: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for device in devices {
        if stage(&device.status) != "done" && !device.reason.is_empty() {
            let key = (device.status.as_str(), device.reason.as_str());
            groups.entry(key).or_default().push(&device.name);
        }
    }
    if groups.is_empty() {
        return String::new();
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    let head = ["COUNT", "STATUS", "REASON", "DEVICES"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for ((status, reason), names) in &groups {
        let mut few: Vec<String> = names
            .iter()
            .take(NAMES_MAX)
            .map(|name| printable(name))
            .collect();
        if names.len() > NAMES_MAX {
            few.push("…".to_owned());
        }
        rows.push(vec![
            names.len().to_string(),
            printable(status),
            printable(reason),
            few.join(", "),
        ]);
    }
    format!("\n{}", table(&rows))
}

fn device_rows(devices: &[&RolloutDevice]) -> String {
    let head = ["DEVICE", "WAVE", "STATUS", "REASON"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(devices.iter().map(|device| {
        vec![
            printable(&device.name),
            device
                .wave
                .map_or_else(|| "-".to_owned(), |wave| wave.saturating_add(1).to_string()),
            printable(&device.status),
            printable(&device.reason),
        ]
    }));
    table(&rows)
}

/// What a rollout would do now.
pub(in crate::fleet) fn preview_text(preview: &Preview) -> String {
    let policy = &preview.policy;
    let mut text = String::from("waves:");
    for index in 0..policy.waves.len() {
        text.push_str(&format!(" {}, then", printable(&wave_words(policy, index))));
    }
    text.push_str(if policy.waves.is_empty() {
        " all at once\n"
    } else {
        " the rest\n"
    });
    text.push_str(&format!(
        "{} at once\n",
        match preview.begins_count {
            1 => "1 device begins".to_owned(),
            count => format!("{count} devices begin"),
        }
    ));
    for device in preview.begins.iter().take(TOLD_MAX) {
        text.push_str(&format!("  {}\n", printable(&device.name)));
    }
    text.push_str(&more(preview.begins_count, preview.begins.len()));
    if preview.waits_count > 0 {
        text.push_str(&format!(
            "{} not at once:",
            count(preview.waits_count, "device")
        ));
        let devices: Vec<&RolloutDevice> = preview.waits.iter().collect();
        let table = reasons(&devices);
        text.push_str(if table.is_empty() { "\n" } else { &table });
    }
    text
}
