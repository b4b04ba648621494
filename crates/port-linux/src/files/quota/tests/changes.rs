//! Random changes, by one and by several at once: the quota always says what the disk says.

use thimble_testkit::random::{Random, seed};

use super::*;

const NAMES: [&str; 6] = ["a", "b", "c", "d", "d/e", "d/f"];

/// What somebody does to a folder, at random, and the files that they have open.
struct Actor {
    random: Random,
    mount: Box<dyn Directory>,
    open: Vec<Box<dyn File>>,
}

impl Actor {
    fn new(seed: u64, mount: Box<dyn Directory>) -> Self {
        Self {
            random: Random::new(seed),
            mount,
            open: Vec::new(),
        }
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.random.index(NAMES.len())]
    }

    /// Does something; whether it worked does not matter.
    fn act(&mut self) {
        let (name, other) = (self.name(), self.name());
        let mount = &mut *self.mount;
        match self.random.below(16) {
            0..4 => {
                let how = How {
                    create: self.random.below(3) > 0,
                    exclusive: self.random.below(4) == 0,
                    truncate: self.random.below(4) == 0,
                    directory: false,
                };
                if let Ok(Opened::File(file, _)) = open(mount, name, how) {
                    self.open.push(file);
                }
            }
            4 => _ = make_folder(mount, name),
            5 => _ = remove_folder(mount, name),
            6 | 7 => _ = remove(mount, name),
            8 => _ = rename(mount, name, None, other),
            9 => _ = link(mount, name, None, other),
            10 => _ = symlink(mount, other, name),
            _ if self.open.is_empty() => {}
            11 => {
                let index = self.random.index(self.open.len());
                drop(self.open.swap_remove(index));
            }
            12 => {
                let size = self.random.below(40_000);
                _ = set_size(self.any(), size);
            }
            13 => {
                let (offset, len) = (self.random.below(20_000), self.random.below(20_000) + 1);
                _ = allocate(self.any(), offset, len);
            }
            _ => {
                let position = match self.random.below(2) {
                    0 => Position::End,
                    _ => Position::At(self.random.below(30_000)),
                };
                let len = self.random.index(9000);
                let bytes = self.random.bytes(len);
                _ = write(self.any(), position, &bytes);
            }
        }
    }

    fn any(&mut self) -> &mut dyn File {
        let index = self.random.index(self.open.len());
        &mut *self.open[index]
    }
}

/// What open files without a name take.
fn unlinked(open: &mut [Box<dyn File>]) -> (u64, u64) {
    let (mut used, mut inodes) = ((0, 0), Vec::new());
    for file in open {
        let metadata = metadata(&mut **file);
        if metadata.links == 0 && !inodes.contains(&metadata.inode) {
            inodes.push(metadata.inode);
            used = (used.0 + 1, used.1 + NAME_BYTES + content(metadata.size));
        }
    }
    used
}

#[test]
fn a_random_walk_agrees_with_the_disk() {
    let seed = seed(0x71_756f_7461);
    // Sometimes there is room, sometimes hardly any.
    for (round, bytes_max) in (0..).zip([1 << 20, 60_000, 1 << 20, 30_000]) {
        let bench = Bench::new(Quota::new(bytes_max, 12));
        let mut actor = Actor::new(seed.wrapping_add(round), bench.mount());
        for step in 0..2500 {
            actor.act();
            let nameless = unlinked(&mut actor.open);
            let named = counted(bench.folder.path());
            let expected = (named.0 + nameless.0, named.1 + nameless.1);
            assert_eq!(bench.used(), expected, "round {round}, step {step}");
            assert!(expected.0 <= 12 && expected.1 <= bytes_max);
            if step % 500 == 0 {
                bench.quota.recount().unwrap();
                assert_eq!(bench.used(), expected, "counted, step {step}");
            }
        }
        actor.open.clear();
        bench.check();
    }
}

#[test]
fn several_at_once_agree_with_the_disk() {
    let seed = seed(0x73_6861_7265);
    let bench = Bench::new(Quota::new(100_000, 12));
    let act = &|number: u64| {
        let mut actor = Actor::new(seed.wrapping_add(number), bench.mount());
        for step in 0..1500 {
            actor.act();
            if step % 100 == 0 && number == 0 {
                bench.quota.recount().unwrap();
            }
            assert!(bench.quota.used_bytes() <= 100_000);
            assert!(bench.quota.used_files() <= 12);
        }
        actor.open
    };
    let mut open: Vec<_> = std::thread::scope(|scope| {
        let threads = [0, 1, 2, 3].map(|number| scope.spawn(move || act(number)));
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    let nameless = unlinked(&mut open);
    let named = counted(bench.folder.path());
    assert_eq!(bench.used(), (named.0 + nameless.0, named.1 + nameless.1));
    drop(open);
    bench.check();
}
