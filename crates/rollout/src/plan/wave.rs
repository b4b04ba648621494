//! Waves: how far they are, and whether the next may begin.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::ids::UnixMs;
use crate::policy::{ApprovalRule, OnFailures, Policy, Threshold, Wave};
use crate::snapshot::{Progress, Snapshot, State};
use crate::standing::Standing;

use super::device::{Class, Row, goes_on};
use super::{Stop, Transition, Watch, WaveTally};

/// Which waves may begin.
pub(super) enum Gate {
    /// None: the rollout does something else.
    Shut(Standing),
    /// All before this one, and why this one may not.
    Before {
        wave: u16,
        reason: Option<(u8, u8)>,
        now: u16,
    },
}

impl Gate {
    /// Says whether a device of a wave may change, or why not.
    pub(super) fn admit(&self, wave: u16) -> Result<(), Standing> {
        match self {
            Self::Shut(standing) => Err(standing.clone()),
            Self::Before { wave: first, .. } if wave < *first => Ok(()),
            Self::Before {
                wave: first,
                reason: Some((approved, needed)),
                ..
            } if wave == *first => Err(Standing::NotApproved {
                wave,
                approved: *approved,
                needed: *needed,
            }),
            Self::Before { now, .. } => Err(Standing::LaterWave { wave, now: *now }),
        }
    }
}

/// How far a rollout came.
pub(super) struct Steps {
    pub(super) progress: Progress,
    pub(super) transitions: Vec<Transition>,
    pub(super) gate: Gate,
    pub(super) tallies: Vec<WaveTally>,
}

/// The devices of a wave, counted.
#[derive(Default)]
struct Count<'a> {
    tally: WaveTally,
    /// Of those that are left out for now: they come back by themselves.
    away: u32,
    /// Failed and all, by hardware type, if that bounds anything.
    hardware: BTreeMap<&'a str, (u32, u32)>,
}

/// Steps from wave to wave as far as it goes.
pub(super) fn step(
    policy: &Policy,
    waves: &[Wave],
    snapshot: &Snapshot,
    rows: &[Row<'_>],
    watch: &mut Watch,
) -> Steps {
    let counts = count(waves, rows);
    let mut stepper = Stepper {
        policy,
        waves,
        snapshot,
        counts: &counts,
        progress: snapshot.progress.clone(),
        transitions: Vec::new(),
    };
    let gate = stepper.run(watch);
    Steps {
        progress: stepper.progress,
        transitions: stepper.transitions,
        gate,
        tallies: counts.iter().map(|count| count.tally).collect(),
    }
}

fn count<'a>(waves: &[Wave], rows: &[Row<'a>]) -> Vec<Count<'a>> {
    let mut counts: Vec<Count<'_>> = waves.iter().map(|_| Count::default()).collect();
    let mut bounds = waves.iter().map(|wave| wave.hardware_failures_max);
    let is_by_hardware = bounds.any(|max| max != Threshold::default());
    for row in rows {
        let Some(count) = row.wave.and_then(|wave| counts.get_mut(usize::from(wave))) else {
            continue;
        };
        let tally = &mut count.tally;
        match row.class {
            Class::Outside => continue,
            Class::Aside => {
                tally.aside += 1;
                count.away += u32::from(row.is_away);
                continue;
            }
            Class::Succeeded => tally.succeeded += 1,
            Class::Failed => tally.failed += 1,
            Class::Open => tally.open += 1,
            Class::Ready => tally.ready += 1,
        }
        tally.members += 1;
        if !is_by_hardware {
            continue;
        }
        let hardware = count
            .hardware
            .entry(row.device.hardware.as_str())
            .or_default();
        hardware.0 += u32::from(row.class == Class::Failed);
        hardware.1 += 1;
    }
    counts
}

struct Stepper<'a> {
    policy: &'a Policy,
    waves: &'a [Wave],
    snapshot: &'a Snapshot,
    counts: &'a [Count<'a>],
    progress: Progress,
    transitions: Vec<Transition>,
}

impl Stepper<'_> {
    fn run(&mut self, watch: &mut Watch) -> Gate {
        if !goes_on(self.progress.state) {
            return self.shut();
        }
        if let Some(deadline) = self.policy.deadline
            && self.progress.state != State::Finished
        {
            watch.look_at(deadline);
            if deadline <= watch.now {
                let wave = self.progress.wave;
                return self.stop(State::Failed, Stop::Deadline { deadline, wave });
            }
        }
        if self.progress.state == State::Planned {
            if let Some(at) = self.policy.begins_at.filter(|at| *at > watch.now) {
                watch.look_at(at);
                return Gate::Shut(Standing::NotBegun { at });
            }
            self.progress.state = State::Running;
            self.transitions.push(Transition::Began);
        }
        if let Some(stop) = self.failures() {
            let state = match self.policy.on_failures {
                OnFailures::Pause => State::Paused,
                OnFailures::Abort => State::Aborted,
                OnFailures::RollBack => State::RollingBack,
            };
            watch.look_at(watch.now.plus_ms(1));
            return self.stop(state, stop);
        }
        self.waves(watch)
    }

    /// Goes on to the next wave as long as one passes.
    fn waves(&mut self, watch: &mut Watch) -> Gate {
        loop {
            let now = self.progress.wave;
            let Some(wave) = self.waves.get(usize::from(now)) else {
                return Gate::Before {
                    wave: now,
                    reason: None,
                    now,
                };
            };
            let open = Gate::Before {
                wave: now.saturating_add(1),
                reason: None,
                now,
            };
            if self.progress.state == State::Finished {
                return open;
            }
            if let Some((approved, needed)) = self.missing_approval(wave, now) {
                if self.progress.state != State::WaitingApproval {
                    self.progress.state = State::WaitingApproval;
                    self.transitions.push(Transition::NeedsApproval {
                        wave: now,
                        approved,
                        needed,
                    });
                }
                return Gate::Before {
                    wave: now,
                    reason: Some((approved, needed)),
                    now,
                };
            }
            if self.progress.state == State::WaitingApproval {
                self.progress.state = State::Running;
                self.transitions.push(Transition::Approved { wave: now });
            }
            match self.passed(wave, now, watch) {
                Err(stop) => return self.stop(State::Paused, stop),
                Ok(false) => return open,
                Ok(true) => {}
            }
            self.progress.soak_since = None;
            if usize::from(now) + 1 >= self.waves.len() {
                self.progress.state = State::Finished;
                self.transitions.push(Transition::Finished);
                return open;
            }
            self.progress.wave += 1;
            self.transitions
                .push(Transition::WaveBegan { wave: now + 1 });
        }
    }

    /// Says whether a wave has succeeded and was watched for long enough.
    fn passed(&mut self, wave: &Wave, index: u16, watch: &mut Watch) -> Result<bool, Stop> {
        let tally = self.tally(index);
        let soak_ms = u64::from(wave.soak_s) * 1000;
        let since = match self.progress.soak_since {
            Some(since) => since,
            None if self.succeeded(wave, index)? => {
                let is_empty = tally.members == 0 && tally.aside == 0;
                let soak_until = watch.now.plus_ms(if is_empty { 0 } else { soak_ms });
                self.transitions.push(Transition::WavePassed {
                    wave: index,
                    tally,
                    soak_until,
                });
                if is_empty {
                    return Ok(true);
                }
                self.progress.soak_since = Some(watch.now);
                watch.now
            }
            None => return Ok(false),
        };
        let until: UnixMs = since.plus_ms(soak_ms);
        watch.look_at(until);
        Ok(until <= watch.now)
    }

    /// Says whether enough of a wave's devices succeeded, or why they never will.
    fn succeeded(&self, wave: &Wave, index: u16) -> Result<bool, Stop> {
        let tally = self.tally(index);
        let is_last = usize::from(index) + 1 >= self.waves.len();
        // Without one success, what comes later would be the first to try; and a rollout that reached nobody is not through.
        let has_told = if is_last {
            !self.reached_nobody()
        } else {
            tally.succeeded > 0 || tally.members + tally.aside == 0
        };
        if is_last
            && self
                .counts
                .iter()
                .any(|count| count.tally.open + count.tally.ready > 0)
        {
            return self.needed(wave, index).map(|_| false);
        }
        let needed = self.needed(wave, index)?;
        let is_through = tally.open + tally.ready == 0;
        Ok(has_told && needed.map_or(is_through, |needed| tally.succeeded >= needed))
    }

    /// Says whether devices take part, and all of them are away: nothing is known of any.
    fn reached_nobody(&self) -> bool {
        let members: u32 = self.counts.iter().map(|count| count.tally.members).sum();
        members == 0 && self.counts.iter().any(|count| count.away > 0)
    }

    /// Returns how many of a wave's devices must succeed, if the policy says so, or why they never will.
    fn needed(&self, wave: &Wave, index: u16) -> Result<Option<u32>, Stop> {
        let Some(percent) = wave.success_percent else {
            return Ok(None);
        };
        let tally = self.tally(index);
        let share = u64::from(tally.members) * u64::from(percent.min(100));
        let needed = u32::try_from(share.div_ceil(100)).unwrap_or(u32::MAX);
        let possible = tally.succeeded + tally.open + tally.ready;
        if possible < needed {
            return Err(Stop::CannotSucceed {
                wave: index,
                possible,
                needed,
                members: tally.members,
            });
        }
        Ok(Some(needed))
    }

    /// Says which wave that began has too many failures.
    fn failures(&self) -> Option<Stop> {
        let began = self
            .waves
            .iter()
            .zip(self.counts)
            .zip(0..=self.progress.wave);
        for ((wave, count), index) in began {
            let WaveTally {
                failed, members, ..
            } = count.tally;
            let max = wave.failures_max;
            if failed > 0 && max.is_exceeded(failed, members) {
                return Some(Stop::Failures {
                    wave: index,
                    failed,
                    members,
                    max,
                });
            }
            let max = wave.hardware_failures_max;
            for (hardware, (failed, members)) in &count.hardware {
                if *failed > 0 && max.is_exceeded(*failed, *members) {
                    return Some(Stop::HardwareFailures {
                        wave: index,
                        hardware: (*hardware).to_owned(),
                        failed: *failed,
                        members: *members,
                        max,
                    });
                }
            }
        }
        None
    }

    /// Returns how many persons approved a wave and how many must, if that is not enough.
    fn missing_approval(&self, wave: &Wave, index: u16) -> Option<(u8, u8)> {
        let rule = wave.approval.as_ref()?;
        let approved = approved(rule, self.snapshot, index);
        (approved < rule.persons).then_some((approved, rule.persons))
    }

    fn tally(&self, index: u16) -> WaveTally {
        let count = self.counts.get(usize::from(index));
        count.map(|count| count.tally).unwrap_or_default()
    }

    fn stop(&mut self, state: State, stop: Stop) -> Gate {
        self.progress.state = state;
        self.transitions.push(Transition::Stopped { state, stop });
        self.shut()
    }

    const fn shut(&self) -> Gate {
        Gate::Shut(Standing::Stopped {
            state: self.progress.state,
        })
    }
}

/// Returns how many different persons approved a wave, of those who may.
fn approved(rule: &ApprovalRule, snapshot: &Snapshot, index: u16) -> u8 {
    let persons: BTreeSet<&str> = snapshot
        .approvals
        .iter()
        .filter(|approval| approval.wave == index)
        .filter(|approval| !rule.excludes_author || approval.user != snapshot.author)
        .filter(|approval| {
            rule.roles.is_empty() || approval.roles.iter().any(|role| rule.roles.contains(role))
        })
        .map(|approval| approval.user.as_str())
        .collect();
    u8::try_from(persons.len()).unwrap_or(u8::MAX)
}
