//! Random lives of a store on a disk that fails, stops and loses power, against the model.

use rustix::io::Errno;

use super::super::StoreError;
use super::model_disk::Fault;
use super::random::Random;
use super::world::World;

/// How many, unless `THIMBLE_LIVES` says otherwise.
const LIVES: u64 = 60;
/// How often each operation fails, unless `THIMBLE_TURNS` says otherwise.
const TURNS: u64 = 1;
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
    let lives = number("THIMBLE_LIVES", LIVES);
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

type Step = fn(&mut World) -> Result<(), StoreError>;

/// One life from an empty disk to an empty store, which does everything once.
const LIFE: [Step; 15] = [
    World::open,
    |world| world.pull(&world.universe.roots[0].clone(), false),
    |world| world.tag(NAMES[0], &world.universe.roots[0].clone()),
    |world| world.pull(&world.universe.roots[6].clone(), false),
    |world| world.tag(NAMES[1], &world.universe.roots[6].clone()),
    |world| world.pull(&world.universe.roots.last().unwrap().clone(), false),
    |world| world.pin(OWNERS[1], &world.universe.roots.last().unwrap().clone()),
    |world| world.pin(OWNERS[0], &world.universe.roots[0].clone()),
    |world| {
        world.sessions.clear();
        world.untag(NAMES[0])
    },
    World::prune,
    |world| world.untag(NAMES[1]),
    World::prune,
    |world| world.unpin(OWNERS[0]),
    |world| world.unpin(OWNERS[1]),
    World::prune,
];

fn whole_life(world: &mut World) -> Result<(), StoreError> {
    LIFE.iter().try_for_each(|step| step(world))
}

/// What becomes of a life in which one operation fails, or is the last before the process is killed or the power is
/// cut. It goes on from there, with the same step or the next, until the power is cut for good. Tells whether something failed.
fn live_with(world: &mut World, fault: Fault, is_cut: bool, retries: bool, more: usize) -> bool {
    let mut left = None;
    let mut number = 0;
    while let Some(step) = LIFE.get(number)
        && left != Some(0)
    {
        let result = step(world);
        left = left.map(|left| left - 1);
        let is_stopped = world.disk.is_stopped();
        if is_stopped {
            world.restart(is_cut);
        }
        let has_failed = world.disk.heal_if_failed() || is_stopped;
        match (result, fault) {
            (Ok(()), _) => {}
            (Err(StoreError::Missing { .. }), _) => {}
            (Err(StoreError::NoRoom { .. }), Fault::Fails(Errno::NOSPC | Errno::DQUOT)) => {}
            (Err(StoreError::Device { .. }), _) => assert!(has_failed),
            (Err(error), _) => panic!("{error}"),
        }
        if has_failed {
            left = Some(more);
            world.open().unwrap();
            world.verify();
        }
        if !(has_failed && retries) {
            number += 1;
        }
    }
    world.restart(true);
    left.is_some()
}

#[test]
fn every_single_operation_may_fail_or_be_the_last() {
    let mut world = World::new(1);
    whole_life(&mut world).unwrap();
    let turns = number("THIMBLE_TURNS", TURNS);
    for after in 0..world.disk.operations() {
        let mut random = Random::new(after);
        for _ in 0..turns {
            let _operation = Operation(after);
            let fault = match random.below(2) {
                0 => Fault::Stops,
                _ => Fault::Fails(*random.pick(&ERRNOS)),
            };
            let (is_cut, retries) = (random.below(2) == 0, random.below(2) == 0);
            let more = random.below(3);
            let mut world = World::new(random.next());
            world.disk.fail(after, None, fault);
            live_with(&mut world, fault, is_cut, retries, more);
        }
    }
}

#[test]
fn every_single_flush_of_a_folder_may_fail() {
    for fault in [Fault::Fails(Errno::IO), Fault::Stops] {
        for more in 1..4 {
            for retries in [false, true] {
                let mut after = 0;
                loop {
                    let _operation = Operation(after);
                    let mut world = World::new(after);
                    world.disk.fail_flush(after, fault);
                    if !live_with(&mut world, fault, false, retries, more) {
                        break;
                    }
                    after += 1;
                }
            }
        }
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |number| number.parse().unwrap())
}
