//! Every way to grow ends at the limit, and what is given up makes room again.

use std::time::Duration;

use super::*;

const PAGE: u64 = NAME_BYTES;

/// A way to grow: what it is called, and an attempt.
type Way = (&'static str, fn(&mut dyn Directory) -> Result<(), Errno>);

/// Ways to grow by a page or more, given a file `old` of one page, a folder `d` and no room. From [`NAMING`] on, they
/// take a name too.
const WAYS: &[Way] = &[
    ("write at the end of the file", |directory| {
        let mut file = file(directory, "old", How::default())?;
        write(&mut *file, Position::At(PAGE), b"x").map(drop)
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
    ("write much", |directory| {
        let mut file = file(directory, "old", How::default())?;
        write(&mut *file, Position::At(0), &vec![1; 3 << 20]).map(drop)
    }),
    ("set the size", |directory| {
        set_size(&mut *file(directory, "old", How::default())?, PAGE + 1)
    }),
    ("allocate", |directory| {
        allocate(&mut *file(directory, "old", How::default())?, 0, PAGE + 1)
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

fn filled(bytes_max: u64, files_max: u64) -> (Bench, Box<dyn Directory>) {
    let bench = Bench::new(Quota::new(bytes_max, files_max));
    let mut mount = bench.mount();
    let mut old = file(&mut *mount, "old", CREATE).unwrap();
    write(&mut *old, Position::At(0), &[7; 4096]).unwrap();
    make_folder(&mut *mount, "d").unwrap();
    bench.check();
    (bench, mount)
}

#[test]
fn no_way_leads_past_the_bytes() {
    for (name, way) in WAYS {
        let (bench, mut mount) = filled(2 * PAGE, 100);
        assert_eq!(way(&mut *mount), Err(Errno::NoSpace), "{name}");
        assert_eq!(bench.used(), (2, 2 * PAGE), "{name}");
        bench.check();
        let written = fs::read(bench.folder.path().join("old")).unwrap();
        assert!(written == [7; 4096], "{name}: nothing was changed");
    }
}

#[test]
fn no_way_leads_past_the_files() {
    for (name, way) in &WAYS[NAMING..] {
        let (bench, mut mount) = filled(1 << 30, 2);
        assert_eq!(way(&mut *mount), Err(Errno::NoSpace), "{name}");
        assert_eq!(bench.used(), (2, 2 * PAGE), "{name}");
        bench.check();
        bench.quota.set_max(1 << 30, 3);
        way(&mut *mount).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(bench.used(), (3, 3 * PAGE), "{name}");
        bench.check();
    }
}

#[test]
fn what_takes_no_room_works_without_any() {
    let (bench, mut mount) = filled(2 * PAGE, 2);
    bench.quota.set_max(0, 0);
    let mut old = file(&mut *mount, "old", CREATE).unwrap();
    assert_eq!(write(&mut *old, Position::At(0), &[1; 4096]), Ok(4096));
    assert_eq!(write(&mut *old, Position::At(1 << 40), b""), Ok(0));
    allocate(&mut *old, 0, PAGE).unwrap();
    set_size(&mut *old, 10).unwrap();
    rename(&mut *mount, "old", None, "d/other").unwrap();
    bench.check();
    remove(&mut *mount, "d/other").unwrap();
    drop(old);
    remove_folder(&mut *mount, "d").unwrap();
    assert_eq!(bench.used(), (0, 0));
}

#[test]
fn what_was_removed_counts_until_it_is_closed() {
    let bench = Bench::new(Quota::new(10 * PAGE, 10));
    let mut mount = bench.mount();
    let mut first = file(&mut *mount, "f", CREATE).unwrap();
    let second = file(&mut *mount, "f", How::default()).unwrap();
    write(&mut *first, Position::At(0), &[1; 4096 * 3]).unwrap();
    remove(&mut *mount, "f").unwrap();
    assert_eq!(bench.used(), (1, 3 * PAGE));
    write(&mut *first, Position::End, &[1; 4096 * 6]).unwrap();
    assert_eq!(bench.used(), (1, 9 * PAGE));
    bench.quota.recount().unwrap();
    assert_eq!(bench.used(), (1, 9 * PAGE), "a count knows of it");
    assert_eq!(
        write(&mut *first, Position::End, &[1; 4097]),
        Err(Errno::NoSpace)
    );
    drop(first);
    assert_eq!(bench.used(), (1, 9 * PAGE));
    drop(second);
    assert_eq!(bench.used(), (0, 0));
}

#[test]
fn a_file_replaced_by_a_rename_counts_no_more() {
    let bench = Bench::new(Quota::new(20 * PAGE, 10));
    let mut mount = bench.mount();
    for name in ["a", "b"] {
        let mut file = file(&mut *mount, name, CREATE).unwrap();
        write(&mut *file, Position::At(0), &[1; 4096 * 4]).unwrap();
    }
    let held = file(&mut *mount, "b", How::default()).unwrap();
    rename(&mut *mount, "a", None, "b").unwrap();
    assert_eq!(bench.used(), (2, 8 * PAGE), "it is still open");
    drop(held);
    bench.check();
    link(&mut *mount, "b", None, "c").unwrap();
    rename(&mut *mount, "b", None, "c").unwrap();
    rename(&mut *mount, "c", None, "c").unwrap();
    bench.check();
    assert_eq!(bench.used(), (2, 5 * PAGE), "two names of one file stay");
    make_folder(&mut *mount, "d").unwrap();
    make_folder(&mut *mount, "e").unwrap();
    rename(&mut *mount, "d/", None, "e").unwrap();
    bench.check();
}

#[test]
fn opening_and_cutting_gives_room_back() {
    let bench = Bench::new(Quota::new(3 * PAGE, 1));
    let mut mount = bench.mount();
    let mut first = file(&mut *mount, "f", CREATE).unwrap();
    write(&mut *first, Position::At(0), &[1; 4096 * 3]).unwrap();
    let how = How {
        truncate: true,
        ..CREATE
    };
    let Ok(Opened::File(_second, metadata)) = open(&mut *mount, "f", how) else {
        panic!("not opened");
    };
    assert_eq!(metadata.size, 0);
    assert_eq!(bench.used(), (1, PAGE));
    bench.check();
    write(&mut *first, Position::End, &[1; 4096 * 3]).unwrap();
    bench.check();
}

#[test]
fn a_link_that_leads_nowhere_makes_a_file() {
    let bench = Bench::new(Quota::new(2 * PAGE, 2));
    let mut mount = bench.mount();
    symlink(&mut *mount, "target", "link").unwrap();
    let mut made = file(&mut *mount, "link", CREATE).unwrap();
    write(&mut *made, Position::At(0), b"x").unwrap();
    assert_eq!(bench.used(), (2, 2 * PAGE));
    bench.check();
    symlink(&mut *mount, "loop", "loop").unwrap_err();
    remove(&mut *mount, "target").unwrap();
    remove(&mut *mount, "link").unwrap();
    drop(made);
    assert_eq!(bench.used(), (0, 0));
}

#[test]
fn failed_changes_take_nothing() {
    let (bench, mut mount) = filled(100 * PAGE, 100);
    let attempts: [Way; 7] = [
        ("no parent", |directory| {
            file(directory, "absent/f", CREATE).map(drop)
        }),
        ("out of the mount", |directory| {
            file(directory, "../f", CREATE).map(drop)
        }),
        ("a folder as a file", |directory| {
            file(directory, "d", CREATE).map(drop)
        }),
        ("there already", |directory| make_folder(directory, "d")),
        ("a link to nothing", |directory| {
            link(directory, "absent", None, "new")
        }),
        ("over another kind", |directory| {
            rename(directory, "old", None, "d")
        }),
        ("longer than a file can be", |directory| {
            set_size(&mut *file(directory, "old", How::default())?, u64::MAX)
        }),
    ];
    for (name, attempt) in attempts {
        assert!(attempt(&mut *mount).is_err(), "{name}");
        assert_eq!(bench.used(), (2, 2 * PAGE), "{name}");
    }
    bench.check();
}

#[test]
fn quotas_are_apart_like_file_systems() {
    let bench = Bench::new(Quota::new(1 << 20, 100));
    let other = Bench::new(Quota::new(1 << 20, 100));
    let (mut mount, mut other_mount) = (bench.mount(), other.mount());
    let mut free = unlimited(&bench, other.folder.path());
    file(&mut *mount, "f", CREATE).unwrap();
    file(&mut *other_mount, "g", CREATE).unwrap();
    for change in [rename, link] {
        for target in [&*other_mount, &*free] {
            let error = change(&mut *mount, "f", Some(target), "f").unwrap_err();
            assert_eq!(error, Errno::CrossDevice);
        }
        let error = change(&mut *free, "g", Some(&*mount), "g").unwrap_err();
        assert_eq!(error, Errno::CrossDevice);
    }
    // Two mounts of one quota are one.
    let again = bench.mount();
    rename(&mut *mount, "f", Some(&*again), "h").unwrap();
    bench.check();
    other.check();
}

#[test]
fn a_quota_may_have_several_folders() {
    let bench = Bench::new(Quota::new(1 << 20, 100));
    let second = TempDir::new().unwrap();
    fs::write(second.path().join("there"), [1; 5000]).unwrap();
    let mut mount = bench.mount();
    file(&mut *mount, "f", CREATE).unwrap();
    for _ in 0..3 {
        open_mount_limited(second.path(), &bench.pool, &bench.reactor, &bench.quota).unwrap();
        assert_eq!(bench.used(), (2, 3 * PAGE));
    }
    bench.quota.recount().unwrap();
    assert_eq!(bench.used(), (2, 3 * PAGE));
    let absent = second.path().join("absent");
    assert!(open_mount_limited(&absent, &bench.pool, &bench.reactor, &bench.quota).is_err());
}

#[test]
fn a_full_folder_is_counted_anew_when_that_is_due() {
    for (after, expected) in [
        (Duration::ZERO, Ok(1)),
        (Duration::MAX, Err(Errno::NoSpace)),
    ] {
        let bench = Bench::new(Quota::with_recount_after(2 * PAGE, 10, after));
        let mut mount = bench.mount();
        let mut kept = file(&mut *mount, "kept", CREATE).unwrap();
        file(&mut *mount, "gone", CREATE).unwrap();
        // Somebody past the quota makes room.
        fs::remove_file(bench.folder.path().join("gone")).unwrap();
        assert_eq!(write(&mut *kept, Position::At(PAGE), b"x"), expected);
        let files = if expected.is_ok() { 1 } else { 2 };
        assert_eq!(bench.used(), (files, 2 * PAGE));
        let made = make_folder(&mut *mount, "d");
        assert_eq!(made, Err(Errno::NoSpace));
        fs::remove_file(bench.folder.path().join("kept")).unwrap();
        assert_eq!(make_folder(&mut *mount, "d").is_ok(), expected.is_ok());
    }
}

#[test]
fn what_is_there_at_first_counts_however_deep() {
    let bench = Bench::new(Quota::new(1 << 30, 1 << 20));
    let mut mount = bench.mount();
    // Deeper than paths can be, with a side folder on each level.
    let mut deepest = unlimited(&bench, bench.folder.path());
    for _ in 0..1500 {
        make_folder(&mut *deepest, "side").unwrap();
        make_folder(&mut *deepest, "down").unwrap();
        deepest = folder(&mut *deepest, "down").unwrap();
    }
    let mut file = file(&mut *deepest, "file", CREATE).unwrap();
    set_size(&mut *file, 3 * PAGE).unwrap();
    assert_eq!(bench.used(), (0, 0));
    bench.quota.recount().unwrap();
    assert_eq!(bench.used(), (3001, 3003 * PAGE));
    assert!(make_folder(&mut *mount, "one-more").is_ok());
    // Path by path, no removal could reach it.
    let removed = std::process::Command::new("rm")
        .arg("-rf")
        .arg(bench.folder.path().join("down"))
        .status()
        .unwrap();
    assert!(removed.success());
}

#[test]
fn a_flood_ends_at_the_limit() {
    const BYTES: u64 = 1 << 20;
    let bench = Bench::new(Quota::new(BYTES, 100));
    let mut mount = bench.mount();
    let mut refused = 0;
    for number in 0..300 {
        let name = format!("file-{number}");
        let Ok(mut file) = file(&mut *mount, &name, CREATE) else {
            refused += 1;
            continue;
        };
        // Most of them small, so that both limits are met.
        let len = if number < 90 { 1000 } else { 1_000_000 };
        while metadata(&mut *file).size < len
            && write(&mut *file, Position::End, &[9; 1000]).is_ok()
        {}
    }
    assert!(refused >= 200, "{refused}");
    let (files, bytes) = bench.used();
    assert!(
        files <= 100 && bytes <= BYTES,
        "{files} files, {bytes} bytes"
    );
    assert!(bytes > BYTES - PAGE);
    bench.check();
}
