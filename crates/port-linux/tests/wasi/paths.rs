//! What is done by path.

use std::fs;

use thimble_abi::Errno;
use thimble_abi::calls::WasiCall;
use thimble_abi::wasi::{fstflags, oflags, rights};

use crate::fixture::{DATA, Guest, MOUNT, OTHER, OUT, READ_ONLY, READ_WRITE, Setup, TEXT};

pub(crate) fn by_path(guest: &mut Guest, call: WasiCall, path: &str) -> u64 {
    let [at, len] = guest.text(path);
    guest.errno(call, &[MOUNT, at, len])
}

fn two(guest: &mut Guest, call: WasiCall, from: (u64, &str), to: (u64, &str)) -> u64 {
    let ([a, a_len], [b, b_len]) = (guest.text(from.1), guest.text_2(to.1));
    match call {
        WasiCall::PathLink => guest.errno(call, &[from.0, 0, a, a_len, to.0, b, b_len]),
        _ => guest.errno(call, &[from.0, a, a_len, to.0, b, b_len]),
    }
}

fn symlink(guest: &mut Guest, target: &str, path: &str) -> u64 {
    let ([a, a_len], [b, b_len]) = (guest.text(target), guest.text_2(path));
    guest.errno(WasiCall::PathSymlink, &[a, a_len, MOUNT, b, b_len])
}

const fn number(errno: Errno) -> u64 {
    errno.number() as u64
}

#[test]
fn preopened_directories_are_told() {
    let mut guest = Guest::new();
    for (fd, path) in [
        (MOUNT, "/mount"),
        (READ_ONLY, "/read-only"),
        (OTHER, "/other"),
    ] {
        guest.ok(WasiCall::FdPrestatGet, &[fd, u64::from(OUT)]);
        assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (0, path.len() as u64));
        guest.ok(
            WasiCall::FdPrestatDirName,
            &[fd, u64::from(DATA), path.len() as u64 + 1],
        );
        assert_eq!(guest.bytes(DATA, path.len() as u64), path.as_bytes());
        guest.fails(WasiCall::FdPrestatDirName, &[fd, 1, 0], Errno::NameTooLong);
    }
    for fd in [0, 6, u64::from(u32::MAX)] {
        guest.fails(
            WasiCall::FdPrestatGet,
            &[fd, u64::from(OUT)],
            Errno::BadDescriptor,
        );
    }
}

#[test]
fn paths_are_checked() {
    let mut guest = Guest::new();
    fs::create_dir_all(guest.path("dir/nested")).unwrap();
    fs::write(guest.path("dir/nested/file"), "x").unwrap();
    let long = "a/".repeat(2049);
    for (path, errno) in [
        ("/dir", Errno::NotCapable),
        ("..", Errno::NotCapable),
        ("dir/../../mount/dir", Errno::NotCapable),
        ("", Errno::NoEntry),
        ("dir/nested/file\0", Errno::Invalid),
        ("dir/nested/file/", Errno::NotDirectory),
        ("dir/nested/file/..", Errno::NotDirectory),
        ("missing", Errno::NoEntry),
        (long.as_str(), Errno::NameTooLong),
        (&"n".repeat(256), Errno::NameTooLong),
    ] {
        let arguments = guest.open_arguments(MOUNT, path, 1, 0, 0, 0);
        guest.fails(WasiCall::PathOpen, &arguments, errno);
    }
    for path in [
        "dir/.//nested/../../dir/nested/../nested///./file",
        "dir/nested/",
        "dir/nested///",
        ".",
    ] {
        let fd = guest.open(MOUNT, path, 0, 0);
        guest.ok(WasiCall::FdClose, &[fd]);
    }
    let mut arguments = guest.open_arguments(MOUNT, "xx", 1, 0, 0, 0);
    guest.put(TEXT, b"\xff\xfe");
    guest.fails(WasiCall::PathOpen, &arguments, Errno::IllegalSequence);
    arguments[0] = 0;
    guest.put(TEXT, b"xx");
    guest.fails(WasiCall::PathOpen, &arguments, Errno::NotDirectory);
    for (position, value) in [(1, 2), (4, 16), (4, 3), (7, 32)] {
        let mut arguments = guest.open_arguments(MOUNT, "dir", 1, 0, 0, 0);
        arguments[position] = value;
        guest.fails(WasiCall::PathOpen, &arguments, Errno::Invalid);
    }
}

#[test]
fn opening_makes_and_cuts_files() {
    let mut guest = Guest::new();
    let fd = guest.open(MOUNT, "file", oflags::CREAT | oflags::EXCL, READ_WRITE);
    guest.write(fd, b"content");
    let arguments = guest.open_arguments(MOUNT, "file", 1, oflags::CREAT | oflags::EXCL, 0, 0);
    guest.fails(WasiCall::PathOpen, &arguments, Errno::Exists);
    guest.open(MOUNT, "file", oflags::TRUNC, 0);
    assert_eq!(fs::read(guest.path("file")).unwrap(), b"");
    fs::create_dir(guest.path("dir")).unwrap();
    let arguments = guest.open_arguments(MOUNT, "file", 1, oflags::DIRECTORY, 0, 0);
    guest.fails(WasiCall::PathOpen, &arguments, Errno::NotDirectory);
    let wanted = rights::FD_READ | rights::FD_WRITE;
    let arguments = guest.open_arguments(MOUNT, "dir", 1, oflags::DIRECTORY, wanted, 0);
    guest.fails(WasiCall::PathOpen, &arguments, Errno::IsDirectory);
    let fd = guest.open(
        MOUNT,
        "dir",
        oflags::DIRECTORY,
        rights::FD_READ | rights::FD_SEEK,
    );
    guest.ok(WasiCall::FdFdstatGet, &[fd, u64::from(OUT)]);
    assert_eq!((guest.bytes(OUT, 1)[0], guest.u64(OUT + 8)), (3, 0));
}

#[test]
fn read_only_mounts_are_not_changed() {
    let mut guest = Guest::new();
    let folder = guest.folder.path().join("read-only");
    fs::write(folder.join("file"), "as it was").unwrap();
    let fd = guest.open(READ_ONLY, "file", 0, READ_WRITE & !rights::FD_WRITE);
    assert_eq!(guest.read(fd, 100), b"as it was");
    guest.fails(
        WasiCall::FdFilestatSetTimes,
        &[fd, 0, 0, 8],
        Errno::NotCapable,
    );
    for (path, oflags, wanted) in [
        ("file", 0, READ_WRITE),
        ("file", oflags::TRUNC, 0),
        ("new", oflags::CREAT, 0),
        ("new", oflags::CREAT | oflags::EXCL, 0),
    ] {
        let arguments = guest.open_arguments(READ_ONLY, path, 1, oflags, wanted, 0);
        guest.fails(WasiCall::PathOpen, &arguments, Errno::ReadOnly);
    }
    guest.open(READ_ONLY, "file", oflags::CREAT, 0);
    let [at, len] = guest.text("file");
    for call in [
        WasiCall::PathCreateDirectory,
        WasiCall::PathRemoveDirectory,
        WasiCall::PathUnlinkFile,
    ] {
        guest.fails(call, &[READ_ONLY, at, len], Errno::ReadOnly);
    }
    guest.fails(
        WasiCall::PathSymlink,
        &[at, len, READ_ONLY, at, len],
        Errno::ReadOnly,
    );
    guest.fails(
        WasiCall::PathFilestatSetTimes,
        &[READ_ONLY, 0, at, len, 0, 0, 8],
        Errno::ReadOnly,
    );
    guest.fails(
        WasiCall::FdFilestatSetTimes,
        &[READ_ONLY, 0, 0, 8],
        Errno::ReadOnly,
    );
    for (from, to) in [
        (MOUNT, READ_ONLY),
        (READ_ONLY, MOUNT),
        (READ_ONLY, READ_ONLY),
    ] {
        assert_eq!(
            two(&mut guest, WasiCall::PathRename, (from, "file"), (to, "b")),
            number(Errno::ReadOnly)
        );
        assert_eq!(
            two(&mut guest, WasiCall::PathLink, (from, "file"), (to, "b")),
            number(Errno::ReadOnly)
        );
    }
    assert_eq!(fs::read(folder.join("file")).unwrap(), b"as it was");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn without_the_grant_files_are_refused() {
    let mut setup = Setup::new();
    setup.config.grants = thimble_runtime::grant::Grants::default();
    let mut guest = setup.build();
    let arguments = guest.open_arguments(MOUNT, "file", 1, oflags::CREAT, 0, 0);
    guest.fails(WasiCall::PathOpen, &arguments, Errno::NotCapable);
    guest.fails(WasiCall::PathOpen, &arguments, Errno::NotCapable);
    assert_eq!(
        guest.device.observer.lines(),
        ["1 Refused { grant: \"fs\" }"]
    );
}

#[test]
fn the_limit_of_descriptors_holds() {
    let mut setup = Setup::new();
    setup.config.limits.descriptors = 8;
    let mut guest = setup.build();
    guest.open(MOUNT, ".", 0, 0);
    guest.open(MOUNT, ".", 0, 0);
    let arguments = guest.open_arguments(MOUNT, "new", 1, oflags::CREAT, 0, 0);
    guest.fails(WasiCall::PathOpen, &arguments, Errno::TooManyOpenFiles);
    assert!(!guest.path("new").exists());
    assert_eq!(
        guest.device.observer.lines(),
        ["1 LimitReached { limit: \"descriptors\" }"]
    );
}

#[test]
fn directories_and_files_are_made_moved_linked_and_removed() {
    let mut guest = Guest::new();
    let g = &mut guest;
    assert_eq!(by_path(g, WasiCall::PathCreateDirectory, "dir"), 0);
    assert_eq!(
        by_path(g, WasiCall::PathCreateDirectory, "dir"),
        number(Errno::Exists)
    );
    assert_eq!(
        by_path(g, WasiCall::PathUnlinkFile, "dir"),
        number(Errno::IsDirectory)
    );
    assert_eq!(
        by_path(g, WasiCall::PathUnlinkFile, "dir/"),
        number(Errno::IsDirectory)
    );
    fs::write(g.path("dir/file"), "x").unwrap();
    assert_eq!(
        by_path(g, WasiCall::PathRemoveDirectory, "dir"),
        number(Errno::NotEmpty)
    );
    assert_eq!(
        by_path(g, WasiCall::PathRemoveDirectory, "dir/file"),
        number(Errno::NotDirectory)
    );
    assert_eq!(
        two(g, WasiCall::PathRename, (MOUNT, "dir/"), (MOUNT, "moved")),
        0
    );
    assert_eq!(
        two(g, WasiCall::PathRename, (MOUNT, "moved"), (MOUNT, "dir/")),
        0
    );
    assert_eq!(
        two(
            g,
            WasiCall::PathRename,
            (MOUNT, "dir/file"),
            (OTHER, "file")
        ),
        number(Errno::CrossDevice)
    );
    assert_eq!(
        two(g, WasiCall::PathLink, (MOUNT, "dir/file"), (OTHER, "file")),
        number(Errno::CrossDevice)
    );
    let dir = g.open(MOUNT, "dir", 0, rights::DIRECTORY);
    assert_eq!(
        two(g, WasiCall::PathRename, (dir, "file"), (MOUNT, "up")),
        0
    );
    assert_eq!(two(g, WasiCall::PathLink, (MOUNT, "up"), (dir, "link")), 0);
    assert_eq!(
        two(g, WasiCall::PathLink, (MOUNT, "up"), (dir, "link")),
        number(Errno::Exists)
    );
    assert_eq!(
        two(g, WasiCall::PathLink, (MOUNT, "dir"), (MOUNT, "other")),
        number(Errno::Permission)
    );
    assert_eq!(
        two(g, WasiCall::PathLink, (MOUNT, "up"), (MOUNT, "new/")),
        number(Errno::NoEntry)
    );
    let ([a, a_len], [b, b_len]) = (g.text("up"), g.text_2("b"));
    g.fails(
        WasiCall::PathLink,
        &[MOUNT, 1, a, a_len, MOUNT, b, b_len],
        Errno::Invalid,
    );
    assert_eq!(
        by_path(g, WasiCall::PathUnlinkFile, "up/"),
        number(Errno::NotDirectory)
    );
    assert_eq!(by_path(g, WasiCall::PathUnlinkFile, "up"), 0);
    assert_eq!(by_path(g, WasiCall::PathUnlinkFile, "dir/link"), 0);
    assert_eq!(by_path(g, WasiCall::PathRemoveDirectory, "dir/"), 0);
}

#[test]
fn symbolic_links_are_made_read_and_followed_when_asked() {
    let mut guest = Guest::new();
    fs::create_dir(guest.path("target")).unwrap();
    assert_eq!(symlink(&mut guest, "target", "link"), 0);
    assert_eq!(symlink(&mut guest, "target", "link"), number(Errno::Exists));
    assert_eq!(
        symlink(&mut guest, "target", "new/"),
        number(Errno::NoEntry)
    );
    assert_eq!(
        symlink(&mut guest, "/etc", "absolute"),
        number(Errno::NotCapable)
    );
    let [at, len] = guest.text("link");
    guest.ok(
        WasiCall::PathReadlink,
        &[MOUNT, at, len, u64::from(DATA), 4, u64::from(OUT)],
    );
    assert_eq!(
        (guest.u32(OUT), guest.bytes(DATA, 6)),
        (4, b"targ\0\0".as_slice())
    );
    for (oflags, errnos) in [
        (oflags::DIRECTORY, [Errno::Loop, Errno::NotDirectory]),
        (0, [Errno::Loop, Errno::Loop]),
    ] {
        let arguments = guest.open_arguments(MOUNT, "link", 0, oflags, 0, 0);
        let errno = guest.errno(WasiCall::PathOpen, &arguments);
        assert!(errnos.map(number).contains(&errno));
    }
    guest.open(MOUNT, "link", oflags::DIRECTORY, 0);
    for (follow, filetype) in [(0, 7), (1, 3)] {
        let [at, len] = guest.text("link");
        guest.ok(
            WasiCall::PathFilestatGet,
            &[MOUNT, follow, at, len, u64::from(OUT)],
        );
        assert_eq!(guest.bytes(OUT + 16, 1), [filetype]);
        let times = u64::from(fstflags::MTIM);
        guest.ok(
            WasiCall::PathFilestatSetTimes,
            &[MOUNT, follow, at, len, 0, 77 + follow, times],
        );
        guest.ok(
            WasiCall::PathFilestatGet,
            &[MOUNT, follow, at, len, u64::from(OUT)],
        );
        assert_eq!(guest.u64(OUT + 48), 77 + follow);
    }
    guest.ok(
        WasiCall::FdFilestatSetTimes,
        &[MOUNT, 0, 5, u64::from(fstflags::MTIM)],
    );
    guest.ok(WasiCall::FdFilestatGet, &[MOUNT, u64::from(OUT)]);
    assert_eq!(guest.u64(OUT + 48), 5);
}
