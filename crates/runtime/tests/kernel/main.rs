//! The kernel with scripted guests and a clock that only moves when told: shares, deadlines, stop, kill,
//! pause and resume, and a random walk that checks the invariants.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod bench;
mod update;

use std::time::Duration;

use bench::{Bench, Step};
use thimble_runtime::kernel::{Asked, State, StateError};
use thimble_runtime::record::End;

const MS: Duration = Duration::from_millis(1);

#[test]
fn shares_of_one_and_three_get_one_and_three() {
    let mut bench = Bench::new();
    let one = bench.start_with(Step::Busy, |config| config.cpu_share = share(1000));
    let three = bench.start_with(Step::Busy, |config| config.cpu_share = share(3000));
    bench.run_for(4000 * MS);
    let ratio = bench.cpu(three).as_secs_f64() / bench.cpu(one).as_secs_f64();
    assert!((2.97..=3.03).contains(&ratio), "{ratio}");
}

#[test]
fn no_share_is_starved() {
    let mut bench = Bench::new();
    let small = bench.start_with(Step::Busy, |config| config.cpu_share = share(1));
    for _ in 0..20 {
        bench.start_with(Step::Busy, |config| config.cpu_share = share(10_000_000));
    }
    bench.run_for(Duration::from_secs(60));
    assert!(bench.cpu(small) > Duration::ZERO);
}

#[test]
fn a_sleeper_wakes_on_time_beside_busy_neighbours() {
    let mut bench = Bench::new();
    for _ in 0..4 {
        bench.start(Step::Busy);
    }
    let sleeper = bench.start(Step::Sleep(20 * MS));
    bench.run_for(2000 * MS);
    let late = bench.worst_lateness(sleeper);
    assert!(bench.resumed(sleeper) >= 95, "{}", bench.resumed(sleeper));
    assert!(late <= MS, "{late:?}");
}

#[test]
fn slices_are_short_after_somebody_was_woken_and_grow_again() {
    let mut bench = Bench::new();
    let busy = bench.start(Step::Busy);
    let waiting = bench.start(Step::Wait);
    bench.run_for(20 * MS);
    for _ in 0..2 {
        let before = bench.resumed(busy);
        bench.run_for(20 * MS);
        assert_eq!(bench.resumed(busy) - before, 10, "2 ms each");
        assert!(bench.kernel.wake(waiting));
        let before = bench.resumed(busy);
        // A half, one and two.
        bench.run_for(Duration::from_micros(3500));
        assert_eq!(bench.resumed(busy) - before, 3);
    }
}

#[test]
fn sleeping_saves_no_time_up() {
    let mut bench = Bench::new();
    let turncoat = bench.start(Step::Sleep(1000 * MS));
    let steady = bench.start(Step::Busy);
    bench.run_for(990 * MS);
    bench.become_step(turncoat, Step::Busy);
    let before = bench.cpu(steady);
    bench.run_for(200 * MS);
    let gained = bench.cpu(steady) - before;
    assert!(
        gained >= 90 * MS,
        "{gained:?} of 200 ms after the other woke"
    );
}

#[test]
fn kill_ends_a_waiting_container_at_once_and_a_running_one_after_its_slice() {
    let mut bench = Bench::new();
    let waiting = bench.start(Step::Wait);
    bench.run_for(MS);
    bench.kill(waiting).unwrap();
    assert_eq!(bench.end(waiting), Some(End::Killed));

    let busy = bench.start(Step::Busy);
    let lease = bench.lease();
    let effect = bench.kernel.kill(busy, 0).unwrap();
    assert!(
        effect.interrupt.is_some(),
        "the running guest is interrupted"
    );
    assert_eq!(bench.kernel.state(busy), Some(State::Running));
    bench.finish(lease);
    assert_eq!(bench.end(busy), Some(End::Killed));
    assert_eq!(bench.kernel.live(), 0);
}

#[test]
fn stop_ends_a_guest_that_cannot_hear_it_and_asks_one_that_can() {
    let mut bench = Bench::new();
    let deaf = bench.start(Step::Wait);
    bench.run_for(MS);
    bench.stop(deaf).unwrap();
    assert_eq!(bench.end(deaf), Some(End::Stopped));

    let hearing = bench.start_hearing(Step::Wait, |config| config.stop_grace = 50 * MS);
    bench.run_for(MS);
    bench.stop(hearing).unwrap();
    bench.run_for(40 * MS);
    assert_eq!(
        bench.kernel.state(hearing),
        Some(State::Running),
        "it has its grace"
    );
    assert_eq!(bench.resumed(hearing), 2, "it was woken to hear of it");
    bench.run_for(20 * MS);
    assert_eq!(
        bench.end(hearing),
        Some(End::Killed),
        "and is killed after it"
    );
}

#[test]
fn a_question_wakes_only_who_asked_for_it() {
    let mut bench = Bench::new();
    let indifferent = bench.start_hearing(Step::Wait, |_| {});
    let careful = bench.start_hearing(Step::Veto, |_| {});
    bench.run_for(MS);
    assert_eq!(bench.ask_update(indifferent), Ok(Asked::Unwanted));
    assert_eq!(bench.ask_update(careful), Ok(Asked::Asked));
    bench.run_for(MS);
    assert_eq!(bench.resumed(indifferent), 1);
    assert_eq!(bench.resumed(careful), 2, "it was woken to hear of it");

    // One that is running hears of it when it goes on.
    bench.wake(careful);
    let lease = bench.lease();
    assert_eq!(bench.ask_update(careful), Ok(Asked::Asked));
    bench.finish(lease);
    bench.run_for(MS);
    assert_eq!(bench.resumed(careful), 4);

    bench.kill(careful).unwrap();
    assert_eq!(
        bench.ask_update(careful),
        Err(StateError::Wrong {
            state: State::Failed
        })
    );
}

#[test]
fn a_paused_container_does_not_run_until_it_is_resumed() {
    let mut bench = Bench::new();
    let busy = bench.start(Step::Busy);
    let sleeper = bench.start(Step::Sleep(5 * MS));
    bench.run_for(20 * MS);
    bench.pause(busy).unwrap();
    bench.pause(sleeper).unwrap();
    let (cpu, resumed) = (bench.cpu(busy), bench.resumed(sleeper));
    bench.run_for(100 * MS);
    assert_eq!((bench.cpu(busy), bench.resumed(sleeper)), (cpu, resumed));
    assert_eq!(bench.kernel.state(busy), Some(State::Paused));
    assert!(matches!(
        bench.pause(busy),
        Err(StateError::Wrong {
            state: State::Paused
        })
    ));
    bench.unpause(busy).unwrap();
    bench.unpause(sleeper).unwrap();
    bench.run_for(100 * MS);
    assert!(bench.cpu(busy) > cpu);
    assert!(bench.resumed(sleeper) > resumed + 10);
}

#[test]
fn a_paused_container_can_be_killed_and_its_timeout_counts() {
    let mut bench = Bench::new();
    let killed = bench.start(Step::Busy);
    bench.pause(killed).unwrap();
    bench.kill(killed).unwrap();
    assert_eq!(bench.end(killed), Some(End::Killed));

    let late = bench.start_with(Step::Busy, |config| config.timeout = Some(30 * MS));
    bench.pause(late).unwrap();
    bench.run_for(40 * MS);
    assert_eq!(bench.end(late), Some(End::TimedOut));
}

#[test]
fn a_timeout_ends_busy_and_waiting_containers() {
    let mut bench = Bench::new();
    for step in [Step::Busy, Step::Wait, Step::Sleep(1000 * MS)] {
        let id = bench.start_with(step, |config| config.timeout = Some(30 * MS));
        bench.run_for(29 * MS);
        assert_eq!(bench.end(id), None);
        bench.run_for(5 * MS);
        assert_eq!(bench.end(id), Some(End::TimedOut), "{step:?}");
    }
}

#[test]
fn a_wake_during_the_slice_that_blocks_is_not_lost() {
    let mut bench = Bench::new();
    let id = bench.start(Step::Wait);
    let lease = bench.lease();
    assert!(
        !bench.kernel.wake(id),
        "nobody needs to be told: it is running"
    );
    bench.finish(lease);
    bench.run_for(MS);
    assert_eq!(bench.resumed(id), 2);
}

#[test]
fn states_forbid_what_makes_no_sense() {
    let mut bench = Bench::new();
    let created = bench.create();
    assert!(matches!(
        bench.kill(created),
        Err(StateError::Wrong {
            state: State::Created
        })
    ));
    assert!(matches!(
        bench.pause(created),
        Err(StateError::Wrong {
            state: State::Created
        })
    ));
    let exits = bench.start(Step::Exit(3));
    assert!(matches!(
        bench.kernel.remove(exits),
        Err(StateError::Wrong {
            state: State::Running
        })
    ));
    bench.run_for(MS);
    assert_eq!(bench.end(exits), Some(End::Exited(3)));
    assert_eq!(bench.kernel.state(exits), Some(State::Failed));
    assert!(matches!(
        bench.kill(exits),
        Err(StateError::Wrong {
            state: State::Failed
        })
    ));
    bench.kernel.remove(exits).unwrap();
    assert_eq!(bench.kernel.state(exits), None);
    assert!(matches!(bench.kill(exits), Err(StateError::Unknown)));
}

#[test]
fn deadlines_of_one_run_do_not_end_the_next() {
    let mut bench = Bench::new();
    let stopped = bench.start_hearing(Step::Wait, |config| config.stop_grace = 50 * MS);
    bench.run_for(MS);
    bench.stop(stopped).unwrap();
    bench.kill(stopped).unwrap();
    bench.start_again(stopped).unwrap();

    let timed = bench.start_with(Step::Wait, |config| config.timeout = Some(100 * MS));
    bench.run_for(30 * MS);
    bench.kill(timed).unwrap();
    bench.start_again(timed).unwrap();
    bench.run_for(90 * MS);
    assert_eq!(bench.kernel.state(stopped), Some(State::Running));
    assert_eq!(
        bench.kernel.state(timed),
        Some(State::Running),
        "its own time is not over"
    );
    bench.run_for(20 * MS);
    assert_eq!(bench.end(timed), Some(End::TimedOut));
}

/// Defect 3 of Ocre: starting what runs already corrupted it.
#[test]
fn defect_03_starting_a_running_container_is_refused_and_harmless() {
    let mut bench = Bench::new();
    let id = bench.start(Step::Busy);
    assert!(bench.start_again(id).is_err());
    bench.run_for(10 * MS);
    assert_eq!(bench.kernel.state(id), Some(State::Running));
    bench.kill(id).unwrap();
    assert_eq!(bench.end(id), Some(End::Killed));
    bench.start_again(id).unwrap();
    bench.run_for(10 * MS);
    assert_eq!(
        bench.kernel.state(id),
        Some(State::Running),
        "an ended container starts anew"
    );
}

#[test]
fn a_random_walk_keeps_the_invariants() {
    let seed = 0x7468_696d_626c_6531;
    println!("seed {seed:#x}");
    bench::random_walk(seed, 20_000);
}

fn share(thousandths: u32) -> thimble_runtime::config::CpuShare {
    thimble_runtime::config::CpuShare::from_thousandths(thousandths)
        .unwrap_or_else(|| panic!("{thousandths}"))
}
