//! What the monitor makes of reports and of silence.

use alloc::string::ToString;
use core::time::Duration;

use thimble_testkit::random::{Random, seed};

use crate::lifecycle::{HealthCheck, HealthMonitor, HealthState, Illness};
use crate::record::Health;
use crate::time::Instant;

use HealthState::{Degraded, Healthy, None as Unknown, Starting, Unhealthy};

/// Something that the monitor hears or is asked, at a second.
#[derive(Clone, Copy, Debug)]
enum Event {
    Start,
    Report(Health),
    Pause,
    Unpause,
    End,
    /// The state, and when to look again.
    Look(HealthState, Option<u64>),
}

use Event::{End, Look, Pause, Report, Start, Unpause};

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

fn check(start: u64, heartbeat: Option<u64>) -> HealthCheck {
    HealthCheck {
        start: Duration::from_secs(start),
        heartbeat: heartbeat.map(Duration::from_secs),
    }
}

fn play(check: Option<HealthCheck>, events: &[(u64, Event)]) {
    let mut monitor = HealthMonitor::new(check);
    for (second, event) in events {
        let now = at(*second);
        match event {
            Start => monitor.started(now),
            Report(health) => monitor.reported(*health, now),
            Pause => monitor.paused(now),
            Unpause => monitor.unpaused(now),
            End => monitor.ended(),
            Look(state, due) => {
                let seen = (monitor.check(now), monitor.due());
                assert_eq!(seen, (*state, due.map(at)), "at {second} of {events:?}");
                assert_eq!(monitor.state(), *state);
            }
        }
    }
}

#[test]
fn without_a_check_reports_are_believed() {
    play(
        None,
        &[
            (0, Look(Unknown, None)),
            (0, Report(Health::Healthy)),
            (0, Look(Unknown, None)),
            (1, Start),
            (9, Look(Unknown, None)),
            (9, Report(Health::Healthy)),
            (99, Look(Healthy, None)),
            (99, Report(Health::Degraded)),
            (99, Look(Degraded, None)),
            (99, Report(Health::Failing)),
            (99, Look(Unhealthy(Illness::Failing), None)),
            (99, End),
            (99, Look(Unknown, None)),
        ],
    );
}

#[test]
fn a_start_has_its_time() {
    play(
        Some(check(10, None)),
        &[
            (5, Start),
            (14, Look(Starting, Some(15))),
            (15, Look(Unhealthy(Illness::NotReady), None)),
            (16, Report(Health::Healthy)),
            (99, Look(Healthy, None)),
            (99, End),
            (100, Start),
            (101, Look(Starting, Some(110))),
            // It says so itself, but still has time.
            (102, Report(Health::Failing)),
            (109, Look(Starting, Some(110))),
            (110, Look(Unhealthy(Illness::Failing), None)),
            (110, End),
            (200, Start),
            (201, Report(Health::Degraded)),
            (202, Report(Health::Failing)),
            (202, Look(Unhealthy(Illness::Failing), None)),
        ],
    );
}

#[test]
fn a_late_failing_report_counts_although_nobody_looked() {
    play(
        Some(check(10, None)),
        &[
            (0, Start),
            (20, Report(Health::Failing)),
            (20, Look(Unhealthy(Illness::Failing), None)),
        ],
    );
}

#[test]
fn a_heart_must_beat_once_it_has_begun() {
    play(
        Some(check(10, Some(3))),
        &[
            (0, Start),
            (9, Report(Health::Healthy)),
            (11, Look(Healthy, Some(12))),
            (11, Report(Health::Degraded)),
            (13, Look(Degraded, Some(14))),
            (14, Look(Unhealthy(Illness::Silent), None)),
            (15, Report(Health::Healthy)),
            (15, Look(Healthy, Some(18))),
            (16, Report(Health::Failing)),
            (99, Look(Unhealthy(Illness::Failing), None)),
        ],
    );
}

#[test]
fn a_pause_does_not_count() {
    play(
        Some(check(10, Some(3))),
        &[
            (0, Start),
            (9, Pause),
            (50, Pause),
            (90, Look(Starting, None)),
            (100, Unpause),
            (100, Look(Starting, Some(101))),
            (100, Report(Health::Healthy)),
            (101, Pause),
            // From the slice that was running when it was paused.
            (102, Report(Health::Healthy)),
            (200, Look(Healthy, None)),
            (200, Unpause),
            (202, Unpause),
            (202, Look(Healthy, Some(203))),
            (203, Look(Unhealthy(Illness::Silent), None)),
            (204, Pause),
            (205, Start),
            (206, Look(Starting, Some(215))),
        ],
    );
}

#[test]
fn the_end_of_time_and_a_clock_that_goes_back_do_no_harm() {
    let endless = HealthCheck {
        start: Duration::MAX,
        heartbeat: Some(Duration::ZERO),
    };
    let mut monitor = HealthMonitor::new(Some(endless));
    monitor.started(Instant::from_nanos(u64::MAX));
    monitor.paused(at(5));
    monitor.unpaused(at(1));
    monitor.reported(Health::Healthy, at(0));
    assert_eq!(monitor.check(at(0)), Unhealthy(Illness::Silent));
    assert_eq!(monitor.due(), None);
}

#[test]
fn states_are_told_in_words() {
    let cases = [
        (Unknown, "none"),
        (Starting, "starting"),
        (Healthy, "healthy"),
        (Degraded, "degraded"),
        (
            Unhealthy(Illness::NotReady),
            "unhealthy: it did not report that it is ready in time",
        ),
        (
            Unhealthy(Illness::Silent),
            "unhealthy: its reports have stopped",
        ),
        (
            Unhealthy(Illness::Failing),
            "unhealthy: it reports that it fails",
        ),
    ];
    for (state, words) in cases {
        assert_eq!(state.to_string(), words);
    }
}

/// What a container has done, in seconds that it was not paused.
#[derive(Default)]
struct Model {
    clock: u64,
    paused: bool,
    running_since: Option<u64>,
    /// The first report that it works.
    ready: bool,
    last: Option<(Health, u64)>,
}

impl Model {
    fn state(&self, check: Option<HealthCheck>) -> HealthState {
        let Some(since) = self.running_since else {
            return Unknown;
        };
        let told = |health| match health {
            Health::Healthy => Healthy,
            Health::Degraded => Degraded,
            Health::Failing => Unhealthy(Illness::Failing),
        };
        let last = self.last.map(|(health, _)| told(health));
        let Some(check) = check else {
            return last.unwrap_or(Unknown);
        };
        let starts = self.clock - since < check.start.as_secs();
        match last {
            _ if !self.ready && starts => Starting,
            None => Unhealthy(Illness::NotReady),
            Some(Unhealthy(illness)) => Unhealthy(illness),
            Some(state) => {
                let silence = self.last.map_or(0, |(_, at)| self.clock - at);
                let limit = check.heartbeat.map_or(u64::MAX, |limit| limit.as_secs());
                if silence >= limit {
                    Unhealthy(Illness::Silent)
                } else {
                    state
                }
            }
        }
    }
}

#[test]
fn a_random_walk_agrees_with_a_model() {
    let seed = seed(0x6865_616c_7468);
    let mut random = Random::new(seed);
    for _ in 0..300 {
        let check = match random.below(4) {
            0 => None,
            1 => Some(check(random.below(20), None)),
            _ => Some(check(random.below(20), Some(random.below(10) + 1))),
        };
        let (mut monitor, mut model, mut now) = (HealthMonitor::new(check), Model::default(), 0);
        for _ in 0..200 {
            let passed = random.below(4);
            now += passed;
            model.clock += if model.paused { 0 } else { passed };
            match random.below(12) {
                0 => {
                    monitor.started(at(now));
                    model = Model {
                        clock: model.clock,
                        running_since: Some(model.clock),
                        ..Model::default()
                    };
                }
                1 => {
                    monitor.ended();
                    model = Model {
                        clock: model.clock,
                        ..Model::default()
                    };
                }
                2 if model.running_since.is_some() => {
                    monitor.paused(at(now));
                    model.paused = true;
                }
                3..5 => {
                    monitor.unpaused(at(now));
                    model.paused = false;
                }
                5..8 if !model.paused && model.running_since.is_some() => {
                    let health =
                        *random.pick(&[Health::Healthy, Health::Degraded, Health::Failing]);
                    monitor.reported(health, at(now));
                    model.ready |= health != Health::Failing;
                    model.last = Some((health, model.clock));
                }
                // Not looking must not change what is seen later.
                8..10 => continue,
                _ => {}
            }
            let due = monitor.due();
            let before = monitor.state();
            let state = monitor.check(at(now));
            assert_eq!(state, model.state(check), "{monitor:?}");
            assert!(
                state == before || due.is_some_and(|due| due <= at(now)),
                "{due:?}: nobody would have looked"
            );
        }
    }
}
