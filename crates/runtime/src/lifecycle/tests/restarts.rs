//! Counting ends, and the waits between them.

use alloc::vec::Vec;
use core::time::Duration;

use thimble_testkit::random::{Random, seed};

use crate::lifecycle::{BackoffSettings, Decision, RestartPolicy, Restarts};
use crate::time::Instant;

const FIRST_RANDOM: u32 = 200; // Neither shorter nor longer.

fn limited(retries: u32) -> RestartPolicy {
    RestartPolicy::OnFailure {
        retries_max: Some(retries),
    }
}

/// Runs of so many seconds and their ends; what was decided: a wait in milliseconds, `S` or `G`.
fn check(policy: RestartPolicy, runs: &[(u64, bool)], decided: &[&str]) {
    let mut restarts = Restarts::new(policy, BackoffSettings::default());
    let mut now = Instant::from_nanos(5);
    let got: Vec<_> = runs
        .iter()
        .map(|(seconds, success)| {
            restarts.started(now);
            now = now + Duration::from_secs(*seconds);
            match restarts.ended(*success, now, FIRST_RANDOM) {
                Decision::Stay => "S".into(),
                Decision::GiveUp { failures } => alloc::format!("G{failures}"),
                Decision::Restart { after, crash_loop } => {
                    let mark = if crash_loop { "!" } else { "" };
                    alloc::format!("{}{mark}", after.as_millis())
                }
            }
        })
        .collect();
    assert_eq!(got, decided, "{policy}");
}

#[test]
fn policies_decide() {
    let (bad, good, long) = ((0, false), (0, true), (10, false));
    check(RestartPolicy::Never, &[bad, good, long], &["S", "S", "S"]);
    check(
        RestartPolicy::OnFailure { retries_max: None },
        &[bad, bad, bad, bad, bad, bad, long, bad, good],
        &[
            "100", "200", "400", "800", "1600!", "3200!", "100", "100", "S",
        ],
    );
    check(
        limited(2),
        &[bad, bad, bad, bad],
        &["100", "200", "G3", "G4"],
    );
    check(
        limited(2),
        &[bad, bad, long, bad, bad],
        &["100", "200", "100", "100", "G3"],
    );
    check(
        limited(1),
        &[bad, good, bad, bad],
        &["100", "S", "400", "G2"],
    );
    check(
        RestartPolicy::Always,
        &[good, good, bad, good, good, (10, true), good],
        &["100", "200", "400", "800", "1600!", "100", "100"],
    );
}

#[test]
fn the_wait_has_an_end() {
    let runs = [(0, false); 40];
    let mut decided: Vec<_> = ["100", "200", "400", "800"].into();
    decided.extend(["1600!", "3200!", "6400!", "12800!", "25600!", "51200!"]);
    decided.resize(40, "60000!");
    check(RestartPolicy::Always, &runs, &decided);
}

#[test]
fn chance_is_a_fifth_at_most() {
    let mut bounds = (Duration::MAX, Duration::ZERO);
    for random in (0..100_000).chain(u32::MAX - 1000..=u32::MAX) {
        let mut restarts = Restarts::new(RestartPolicy::Always, BackoffSettings::default());
        let Decision::Restart { after, .. } = restarts.ended(false, Instant::default(), random)
        else {
            panic!("no restart");
        };
        bounds = (bounds.0.min(after), bounds.1.max(after));
    }
    assert_eq!(
        bounds,
        (Duration::from_millis(80), Duration::from_millis(120))
    );
}

#[test]
fn odd_settings_and_clocks_do_no_harm() {
    let odd = [
        (Duration::ZERO, Duration::ZERO, Duration::ZERO, 0),
        (Duration::MAX, Duration::MAX, Duration::MAX, u32::MAX),
        (Duration::MAX, Duration::ZERO, Duration::MAX, 1),
    ];
    for (first, max, stable_after, crash_loop_after) in odd {
        let settings = BackoffSettings {
            first,
            max,
            stable_after,
            crash_loop_after,
        };
        let mut restarts = Restarts::new(RestartPolicy::Always, settings);
        for round in 0..200_u32 {
            restarts.started(Instant::from_nanos(u64::MAX - u64::from(round)));
            // The clock goes backwards.
            let decision = restarts.ended(false, Instant::from_nanos(u64::from(round)), round);
            assert!(matches!(decision, Decision::Restart { .. }));
        }
        assert_eq!(restarts.total(), 200);
    }
}

#[test]
fn an_operators_start_forgets_and_a_new_policy_does_not() {
    let mut restarts = Restarts::new(limited(1), BackoffSettings::default());
    let now = Instant::default();
    restarts.ended(false, now, 0);
    assert_eq!(
        restarts.ended(false, now, 0),
        Decision::GiveUp { failures: 2 }
    );
    restarts.set_policy(RestartPolicy::Always);
    assert_eq!((restarts.failures(), restarts.total()), (2, 1));
    for _ in 0..3 {
        restarts.ended(false, now, 0);
    }
    assert!(restarts.is_crash_loop());
    restarts.reset();
    assert_eq!((restarts.failures(), restarts.total()), (0, 0));
    assert!(!restarts.is_crash_loop());
    assert_eq!(restarts.policy(), RestartPolicy::Always);
}

/// The counts, from the whole history of runs: how long, and how they ended.
fn counts(history: &[(Duration, bool)], stable_after: Duration) -> (u32, u32) {
    let is_short = |(ran, _): &&(Duration, bool)| *ran < stable_after;
    let short_runs = history.iter().rev().take_while(is_short).count();
    let mut failures = 0;
    for (ran, success) in history.iter().rev() {
        if *success {
            break;
        }
        failures += 1;
        if *ran >= stable_after {
            break;
        }
    }
    (failures, u32::try_from(short_runs).unwrap())
}

#[test]
fn a_random_walk_agrees_with_the_history() {
    let seed = seed(0x7265_7374_6172_7473);
    let mut random = Random::new(seed);
    let number = |random: &mut Random, bound: u64| u32::try_from(random.below(bound)).unwrap();
    for _ in 0..200 {
        let settings = BackoffSettings {
            first: Duration::from_millis(random.below(1000)),
            max: Duration::from_millis(random.below(100_000)),
            stable_after: Duration::from_millis(random.below(20_000)),
            crash_loop_after: number(&mut random, 8),
        };
        let policies = [
            RestartPolicy::Never,
            RestartPolicy::Always,
            RestartPolicy::OnFailure { retries_max: None },
            limited(1),
            limited(3),
        ];
        let mut policy = *random.pick(&policies);
        let mut restarts = Restarts::new(policy, settings);
        let (mut history, mut now, mut total) = (Vec::new(), Instant::default(), 0);
        for _ in 0..100 {
            match random.below(20) {
                0 => {
                    restarts.reset();
                    history.clear();
                    total = 0;
                }
                1 => {
                    policy = *random.pick(&policies);
                    restarts.set_policy(policy);
                }
                _ => {}
            }
            let ran = Duration::from_millis(random.below(15_000));
            let success = random.below(3) == 0;
            restarts.started(now);
            now = now + ran;
            history.push((ran, success));
            let (failures, short_runs) = counts(&history, settings.stable_after);
            let decision = restarts.ended(success, now, number(&mut random, 1 << 32));
            let expected = match policy {
                RestartPolicy::Never => None,
                RestartPolicy::Always => Some(true),
                RestartPolicy::OnFailure { .. } if success => None,
                RestartPolicy::OnFailure { retries_max } => {
                    Some(retries_max.is_none_or(|retries_max| failures <= retries_max))
                }
            };
            let crash_loops = short_runs >= settings.crash_loop_after.max(1);
            match decision {
                Decision::Stay => assert_eq!(expected, None),
                Decision::GiveUp { failures: told } => {
                    assert_eq!((expected, told), (Some(false), failures));
                }
                Decision::Restart { after, crash_loop } => {
                    total += 1;
                    let doublings = i32::try_from(short_runs.max(1) - 1).unwrap();
                    let plain = (settings.first.as_secs_f64() * 2_f64.powi(doublings))
                        .min(settings.max.as_secs_f64());
                    let off = (after.as_secs_f64() - plain).abs();
                    assert!(off <= plain * 0.2 + 1e-6, "{after:?} for {plain}");
                    assert_eq!((expected, crash_loop), (Some(true), crash_loops));
                }
            }
            assert_eq!((restarts.failures(), restarts.total()), (failures, total));
            assert_eq!(restarts.is_crash_loop(), crash_loops);
        }
    }
}
