//! Containers and their volumes are apart; locks, times and what is open.

use thimble_runtime::port::Times;

use super::*;

#[test]
fn no_container_sees_anothers_files() {
    let containers = ["a", "ab", "\u{1}a", "a\u{2}", "b"];
    let memory = Memory::new();
    let volumes = volumes(&memory);
    for container in containers {
        for volume in ["data", "dat", "a"] {
            let mut mount = volumes.open(container, volume, MUCH).unwrap();
            assert!(
                list(&mut *mount, 9).unwrap().is_empty(),
                "{container} {volume}"
            );
            let content = alloc::format!("{container}/{volume}");
            let mut file = file(&mut *mount, "file", CREATE).unwrap();
            write_all(&mut *file, 0, content.as_bytes()).unwrap();
        }
    }
    for container in containers {
        for volume in ["data", "dat", "a"] {
            let mut mount = volumes.open(container, volume, MUCH).unwrap();
            let mut file = file(&mut *mount, "file", How::default()).unwrap();
            let content = read(&mut *file, 0, 99).unwrap();
            assert_eq!(content, alloc::format!("{container}/{volume}").as_bytes());
        }
        assert_eq!(volumes.usage(container).unwrap().files, 3);
    }
    for (removed, container) in containers.iter().enumerate() {
        volumes.remove(container).unwrap();
        assert_eq!(volumes.usage(container).unwrap(), Usage::default());
        for left in &containers[removed + 1..] {
            assert_eq!(volumes.usage(left).unwrap().files, 3);
        }
    }
    assert!(memory.state().records.is_empty());
}

#[test]
fn no_change_of_one_touches_the_keys_of_another() {
    let memory = Memory::new();
    let volumes = volumes(&memory);
    let mut random = Random::new(0x61_7061);
    let before = {
        let mut mount = volumes.open("b", "data", MUCH).unwrap();
        write_all(&mut *file(&mut *mount, "f", CREATE).unwrap(), 0, &[1; 2000]).unwrap();
        memory.state().records.clone()
    };
    let mut mount = volumes.open("a", "data", MUCH).unwrap();
    for _ in 0..1500 {
        let path = random.pick(&operations::PATHS);
        let _ = operations::Operation::random(&mut random).act(&mut *mount, path);
    }
    let owner = Key::owner(prefix::FILE, "a").unwrap();
    let mut left = memory.state().records.clone();
    left.retain(|key, _| !key.starts_with(owner.as_bytes()));
    assert!(left == before);
}

#[test]
fn volumes_share_a_quota_and_two_mounts_of_one_share_files() {
    let volumes = volumes(&Memory::new());
    let quota = Quota {
        bytes_max: 1 << 20,
        files_max: 2,
    };
    let mut first = volumes.open("c", "one", quota).unwrap();
    let mut second = volumes.open("c", "two", quota).unwrap();
    let mut again = volumes.open("c", "one", quota).unwrap();
    file(&mut *first, "f", CREATE).unwrap();
    file(&mut *second, "f", CREATE).unwrap();
    assert_eq!(file(&mut *again, "g", CREATE).err(), Some(Errno::NoSpace));
    rename(&mut *first, "f", Some(&*again), "h").unwrap();
    assert!(stat(&mut *again, "h", true).is_ok());
    assert_eq!(
        rename(&mut *first, "h", Some(&*second), "h"),
        Err(Errno::CrossDevice)
    );
}

#[test]
fn names_are_checked() {
    let volumes = volumes(&Memory::new());
    let long = "c".repeat(65);
    for (container, volume) in [("", "v"), ("c", ""), (long.as_str(), "v")] {
        let error = volumes.open(container, volume, MUCH).err();
        assert!(matches!(error, Some(VolumeError::Name { .. })), "{error:?}");
    }
    let small = Memory::new();
    small.state().record_bytes_max = 500;
    let error = super::volumes(&small).open("c", "v", MUCH).err();
    let (bytes_max, bytes_min) = (500, RECORD_BYTES_MIN);
    assert_eq!(
        error,
        Some(VolumeError::Records {
            bytes_max,
            bytes_min
        })
    );
    assert!(volumes.open("c", &"v".repeat(255), MUCH).is_ok());
    assert!(volumes.open("c", &"v".repeat(256), MUCH).is_err());
}

#[test]
fn a_taken_lock_is_asked_again() {
    let memory = Memory::new();
    let records = memory.shared();
    let volumes = Volumes::new(Arc::clone(&records), Arc::new(|| 0));
    let mut mount = volumes.open("c", "data", MUCH).unwrap();
    let mut held_file = file(&mut *mount, "f", CREATE).unwrap();
    write_all(&mut *held_file, 0, &[1; 100]).unwrap();
    remove(&mut *mount, "f").unwrap();
    {
        let _held = records.take().unwrap();
        let mut context = Context::from_waker(Waker::noop());
        let request = DirectoryRequest::Metadata {
            path: "",
            follow: true,
        };
        assert!(mount.poll(&mut context, request).is_pending());
        assert_eq!(volumes.usage("d").err(), Some(VolumeError::Busy));
        // It cannot be given up now.
        drop(held_file);
    }
    make_folder(&mut *mount, "d").unwrap();
    assert_eq!(volumes.usage("c").unwrap(), Usage::file(0));
    assert_eq!(checked(&memory, "c"), Usage::file(0));
}

#[test]
fn times_are_told_and_set() {
    let volumes = volumes(&Memory::new());
    let mut mount = volumes.open("c", "data", MUCH).unwrap();
    let mut file = file(&mut *mount, "f", CREATE).unwrap();
    let made = metadata(&mut *file).unwrap();
    assert_eq!(made.modified_nanos, 1_700_000_000_000_000_000);
    let times = Times {
        accessed_nanos: Some(5),
        modified_nanos: None,
    };
    ask_file(&mut *file, FileRequest::SetTimes(times)).unwrap();
    let found = stat(&mut *mount, "f", true).unwrap();
    assert_eq!(
        (found.accessed_nanos, found.modified_nanos),
        (5, made.modified_nanos)
    );
}

#[test]
fn what_is_open_costs_little() {
    assert!(size_of::<super::super::file::RecordFile>() <= 16);
    assert!(size_of::<super::super::directory::RecordDirectory>() <= 24);
    let volumes = volumes(&Memory::new());
    let mut mount = volumes.open("c", "data", MUCH).unwrap();
    let files: Vec<_> = (0..100)
        .map(|number| file(&mut *mount, &alloc::format!("{number}"), CREATE).unwrap())
        .collect();
    drop(files);
    drop(mount);
    assert!(volumes.tree("c").unwrap().is_none());
}
