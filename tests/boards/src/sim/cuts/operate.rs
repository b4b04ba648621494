//! Does something with a device, and knows what it may hold then.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use thimble_port_serial::SerialError;
use thimble_serial::{Declaration, Request, RunState};

use super::look::{number, well};
use super::{Device, Went, went};
use crate::Rig;
use crate::sim::model::{Operation, State, WRITER, Wanted};

/// The time between two looks at something that is about to change.
const LOOK_TIME: Duration = Duration::from_millis(1);
/// Looks until it is too much.
const LOOKS_MAX: u32 = 10_000;

impl Device {
    /// Carries out an operation.
    pub(super) fn operate(&mut self, rig: &mut Rig, operation: &Operation) -> Result<Went<()>> {
        let before = self.possible.clone();
        // Whatever happens, it is somewhere on the way.
        let steps: Vec<Vec<State>> = before.iter().map(|state| state.steps(operation)).collect();
        self.possible.extend(steps.iter().flatten().cloned());
        well!(rig, self.request(rig, operation));
        if matches!(operation, Operation::Remove { name } if name == WRITER) {
            self.unread = None;
        }
        self.possible = match operation {
            Operation::Write => match self.written(rig, &before)? {
                Went::Well(after) => after,
                Went::Cut => return Ok(Went::Cut),
            },
            _ => steps
                .into_iter()
                .filter_map(|mut steps| steps.pop())
                .collect(),
        };
        Ok(Went::Well(()))
    }

    fn request(&self, rig: &mut Rig, operation: &Operation) -> Result<(), SerialError> {
        match operation {
            Operation::Install {
                number, reference, ..
            } => rig.install(&self.images[*number], reference).map(drop),
            Operation::RemoveImage { digest } => rig.client.done(&Request::RemoveImage {
                image: digest.clone(),
            }),
            Operation::Create {
                name,
                reference,
                argument,
                policy,
                replace,
                ..
            } => {
                let is_writer = name == WRITER;
                let declaration = Declaration {
                    name: name.clone(),
                    image: reference.clone(),
                    args: Some(vec![argument.clone()]),
                    grants: is_writer.then(|| "kv".to_owned()).into_iter().collect(),
                    restart: *policy,
                    is_stopped: is_writer,
                    ..Declaration::default()
                };
                rig.client.create(declaration, *replace).map(drop)
            }
            Operation::Want { name, from, to } => want(rig, name, *from, *to),
            Operation::Remove { name } => rig.client.done(&Request::Remove {
                name: name.clone(),
                force: true,
            }),
            Operation::Write => {
                let name = WRITER.to_owned();
                rig.client.done(&Request::Start { name })
            }
        }
    }

    /// Follows the writer to its end; what is possible then.
    fn written(&mut self, rig: &mut Rig, before: &[State]) -> Result<Went<Vec<State>>> {
        let end = well!(
            rig,
            await_state(rig, WRITER, |state| state == RunState::Exited)
        );
        let end = end.context("the writer does not end")?;
        let (value, file, wrote) = (
            number(&end, "found ", 0),
            number(&end, "found ", 1),
            number(&end, "wrote ", 0),
        );
        let found = value
            .zip(file)
            .with_context(|| format!("the writer says {end:?}"))?;
        let known: Vec<&State> = before
            .iter()
            .filter(|state| (state.written.value, state.written.file) == found)
            .collect();
        ensure!(
            !known.is_empty(),
            "the writer found {found:?}, which is neither old nor new; possible: {:?}",
            before.iter().map(|state| state.written).collect::<Vec<_>>()
        );
        ensure!(
            wrote == Some(found.0 + 1),
            "the writer found {found:?} and wrote {wrote:?}"
        );
        if let Some(unread) = self.unread.take() {
            let place = match found {
                (value, _) if value == unread.value => 0,
                (value, file) if value != file => 1,
                _ => 2,
            };
            self.tally.found[place] += 1;
        }
        let ends = |state: &State| state.steps(&Operation::Write).pop();
        Ok(Went::Well(known.into_iter().filter_map(ends).collect()))
    }
}

fn want(rig: &mut Rig, name: &str, from: Wanted, to: Wanted) -> Result<(), SerialError> {
    let name = name.to_owned();
    match (from, to) {
        (Wanted::Paused, Wanted::Up) => rig.client.done(&Request::Unpause { name }),
        (_, Wanted::Up) => rig.client.done(&Request::Start { name }),
        (_, Wanted::Paused) => rig.client.done(&Request::Pause { name }),
        (_, Wanted::Down) => {
            rig.client.done(&Request::Stop {
                name: name.clone(),
                grace_ms: None,
            })?;
            await_state(rig, &name, |state| {
                matches!(state, RunState::Exited | RunState::Failed)
            })
            .map(drop)
        }
    }
}

/// Waits until a container is so; the end of what it wrote.
fn await_state(
    rig: &mut Rig,
    name: &str,
    is_wanted: impl Fn(RunState) -> bool,
) -> Result<Option<String>, SerialError> {
    for _ in 0..LOOKS_MAX {
        let status = rig.client.inspect(name)?;
        if is_wanted(status.state) {
            return Ok(Some(
                status.end.map(|end| end.last_output).unwrap_or_default(),
            ));
        }
        if status.state == RunState::Failed {
            return Ok(None);
        }
        rig.client.idle(LOOK_TIME)?;
    }
    Ok(None)
}
