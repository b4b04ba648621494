//! Random lives of a store on a disk that fails, stops and loses power, against the model.

use rustix::io::Errno;

use super::super::StoreError;
use super::model_disk::Fault;
use super::world::World;

/// How many, unless `THIMBLE_LIVES` says otherwise.
const LIVES: u64 = 60;
const STEPS: usize = 120;
const NAMES: [&str; 4] = ["a/b:1", "a/b:2", "localhost:5000/c:1", "d"];
const OWNERS: [&str; 3] = ["web", "rollback/web", "µ"];
const ERRNOS: [Errno; 4] = [Errno::IO, Errno::NOSPC, Errno::ROFS, Errno::DQUOT];

/// Prints the seed of a life that does not end well.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with THIMBLE_SEED={}", self.0);
        }
    }
}

/// Prints which operation failed.
struct Operation(u64);

impl Drop for Operation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("at operation {}", self.0);
        }
    }
}

#[test]
fn nothing_complete_is_lost_in_random_lives() {
    let only = std::env::var("THIMBLE_SEED").map(|seed| seed.parse().unwrap());
    let lives = std::env::var("THIMBLE_LIVES").map_or(LIVES, |lives| lives.parse().unwrap());
    let (first, lives) = only.map_or((0, lives), |seed| (seed, 1));
    for seed in first..first + lives {
        let _seed = Seed(seed);
        live(seed);
    }
}

fn live(seed: u64) {
    let mut world = World::new(seed);
    world.open().unwrap();
    for _ in 0..STEPS {
        match world.random.below(6) {
            0 => {
                let after = world.random.below(60) as u64;
                let every = (world.random.below(2) == 0).then(|| world.random.below(9) as u64);
                let errno = *world.random.pick(&ERRNOS);
                world.disk.fail(after, every, Fault::Fails(errno));
            }
            1 => {
                let after = world.random.below(80) as u64;
                world.disk.fail(after, None, Fault::Stops);
            }
            _ => {}
        }
        let result = step(&mut world);
        if world.disk.is_stopped() {
            let power_cut = world.random.below(3) > 0;
            world.restart(power_cut);
            continue;
        }
        let failed = world.disk.heal();
        match result {
            Ok(()) | Err(StoreError::Missing { .. }) => {}
            Err(error) => assert!(failed, "{error}"),
        }
        world.verify();
    }
    // However it went, everything can be had and be done away with.
    for root in world.universe.roots.clone() {
        world.writers.clear();
        world.pull(&root, false).unwrap();
        world.tag("all/of:it", &root).unwrap();
        world.verify();
    }
    world.untag("all/of:it").unwrap();
    world.writers.clear();
    world.sessions.clear();
    world.prune().unwrap();
    world.restart(true);
}

fn step(world: &mut World) -> Result<(), StoreError> {
    let root = {
        let roots = world.universe.roots.clone();
        world.random.pick(&roots).clone()
    };
    let name = *world.random.pick(&NAMES);
    let owner = *world.random.pick(&OWNERS);
    match world.random.below(14) {
        0..3 => {
            let session = world.session()?;
            let digests: Vec<_> = world.universe.blobs.keys().copied().collect();
            let digest = *world.random.pick(&digests);
            let whole = world.random.below(2) == 0;
            world.ingest(session, &digest, whole)
        }
        3 | 4 => world.pull(&root, true),
        5 | 6 => {
            world.pull(&root, false)?;
            world.tag(name, &root)
        }
        7 => world.tag(name, &root),
        8 => world.untag(name),
        9 => world.pin(owner, &root),
        10 => world.unpin(owner),
        11 => {
            world.sessions.pop();
            world.writers.clear();
            Ok(())
        }
        12 => {
            if world.random.below(4) == 0 {
                let power_cut = world.random.below(2) == 0;
                world.restart(power_cut);
            }
            Ok(())
        }
        _ => world.prune(),
    }
}

/// One life from an empty disk to an empty store, which does everything once.
fn whole_life(world: &mut World) -> Result<(), StoreError> {
    world.open()?;
    let roots = world.universe.roots.clone();
    let signature = roots.last().unwrap().clone();
    for (root, name) in [(&roots[0], NAMES[0]), (&roots[6], NAMES[1])] {
        world.pull(root, false)?;
        world.tag(name, root)?;
    }
    world.pull(&signature, false)?;
    world.sessions.clear();
    world.pin(OWNERS[0], &roots[0])?;
    world.untag(NAMES[0])?;
    world.prune()?;
    world.untag(NAMES[1])?;
    world.unpin(OWNERS[0])?;
    world.prune()
}

#[test]
fn every_single_operation_may_fail_or_be_the_last() {
    let mut world = World::new(1);
    whole_life(&mut world).unwrap();
    let operations = world.disk.operations();
    for after in 0..operations {
        let errno = ERRNOS[after as usize % ERRNOS.len()];
        for fault in [Fault::Stops, Fault::Fails(errno)] {
            let _operation = Operation(after);
            let mut world = World::new(1);
            world.disk.fail(after, None, fault);
            let result = whole_life(&mut world);
            if world.disk.is_stopped() {
                let power_cut = after % 3 > 0;
                world.restart(power_cut);
            } else {
                assert!(world.disk.heal());
                let is_full = matches!(fault, Fault::Fails(Errno::NOSPC | Errno::DQUOT));
                match result {
                    Err(StoreError::NoRoom { .. }) => assert!(is_full),
                    Err(StoreError::Device { .. }) => assert!(!is_full),
                    Err(error) => panic!("{error}"),
                    // Only what tidies up may fail unnoticed.
                    Ok(()) => {}
                }
                world.open().unwrap();
                world.verify();
            }
            world.sessions.clear();
            world.writers.clear();
            if after % 4 == 0 {
                whole_life(&mut world).unwrap();
                world.restart(true);
            }
        }
    }
}
