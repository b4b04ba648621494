//! Changing a container's configuration in every state it can be in, and what is told of its end.

use std::time::Duration;

use thimble_runtime::Limits;
use thimble_runtime::bus::QueuePolicy;
use thimble_runtime::config::{ContainerId, ContainerUpdate};
use thimble_runtime::kernel::{Next, StateError};
use thimble_runtime::record::End;

use super::bench::{Bench, Step};
use super::{MS, share};

fn memory(memory_bytes: u64) -> ContainerUpdate {
    ContainerUpdate {
        limits: Some(Limits {
            memory_bytes,
            ..Limits::default()
        }),
        ..ContainerUpdate::default()
    }
}

#[test]
fn only_what_is_named_changes() {
    let mut bench = Bench::new();
    let id = bench.create();
    let update = ContainerUpdate {
        queue_policy: Some(QueuePolicy::RefuseNewest),
        stop_grace: Some(MS),
        ..ContainerUpdate::default()
    };
    bench.kernel.update(id, &update).unwrap();
    bench.kernel.update(id, &memory(7)).unwrap();
    bench
        .kernel
        .update(id, &ContainerUpdate::default())
        .unwrap();
    let config = bench.kernel.config(id).unwrap();
    assert_eq!(config.limits.memory_bytes, 7);
    assert_eq!(config.queue_policy, QueuePolicy::RefuseNewest);
    assert_eq!(config.stop_grace, MS);
    assert_eq!(config.cpu_share, share(1000));
    let nobody = ContainerId::new(99);
    let error = bench.kernel.update(nobody, &memory(7)).unwrap_err();
    assert_eq!(error, StateError::Unknown);
}

#[test]
fn a_waiting_guest_hears_at_once_and_a_running_one_before_its_next_slice() {
    let mut bench = Bench::new();
    let waiting = bench.start(Step::Wait);
    bench.run_for(MS);
    bench.kernel.update(waiting, &memory(1)).unwrap();
    assert_eq!(bench.memory_bytes_max(waiting), Some(1));

    let busy = bench.start(Step::Busy);
    let lease = bench.lease();
    bench.kernel.update(busy, &memory(2)).unwrap();
    assert_eq!(bench.memory_bytes_max(busy), None, "it is running");
    bench.finish(lease);
    assert_eq!(bench.memory_bytes_max(busy), Some(2));

    bench.pause(busy).unwrap();
    bench.kernel.update(busy, &memory(3)).unwrap();
    assert_eq!(bench.memory_bytes_max(busy), Some(3));
}

#[test]
fn an_update_holds_for_later_runs_too() {
    let mut bench = Bench::new();
    let id = bench.start(Step::Busy);
    bench.kill(id).unwrap();
    bench.kernel.update(id, &memory(5)).unwrap();
    bench.start_again(id).unwrap();
    assert_eq!(bench.kernel.config(id).unwrap().limits.memory_bytes, 5);
    assert_eq!(bench.memory_bytes_max(id), None, "it was made with that");
}

#[test]
fn a_new_share_counts_from_then_on() {
    let mut bench = Bench::new();
    let one = bench.start(Step::Busy);
    let other = bench.start(Step::Busy);
    bench.run_for(1000 * MS);
    let update = ContainerUpdate {
        cpu_share: Some(share(3000)),
        ..ContainerUpdate::default()
    };
    bench.kernel.update(other, &update).unwrap();
    let before = (bench.cpu(one), bench.cpu(other));
    bench.run_for(4000 * MS);
    let (one, other) = (bench.cpu(one) - before.0, bench.cpu(other) - before.1);
    let ratio = other.as_secs_f64() / one.as_secs_f64();
    assert!((2.9..=3.1).contains(&ratio), "{ratio}");
}

#[test]
fn an_end_is_handed_out_with_its_record() {
    let mut bench = Bench::new();
    let id = bench.start(Step::Exit(3));
    let lease = bench.lease();
    bench.finish(lease);
    assert!(bench.kernel.is_releasing(id));
    let Next::Dispose(ended) = bench.kernel.next(bench.now(), || 0) else {
        panic!("nothing ended");
    };
    let (record, usage) = ended.outcome.unwrap();
    assert_eq!((record.end, usage.slices), (End::Exited(3), 1));
    assert_eq!(ended.body.host.id(), id);
    bench.kernel.released(id);
    assert!(!bench.kernel.is_releasing(id));

    let killed = bench.start(Step::Wait);
    bench.run_for(MS);
    let effect = bench.kernel.kill(killed, 0).unwrap();
    let (record, usage) = effect.dispose.unwrap().outcome.unwrap();
    assert_eq!(record.end, End::Killed);
    assert!(usage.cpu < Duration::from_secs(1));
    assert!(bench.kernel.take_ended(killed).is_none());
}

#[test]
fn ids_are_never_given_twice() {
    let mut bench = Bench::new();
    let created = bench.create();
    let id = bench.kernel.new_id();
    let after = bench.create();
    assert!(created < id && id < after);
    assert_eq!(bench.kernel.state(id), None);
}
