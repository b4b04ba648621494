use std::fs;

use thimble_device_api::{ContainerSpec, ImageIdentity, Timestamp};
use thimble_testkit::random::{Random, seed};

use super::{Desired, Saved, StateStore};
use crate::identity::Id;

fn saved(number: u64) -> Saved {
    Saved {
        id: Id::new(number),
        name: format!("c{number}"),
        spec: ContainerSpec {
            image: "localhost/app:1".to_owned(),
            ..ContainerSpec::default()
        },
        image: ImageIdentity {
            reference: "localhost/app:1".to_owned(),
            digest: format!("sha256:{:064x}", 7),
        },
        created_at: Timestamp::from_nanosecond(i128::from(number)).unwrap(),
        desired: Desired::Running,
        started_at: None,
        ends: Vec::new(),
        restarts: 0,
        host_failures: 0,
    }
}

#[test]
fn what_was_saved_is_there_and_what_was_removed_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = StateStore::open(folder.path().join("a/b")).unwrap();
    for number in 1..=3 {
        store.add(&saved(number)).unwrap();
    }
    let mut changed = saved(2);
    changed.desired = Desired::Paused;
    store.save(&changed).unwrap();
    store.remove(Id::new(3)).unwrap();
    store.remove(Id::new(3)).unwrap();
    let (states, damages) = store.load().unwrap();
    assert_eq!(states, [saved(1), changed]);
    assert_eq!(damages, []);
}

#[test]
fn a_damaged_file_is_set_aside_and_harms_no_other() {
    let seed = seed(4);
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let store = StateStore::open(folder.path().to_owned()).unwrap();
    store.save(&saved(1)).unwrap();
    let whole = fs::read(folder.path().join("0000000000000001.state")).unwrap();
    let victim = folder.path().join("0000000000000002.state");
    for round in 0..300 {
        let mut bytes = whole.clone();
        let at = usize::try_from(random.below(u64::try_from(bytes.len()).unwrap())).unwrap();
        match round % 3 {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << random.below(8),
            // Intact, but of another container: a file that was copied.
            _ => {}
        }
        fs::write(&victim, &bytes).unwrap();
        let (states, damages) = store.load().unwrap();
        assert_eq!(states, [saved(1)], "seed {seed}, round {round}");
        assert_eq!(damages.len(), 1, "seed {seed}, round {round}");
        assert!(damages[0].path.ends_with("0000000000000002.state.damaged"));
        assert!(!victim.exists());
    }
}

#[test]
fn leftovers_of_a_power_cut_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = StateStore::open(folder.path().to_owned()).unwrap();
    fs::write(folder.path().join("0000000000000009.tmp"), b"half").unwrap();
    fs::write(folder.path().join("notes.txt"), b"somebody's").unwrap();
    let (states, damages) = store.load().unwrap();
    assert!(states.is_empty() && damages.is_empty());
    assert!(!folder.path().join("0000000000000009.tmp").exists());
    assert!(folder.path().join("notes.txt").exists());
}
