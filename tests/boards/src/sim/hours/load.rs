//! What always runs, and how it should be.

use anyhow::{Context as _, Result, bail, ensure};
use thimble_image::ImageConfig;
use thimble_serial::{ContainerStatus, Declaration, DeviceStatus, Policy, Request, RunState};

use super::{GATE_MS, Hours};
use crate::sim::guests;
use crate::{Packed, guests as built};

/// The container that lets time pass.
pub(super) const GATE: &str = "gate";
/// The container whose number only grows.
const KEEPER: &str = "keeper";

/// What a container is allowed to be when it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// It never ends.
    Runs,
    /// It is started by hand, and has ended well.
    Ends,
    /// It ends again and again, and is started again.
    Returns,
}

pub(super) struct Member {
    name: &'static str,
    image: Packed,
    grants: &'static [&'static str],
    memory_bytes: u32,
    expected: Expected,
}

/// Rounds of the publisher, a tenth of a second each, and of the blinky.
const ROUNDS: u32 = 1000;
const MINUTE_MS: u64 = 60_000;

/// All that runs, with its images.
pub(super) fn members() -> Result<Vec<Member>> {
    let text = |text: &str| guests::image(text, ImageConfig::default());
    let file = |name: &str| Packed::of_file(&built::guest(name), false);
    let member = |name, image, expected| Member {
        name,
        image,
        grants: &[],
        memory_bytes: 64 << 10,
        expected,
    };
    Ok(vec![
        member(GATE, text(&guests::gate(GATE_MS))?, Expected::Runs),
        Member {
            grants: &["timer", "bus.pub:demo/#"],
            memory_bytes: 256 << 10,
            ..member("publisher", file("publisher-rust")?, Expected::Ends)
        },
        Member {
            grants: &["bus.sub:demo/#"],
            memory_bytes: 256 << 10,
            ..member("subscriber", file("subscriber-rust")?, Expected::Runs)
        },
        Member {
            grants: &["timer", "gpio:led0"],
            memory_bytes: 256 << 10,
            ..member("blinky", file("blinky-rust")?, Expected::Ends)
        },
        member(
            "crasher",
            text(&guests::crasher(7 * MINUTE_MS))?,
            Expected::Returns,
        ),
        member(
            "flooder",
            text(&guests::flooder(3 * MINUTE_MS))?,
            Expected::Runs,
        ),
        Member {
            memory_bytes: 320 << 10,
            ..member(
                "grower",
                text(&guests::grower(1, 5, 50_000))?,
                Expected::Returns,
            )
        },
        Member {
            memory_bytes: 192 << 10,
            ..member(
                "other-grower",
                text(&guests::grower(2, 2, 35_000))?,
                Expected::Returns,
            )
        },
        Member {
            grants: &["kv"],
            ..member(
                KEEPER,
                text(&guests::keeper(4 * MINUTE_MS))?,
                Expected::Runs,
            )
        },
    ])
}

impl Hours {
    /// Installs and makes all that always runs.
    pub(super) fn load(&mut self) -> Result<()> {
        for member in &self.members {
            let reference = format!("{}:1", member.name);
            self.rig
                .install(&member.image, &reference)
                .with_context(|| format!("installing {reference}"))?;
            let mut declaration = Declaration {
                name: member.name.to_owned(),
                image: reference,
                grants: member
                    .grants
                    .iter()
                    .map(|&grant| grant.to_owned())
                    .collect(),
                env: vec![format!("ROUNDS={ROUNDS}")],
                restart: match member.expected {
                    Expected::Ends => Policy::No,
                    _ => Policy::Always,
                },
                is_stopped: member.expected == Expected::Ends,
                ..Declaration::default()
            };
            declaration.limits.memory_bytes = Some(member.memory_bytes);
            declaration.limits.stack_bytes = Some(8 << 10);
            declaration.limits.log_bytes = Some(1024);
            self.rig
                .client
                .create(declaration, false)
                .with_context(|| format!("making {}", member.name))?;
        }
        Ok(())
    }

    /// Lets those work that wake some times a second, for two minutes: much longer would be real minutes.
    pub(super) fn start_workers(&mut self) -> Result<()> {
        let works = |member: &&Member| member.expected == Expected::Ends;
        for member in self.members.iter().filter(works) {
            let name = member.name.to_owned();
            self.rig.client.done(&Request::Start { name })?;
        }
        Ok(())
    }

    /// Looks at everything.
    pub(super) fn look(&mut self, device: &DeviceStatus) -> Result<()> {
        self.counts.looks += 1;
        let containers = self.rig.client.containers()?;
        for Member { name, expected, .. } in &self.members {
            let found = containers.iter().find(|it| it.declaration.name == *name);
            let status = found.with_context(|| format!("{name} is gone; {}", device.recovered))?;
            check(status, *expected)?;
        }
        self.extra.check(&containers)?;
        let heard = self.rig.log(KEEPER)?;
        let last = heard
            .output
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("kept "));
        let Some(kept) = last else {
            bail!("the keeper says nothing: {heard:?}");
        };
        let kept: u32 = kept.parse()?;
        ensure!(
            kept > self.kept,
            "the keeper is at {kept}, and was at {}",
            self.kept
        );
        self.kept = kept;
        Ok(())
    }
}

fn check(status: &ContainerStatus, expected: Expected) -> Result<()> {
    let is_well = match expected {
        Expected::Runs => status.state == RunState::Running && status.restarts == 0,
        Expected::Ends => match (status.state, &status.end) {
            (RunState::Created, _) => true,
            (RunState::Exited, Some(end)) => end.exit_code == 0,
            _ => false,
        },
        Expected::Returns => matches!(status.state, RunState::Running | RunState::Restarting),
    };
    ensure!(
        is_well,
        "{} should be different: {status:#?}",
        status.declaration.name
    );
    if let Some(end) = &status.end {
        ensure!(
            !end.reason.starts_with("cannot start"),
            "{} could not be started: {end:?}",
            status.declaration.name
        );
    }
    Ok(())
}
