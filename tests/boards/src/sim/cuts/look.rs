//! Looks at a device after a start, and compares what is there with what may be.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use thimble_serial::{ContainerStatus, Reply, Request, RunEnd};

use super::{Device, Went, went};
use crate::Rig;
use crate::sim::model::{Kept, State, WRITER, Wanted};

/// What can be seen of a device.
struct Seen {
    images: BTreeMap<String, BTreeSet<String>>,
    containers: BTreeMap<String, Kept>,
    /// The last whole run of the writer, 0 for none, if that is known.
    record: Option<u32>,
}

/// Ends that a device keeps of a container.
const ENDS_MAX: usize = 4;

/// Goes on only if power has not gone.
macro_rules! well {
    ($rig:expr, $result:expr) => {{
        let result = $result;
        match went($rig, result)? {
            Went::Well(value) => value,
            Went::Cut => return Ok(Went::Cut),
        }
    }};
}
pub(super) use well;

impl Device {
    /// Compares the device with what may be, which is what is there afterwards.
    pub(super) fn look(&mut self, rig: &mut Rig) -> Result<Went<()>> {
        let device = well!(rig, rig.device());
        ensure!(
            device.started_by == "power-on" && !device.has_fault,
            "it was started by {:?}",
            device.started_by
        );
        // Ends with what counts records and images, and has more before it only if something was mended.
        self.tally.mended += u32::from(device.recovered.matches(';').count() > 1);
        let containers = well!(rig, rig.client.containers());
        let images = well!(rig, rig.client.images());
        let record = match containers.iter().any(|it| it.declaration.name == WRITER) {
            false => Some(0),
            true => {
                let name = WRITER.to_owned();
                match well!(rig, rig.ask(&Request::Records { name })) {
                    Reply::Records(ends) => last_whole(&ends)?,
                    other => bail!("records are answered with {other:?}"),
                }
            }
        };
        let seen = Seen {
            images: images
                .into_iter()
                .map(|image| (image.digest, image.references.into_iter().collect()))
                .collect(),
            containers: containers.iter().map(kept).collect::<Result<_>>()?,
            record,
        };
        self.compare(&seen, &device.recovered)?;
        Ok(Went::Well(()))
    }

    fn compare(&mut self, seen: &Seen, recovered: &str) -> Result<()> {
        let possible: Vec<State> = std::mem::take(&mut self.possible)
            .into_iter()
            .map(State::started)
            .collect();
        let fits = |state: &&State| {
            state.images == seen.images
                && state.containers == seen.containers
                && seen
                    .record
                    .is_none_or(|record| record == state.written.record)
        };
        let mut fitting: Vec<State> = possible.iter().filter(fits).cloned().collect();
        fitting.dedup();
        if fitting.is_empty() {
            bail!(
                "what is there is neither old nor new; it told {recovered:?}\nimages {:#?}\ncontainers {:#?}\nrecord {:?}\npossible: {possible:#?}",
                seen.images,
                seen.containers,
                seen.record
            );
        }
        if let Some((before, operation)) = self.interrupted.take() {
            let is_old = before
                .iter()
                .any(|state| fitting.contains(&state.clone().started()));
            let ends = |state: &State| state.steps(&operation).pop().map(State::started);
            let is_new = before
                .iter()
                .filter_map(ends)
                .any(|state| fitting.contains(&state));
            let place = match (is_old, is_new) {
                (true, _) => 0,
                (false, false) => 1,
                (false, true) => 2,
            };
            self.tally.found[place] += 1;
        }
        self.possible = fitting;
        Ok(())
    }
}

fn kept(status: &ContainerStatus) -> Result<(String, Kept)> {
    let declaration = &status.declaration;
    let kept = Kept {
        digest: status.digest.clone(),
        argument: declaration
            .args
            .as_ref()
            .and_then(|args| args.first())
            .cloned()
            .unwrap_or_default(),
        policy: declaration.restart,
        wanted: Wanted::of(status.state)
            .with_context(|| format!("{} is in an odd state: {status:?}", declaration.name))?,
    };
    Ok((declaration.name.clone(), kept))
}

/// The number that the newest whole run wrote; 0 if there was none, nothing if it may be forgotten.
fn last_whole(ends: &[RunEnd]) -> Result<Option<u32>> {
    let is_whole = |end: &&RunEnd| !end.reason.starts_with("interrupted");
    match ends.iter().find(is_whole) {
        Some(end) => {
            ensure!(
                end.reason == "exited" && end.exit_code == 0,
                "the writer ended badly: {end:?}"
            );
            number(&end.last_output, "wrote ", 0)
                .with_context(|| format!("the writer's end is odd: {end:?}"))
                .map(Some)
        }
        None if ends.len() < ENDS_MAX => Ok(Some(0)),
        None => Ok(None),
    }
}

/// The number in this place behind a word.
pub(super) fn number(text: &str, word: &str, place: usize) -> Option<u32> {
    let rest = text.split_once(word)?.1;
    rest.split_whitespace().nth(place)?.parse().ok()
}
