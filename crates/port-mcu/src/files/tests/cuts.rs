//! Whenever the power goes, what was before an operation or what is after it is there, and nothing else.

use super::operations::{Operation, PATHS};
use super::*;

fn tree(memory: &Memory) -> Dump {
    dump(&mut *volumes(memory).open("c", "data", MUCH).unwrap())
}

#[test]
fn a_cut_at_any_group_leaves_before_or_after() {
    let mut random = Random::new(0x63_7574);
    let memory = Memory::new();
    let mut cuts = 0;
    for step in 0..1200 {
        let operation = Operation::random(&mut random);
        let path = random.pick(&PATHS);
        let before = tree(&memory);
        let copy = memory.copy();
        let expected = {
            let volumes = volumes(&copy);
            let mut mount = volumes.open("c", "data", MUCH).unwrap();
            operation.act(&mut *mount, path)
        };
        let after = tree(&copy);
        {
            let volumes = volumes(&memory);
            let mut mount = volumes.open("c", "data", MUCH).unwrap();
            let groups = random.pick(&[0, 0, 0, 0, 1, 2]);
            memory.state().cut = Some((groups, random.below(2) == 0));
            let answer = operation.act(&mut *mount, path);
            let dead = memory.state().dead;
            if !dead || answer.is_ok() {
                assert_eq!(answer, expected, "step {step}");
            }
            cuts += u32::from(dead);
            drop(mount);
            memory.revive();
            let now = tree(&memory);
            let acknowledged = answer.is_ok();
            assert!(
                now == after || (now == before && !acknowledged),
                "step {step}: {operation:?} {path}"
            );
        }
        checked(&memory, "c");
    }
    assert!(cuts > 50, "{cuts}");
}

#[test]
fn a_read_that_fails_once_changes_nothing() {
    let mut random = Random::new(0x7265_6164);
    let memory = Memory::new();
    let mut failures = 0;
    for step in 0..1200 {
        let operation = Operation::random(&mut random);
        let path = random.pick(&PATHS);
        let before = tree(&memory);
        let copy = memory.copy();
        let expected = {
            let volumes = volumes(&copy);
            let mut mount = volumes.open("c", "data", MUCH).unwrap();
            operation.act(&mut *mount, path)
        };
        let after = tree(&copy);
        let volumes = volumes(&memory);
        let mut mount = volumes.open("c", "data", MUCH).unwrap();
        memory.state().fails_in = Some(u32::try_from(random.below(20)).unwrap());
        let answer = operation.act(&mut *mount, path);
        memory.revive();
        let now = dump(&mut *mount);
        if answer == expected {
            assert!(now == after, "step {step}: {operation:?} {path}");
        } else {
            assert_eq!(answer, Err(Errno::Io), "step {step}: {operation:?} {path}");
            // A file may have been made or cut before its opening failed.
            let partly = matches!(operation, Operation::Create { .. });
            assert!(
                now == before || partly && now == after,
                "step {step}: {operation:?} {path}"
            );
            failures += 1;
        }
        drop(mount);
        assert_eq!(tree(&memory), now);
        checked(&memory, "c");
    }
    assert!(failures > 120, "{failures}");
}

/// A way to cut a file off or to remove it.
type Way = fn(&mut dyn Directory) -> Result<(), Errno>;

#[test]
fn a_large_file_goes_whole_wherever_the_power_goes() {
    let full = Memory::new();
    {
        let volumes = volumes(&full);
        let mut mount = volumes.open("c", "data", MUCH).unwrap();
        let mut large = file(&mut *mount, "large", CREATE).unwrap();
        write_all(&mut *large, 0, &vec![7; 40_000]).unwrap();
    }
    let ways: [Way; 3] = [
        |mount| remove(mount, "large"),
        |mount| set_size(&mut *file(mount, "large", How::default())?, 700),
        |mount| {
            let held = file(mount, "large", How::default())?;
            remove(mount, "large")?;
            drop(held);
            Ok(())
        },
    ];
    for way in ways {
        for groups in 0..8 {
            for made in [false, true] {
                let memory = full.copy();
                let volumes = volumes(&memory);
                let mut mount = volumes.open("c", "data", MUCH).unwrap();
                memory.state().cut = Some((groups, made));
                let answer = way(&mut *mount);
                assert!(answer.is_ok() || groups == 0);
                drop(mount);
                memory.revive();
                let mut mount = super::volumes(&memory).open("c", "data", MUCH).unwrap();
                checked(&memory, "c");
                // Nothing of what was cut off comes back with zeros' place.
                if let Ok(mut large) = file(&mut *mount, "large", How::default()) {
                    let size = metadata(&mut *large).unwrap().size;
                    assert!(size == 700 || (size == 40_000 && groups == 0));
                    set_size(&mut *large, 40_000).unwrap();
                    let bytes = read(&mut *large, 700, 39_300).unwrap();
                    assert!(size == 40_000 || bytes.iter().all(|byte| *byte == 0));
                }
            }
        }
    }
}

#[test]
fn an_open_file_without_a_name_is_collected_after_a_cut() {
    let memory = Memory::new();
    let volumes = volumes(&memory);
    let mut mount = volumes.open("c", "data", MUCH).unwrap();
    let mut held = file(&mut *mount, "f", CREATE).unwrap();
    write_all(&mut *held, 0, &[1; 3000]).unwrap();
    remove(&mut *mount, "f").unwrap();
    assert_eq!(read(&mut *held, 2990, 20).unwrap(), [1; 10]);
    memory.state().dead = true;
    drop((held, mount));
    memory.revive();
    let left = memory.state().records.len();
    assert!(left > 6, "{left}");
    let _mount = super::volumes(&memory).open("c", "data", MUCH).unwrap();
    assert_eq!(checked(&memory, "c"), Usage::default());
    assert_eq!(memory.state().records.len(), 2);
}

#[test]
fn a_removal_that_was_cut_is_finished_before_the_next_use() {
    for groups in 0..30 {
        let memory = Memory::new();
        let volumes = volumes(&memory);
        let mut mount = volumes.open("c", "data", MUCH).unwrap();
        for name in ["a", "b", "c"] {
            write_all(
                &mut *file(&mut *mount, name, CREATE).unwrap(),
                0,
                &[1; 9000],
            )
            .unwrap();
        }
        assert_eq!(volumes.remove("c"), Err(VolumeError::InUse));
        drop(mount);
        memory.state().cut = Some((groups, true));
        let removed = volumes.remove("c");
        memory.revive();
        let mut mount = volumes.open("c", "data", MUCH).unwrap();
        assert!(list(&mut *mount, 5).unwrap().is_empty());
        assert_eq!(memory.state().records.len(), 2);
        assert!(removed.is_err() || groups > 3);
    }
}
