//! Every way to grow ends at the limit, and what is given up makes room again.

use super::*;

const NAME: u64 = NAME_BYTES;

/// What a chunk costs.
fn chunk() -> u64 {
    content_bytes(1)
}

/// A way to grow: what it is called, and an attempt.
type Way = (&'static str, fn(&mut dyn Directory) -> Result<(), Errno>);

/// Ways to grow by a chunk or more, given a file `old` of one chunk, a folder `d` and no room. From [`NAMING`] on, they
/// take a name too.
const WAYS: &[Way] = &[
    ("write at the end of the file", |directory| {
        let mut file = file(directory, "old", How::default())?;
        write(&mut *file, Position::At(512), b"x").map(drop)
    }),
    ("append", |directory| {
        let mut file = file(directory, "old", How::default())?;
        write(&mut *file, Position::End, b"x").map(drop)
    }),
    ("write far behind the end", |directory| {
        let mut file = file(directory, "old", How::default())?;
        write(&mut *file, Position::At(1 << 50), b"x").map(drop)
    }),
    ("write at the end of all offsets", |directory| {
        let mut file = file(directory, "old", How::default())?;
        write(&mut *file, Position::At(u64::MAX), b"xy").map(drop)
    }),
    ("write over the end", |directory| {
        let mut file = file(directory, "old", How::default())?;
        write(&mut *file, Position::At(600), &vec![1; 3 << 20]).map(drop)
    }),
    ("set the size", |directory| {
        set_size(&mut *file(directory, "old", How::default())?, 513)
    }),
    ("allocate", |directory| {
        allocate(&mut *file(directory, "old", How::default())?, 0, 513)
    }),
    ("allocate without end", |directory| {
        allocate(&mut *file(directory, "old", How::default())?, u64::MAX, 9)
    }),
    ("create", |directory| {
        file(directory, "new", CREATE).map(drop)
    }),
    ("create in a folder", |directory| {
        file(&mut *folder(directory, "d")?, "new", CREATE).map(drop)
    }),
    ("create exclusively", |directory| {
        let how = How {
            exclusive: true,
            ..CREATE
        };
        file(directory, "new", how).map(drop)
    }),
    ("make a folder", |directory| make_folder(directory, "new")),
    ("link symbolically", |directory| {
        symlink(directory, "old", "new")
    }),
    ("link", |directory| link(directory, "old", None, "new")),
];

const NAMING: usize = 8;

struct Bench {
    memory: Memory,
    volumes: Volumes,
    mount: Box<dyn Directory>,
}

impl Bench {
    fn new(bytes_max: u64, files_max: u64) -> Self {
        let memory = Memory::new();
        let volumes = volumes(&memory);
        let quota = Quota {
            bytes_max,
            files_max,
        };
        Self {
            mount: volumes.open("c", "data", quota).unwrap(),
            volumes,
            memory,
        }
    }

    /// With a file of one chunk and a folder.
    fn filled(bytes_max: u64, files_max: u64) -> Self {
        let mut bench = Self::new(bytes_max, files_max);
        let mut old = file(&mut *bench.mount, "old", CREATE).unwrap();
        write(&mut *old, Position::At(0), &[7; 512]).unwrap();
        make_folder(&mut *bench.mount, "d").unwrap();
        bench
    }

    fn used(&self) -> (u64, u64) {
        let used = self.volumes.usage("c").unwrap();
        (used.files, used.bytes)
    }

    /// What is known is what the records say.
    fn check(&self) {
        assert_eq!(self.volumes.usage("c").unwrap(), checked(&self.memory, "c"));
    }
}

#[test]
fn no_way_leads_past_the_bytes() {
    let full = 2 * NAME + chunk();
    for (name, way) in WAYS {
        let mut bench = Bench::filled(full, 100);
        let before = bench.memory.state().records.clone();
        assert_eq!(way(&mut *bench.mount), Err(Errno::NoSpace), "{name}");
        assert_eq!(bench.used(), (2, full), "{name}");
        assert!(
            bench.memory.state().records == before,
            "{name}: nothing has changed"
        );
        bench.check();
    }
}

#[test]
fn no_way_leads_past_the_files() {
    for (name, way) in &WAYS[NAMING..] {
        let mut bench = Bench::filled(1 << 30, 2);
        let before = bench.memory.state().records.clone();
        assert_eq!(way(&mut *bench.mount), Err(Errno::NoSpace), "{name}");
        assert!(
            bench.memory.state().records == before,
            "{name}: nothing has changed"
        );
        let quota = Quota {
            bytes_max: 1 << 30,
            files_max: 3,
        };
        bench.volumes.set_quota("c", quota).unwrap();
        way(&mut *bench.mount).unwrap_or_else(|errno| panic!("{name}: {errno:?}"));
        assert_eq!(bench.used().0, 3, "{name}");
        bench.check();
    }
}

#[test]
fn what_takes_no_room_works_without_any() {
    let mut bench = Bench::filled(1 << 20, 2);
    let none = Quota {
        bytes_max: 0,
        files_max: 0,
    };
    bench.volumes.set_quota("c", none).unwrap();
    let mount = &mut *bench.mount;
    let mut old = file(mount, "old", CREATE).unwrap();
    assert_eq!(write(&mut *old, Position::At(0), &[1; 512]), Ok(512));
    assert_eq!(write(&mut *old, Position::At(1 << 40), b""), Ok(0));
    allocate(&mut *old, 0, 512).unwrap();
    set_size(&mut *old, 10).unwrap();
    rename(mount, "old", None, "d/a-much-longer-name-than-before").unwrap();
    remove(mount, "d/a-much-longer-name-than-before").unwrap();
    drop(old);
    remove_folder(mount, "d").unwrap();
    assert_eq!(bench.used(), (0, 0));
    bench.check();
}

#[test]
fn what_was_removed_counts_until_it_is_closed() {
    let mut bench = Bench::new(NAME + 9 * chunk(), 10);
    let mount = &mut *bench.mount;
    let mut first = file(mount, "f", CREATE).unwrap();
    let second = file(mount, "f", How::default()).unwrap();
    write(&mut *first, Position::At(0), &[1; 512 * 3]).unwrap();
    remove(mount, "f").unwrap();
    assert_eq!(bench.used(), (1, NAME + 3 * chunk()));
    write_all(&mut *first, 512 * 3, &[1; 512 * 6]).unwrap();
    assert_eq!(bench.used(), (1, NAME + 9 * chunk()));
    let more = write(&mut *first, Position::End, b"x");
    assert_eq!(more, Err(Errno::NoSpace));
    drop(first);
    assert_eq!(bench.used(), (1, NAME + 9 * chunk()));
    drop(second);
    assert_eq!(bench.used(), (0, 0));
    bench.check();
}

#[test]
fn a_file_replaced_by_a_rename_counts_no_more() {
    let mut bench = Bench::new(1 << 20, 10);
    let mount = &mut *bench.mount;
    for name in ["a", "b"] {
        write_all(&mut *file(mount, name, CREATE).unwrap(), 0, &[1; 512 * 4]).unwrap();
    }
    let held = file(mount, "b", How::default()).unwrap();
    rename(mount, "a", None, "b").unwrap();
    let used = bench.volumes.usage("c").unwrap();
    assert_eq!((used.files, used.bytes), (2, 2 * NAME + 8 * chunk()));
    drop(held);
    let mount = &mut *bench.mount;
    link(mount, "b", None, "c").unwrap();
    rename(mount, "b", None, "c").unwrap();
    rename(mount, "c", None, "c").unwrap();
    make_folder(mount, "d").unwrap();
    make_folder(mount, "e").unwrap();
    rename(mount, "d/", None, "e").unwrap();
    assert_eq!(bench.used(), (3, 3 * NAME + 4 * chunk()));
    bench.check();
}

#[test]
fn a_write_takes_what_room_there_is() {
    let mut bench = Bench::new(NAME + 3 * chunk(), 1);
    let mut file = file(&mut *bench.mount, "f", CREATE).unwrap();
    let (mut offset, bytes) = (100, [9; 5000]);
    while let Ok(count) = write(&mut *file, Position::At(offset), &bytes) {
        offset += u64::try_from(count).unwrap();
    }
    assert_eq!(offset, 3 * 512);
    assert_eq!(bench.used(), (1, NAME + 3 * chunk()));
}

#[test]
fn storage_that_is_full_changes_nothing() {
    for (name, way) in WAYS {
        let mut bench = Bench::filled(1 << 60, 100);
        let before = bench.memory.state().records.clone();
        bench.memory.state().records_max = before.len();
        if let Err(errno) = way(&mut *bench.mount) {
            let known = [Errno::NoSpace, Errno::FileTooBig];
            assert!(known.contains(&errno), "{name}: {errno:?}");
            assert!(bench.memory.state().records == before, "{name}");
        }
        bench.check();
    }
}

#[test]
fn small_groups_make_small_writes() {
    let mut bench = Bench::new(1 << 20, 10);
    {
        let mut state = bench.memory.state();
        state.record_bytes_max = 600;
        state.group_bytes_max = 700;
    }
    let mut file = file(&mut *bench.mount, "f", CREATE).unwrap();
    assert_eq!(write(&mut *file, Position::At(0), &[1; 4096]), Ok(512));
    write_all(&mut *file, 512, &[2; 4096]).unwrap();
    let bytes = read(&mut *file, 0, 9999).unwrap();
    assert_eq!(bytes, [[1; 512].as_slice(), &[2; 4096]].concat());
}

#[test]
fn the_charge_is_no_less_than_what_records_take() {
    const HEADER_BYTES: usize = 20;
    let memory = Memory::new();
    let container = "c".repeat(64);
    let volumes = volumes(&memory);
    let mut mount = volumes.open(&container, "data", MUCH).unwrap();
    let before: usize = sum(&memory, HEADER_BYTES);
    for number in 0..10_usize {
        let name = alloc::format!("{number}{}", "n".repeat(254));
        let mut file = file(&mut *mount, &name, CREATE).unwrap();
        write_all(&mut *file, 0, &vec![1; number * 512]).unwrap();
    }
    let taken = u64::try_from(sum(&memory, HEADER_BYTES) - before).unwrap();
    let used = volumes.usage(&container).unwrap().bytes;
    assert!(taken <= used, "{taken} of {used}");
}

fn sum(memory: &Memory, header_bytes: usize) -> usize {
    let state = memory.state();
    let sizes = state
        .records
        .iter()
        .map(|(key, value)| key.len() + value.len() + header_bytes);
    sizes.sum()
}
