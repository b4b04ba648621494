//! Reading, writing and the attributes of files.

use std::fs;
use std::os::unix::fs::MetadataExt;

use thimble_abi::Errno;
use thimble_abi::calls::WasiCall;
use thimble_abi::wasi::{fstflags, oflags, rights, whence};

use crate::fixture::{DATA, Guest, LIST, MOUNT, OTHER, OUT, READ_ONLY, READ_WRITE};

fn seek(guest: &mut Guest, fd: u64, offset: i64, whence: u32) -> u64 {
    guest.ok(
        WasiCall::FdSeek,
        &[
            fd,
            offset.cast_unsigned(),
            u64::from(whence),
            u64::from(OUT),
        ],
    );
    guest.u64(OUT)
}

#[test]
fn what_is_written_can_be_read() {
    let mut guest = Guest::new();
    let fd = guest.open(MOUNT, "file", oflags::CREAT, READ_WRITE);
    assert_eq!(fd, 6);
    assert_eq!(guest.write(fd, b"hello, world"), 12);
    assert_eq!(guest.read(fd, 10), b"");
    assert_eq!(seek(&mut guest, fd, -5, whence::END), 7);
    assert_eq!(guest.read(fd, 100), b"world");
    assert_eq!(seek(&mut guest, fd, 0, whence::CUR), 12);
    assert_eq!(fs::read(guest.path("file")).unwrap(), b"hello, world");
    for (offset, whence) in [
        (-1, whence::SET),
        (i64::MIN, whence::CUR),
        (i64::MAX, whence::CUR),
        (0, 3),
    ] {
        let arguments = [
            fd,
            i64::cast_unsigned(offset),
            u64::from(whence),
            u64::from(OUT),
        ];
        guest.fails(WasiCall::FdSeek, &arguments, Errno::Invalid);
    }
    guest.ok(WasiCall::FdTell, &[fd, u64::from(OUT)]);
    assert_eq!(guest.u64(OUT), 12);
    guest.ok(WasiCall::FdSync, &[fd]);
    guest.ok(WasiCall::FdDatasync, &[fd]);
    guest.ok(WasiCall::FdClose, &[fd]);
    guest.fails(WasiCall::FdClose, &[fd], Errno::BadDescriptor);
}

#[test]
fn lists_of_buffers_are_scattered_and_gathered() {
    let mut guest = Guest::new();
    let fd = guest.open(MOUNT, "file", oflags::CREAT, READ_WRITE);
    guest.put(DATA, b"abcdefgh");
    let [list, len] = guest.list(&[
        (DATA, 3),
        (DATA, 0),
        (DATA + 5, 2),
        (DATA + 1, 4),
        (2 << 20, 0),
    ]);
    guest.ok(WasiCall::FdPwrite, &[fd, list, len, 2, u64::from(OUT)]);
    assert_eq!(guest.u32(OUT), 9);
    assert_eq!(fs::read(guest.path("file")).unwrap(), b"\0\0abcfgbcde");
    let [list, len] = guest.list(&[(DATA, 4), (DATA + 2, 4), (DATA + 100, 50)]);
    guest.ok(WasiCall::FdPread, &[fd, list, len, 1, u64::from(OUT)]);
    assert_eq!(guest.u32(OUT), 10);
    assert_eq!(guest.bytes(DATA, 6), b"\0afgbc");
    assert_eq!(guest.bytes(DATA + 100, 2), b"de");
    guest.ok(WasiCall::FdTell, &[fd, u64::from(OUT)]);
    assert_eq!(guest.u64(OUT), 0);
    guest.fails(
        WasiCall::FdRead,
        &[fd, u64::from(LIST), 1025, u64::from(OUT)],
        Errno::Invalid,
    );
    let [list, len] = guest.list(&[]);
    guest.ok(WasiCall::FdWrite, &[fd, list, len, u64::from(OUT)]);
    assert_eq!(guest.u32(OUT), 0);
}

#[test]
fn large_transfers_are_whole() {
    let mut guest = Guest::new();
    guest.memory.resize(24 << 20, 0);
    let bytes: Vec<u8> = (0..9_000_001_u32)
        .map(|number| (number / 7) as u8)
        .collect();
    let fd = guest.open(MOUNT, "large", oflags::CREAT, READ_WRITE);
    assert_eq!(guest.write(fd, &bytes), bytes.len() as u64);
    seek(&mut guest, fd, 0, whence::SET);
    guest.memory[DATA as usize..].fill(0);
    assert!(guest.read(fd, 10_000_000) == bytes);
    let mut buffers = vec![(DATA, 1000); 1023];
    buffers.push((DATA + 2000, 3));
    let [list, len] = guest.list(&buffers);
    guest.ok(WasiCall::FdPwrite, &[fd, list, len, 0, u64::from(OUT)]);
    assert_eq!(guest.u32(OUT), 1_023_003);
}

#[test]
fn append_writes_at_the_end_until_it_is_turned_off() {
    let mut guest = Guest::new();
    fs::write(guest.path("log"), "one").unwrap();
    let fd = guest.open_with(MOUNT, "log", 0, READ_WRITE, 1);
    guest.write(fd, b"two");
    seek(&mut guest, fd, 0, whence::SET);
    guest.write(fd, b"three");
    assert_eq!(seek(&mut guest, fd, 0, whence::CUR), 11);
    guest.ok(WasiCall::FdFdstatSetFlags, &[fd, 0]);
    seek(&mut guest, fd, 0, whence::SET);
    guest.write(fd, b"ONE");
    assert_eq!(fs::read(guest.path("log")).unwrap(), b"ONEtwothree");
    guest.fails(WasiCall::FdFdstatSetFlags, &[fd, 1 << 5], Errno::Invalid);
    guest.fails(WasiCall::FdFdstatSetFlags, &[fd, 1 << 4], Errno::Invalid);
}

#[test]
fn attributes_can_be_read_and_set() {
    let mut guest = Guest::new();
    let fd = guest.open_with(MOUNT, "file", oflags::CREAT, READ_WRITE, 1 << 4);
    guest.ok(WasiCall::FdFilestatSetSize, &[fd, 100]);
    guest.ok(WasiCall::FdAllocate, &[fd, 100, 100]);
    guest.ok(WasiCall::FdAdvise, &[fd, 10, 50, 0]);
    guest.fails(WasiCall::FdAdvise, &[fd, 10, 50, 6], Errno::Invalid);
    let times = u64::from(fstflags::MTIM | fstflags::ATIM_NOW);
    guest.ok(WasiCall::FdFilestatSetTimes, &[fd, 5, 1_234_567_890, times]);
    guest.ok(WasiCall::FdFilestatGet, &[fd, u64::from(OUT)]);
    let found = fs::metadata(guest.path("file")).unwrap();
    let stat = [
        guest.u64(OUT),
        guest.u64(OUT + 8),
        guest.u64(OUT + 24),
        guest.u64(OUT + 32),
        guest.u64(OUT + 48),
    ];
    assert_eq!(stat, [found.dev(), found.ino(), 1, 200, 1_234_567_890]);
    assert_eq!(guest.bytes(OUT + 16, 1), [4]);
    assert_eq!(guest.u64(OUT + 40), 1_700_000_001_000_000_000);
    for flags in [
        fstflags::ATIM | fstflags::ATIM_NOW,
        fstflags::MTIM | fstflags::MTIM_NOW,
        1 << 4,
    ] {
        guest.fails(
            WasiCall::FdFilestatSetTimes,
            &[fd, 1, 2, u64::from(flags)],
            Errno::Invalid,
        );
    }
    guest.ok(WasiCall::FdFdstatGet, &[fd, u64::from(OUT)]);
    assert_eq!(
        (guest.bytes(OUT, 1)[0], guest.bytes(OUT + 2, 1)[0]),
        (4, 1 << 4)
    );
}

#[test]
fn rights_are_kept_dropped_and_inherited() {
    let mut guest = Guest::new();
    let fd = guest.open(
        MOUNT,
        "file",
        oflags::CREAT,
        rights::FD_READ | rights::FD_WRITE | rights::PATH_OPEN,
    );
    guest.ok(WasiCall::FdFdstatGet, &[fd, u64::from(OUT)]);
    assert_eq!(guest.u64(OUT + 8), rights::FD_READ | rights::FD_WRITE);
    guest.ok(WasiCall::FdFdstatSetRights, &[fd, rights::FD_READ, 0]);
    let [list, len] = guest.list(&[(DATA, 1)]);
    guest.fails(
        WasiCall::FdWrite,
        &[fd, list, len, u64::from(OUT)],
        Errno::NotCapable,
    );
    guest.fails(
        WasiCall::FdPread,
        &[fd, list, len, 0, u64::from(OUT)],
        Errno::NotCapable,
    );
    guest.fails(
        WasiCall::FdFdstatSetRights,
        &[fd, rights::FD_WRITE, 0],
        Errno::NotCapable,
    );
    guest.ok(
        WasiCall::FdFdstatSetRights,
        &[
            MOUNT,
            rights::DIRECTORY & !rights::PATH_CREATE_FILE,
            rights::FD_READ,
        ],
    );
    let arguments = guest.open_arguments(MOUNT, "new", 1, oflags::CREAT, rights::FD_READ, 0);
    guest.fails(WasiCall::PathOpen, &arguments, Errno::NotCapable);
    let fd = guest.open(MOUNT, "file", 0, READ_WRITE);
    guest.ok(WasiCall::FdFdstatGet, &[fd, u64::from(OUT)]);
    assert_eq!(guest.u64(OUT + 8), rights::FD_READ);
    for directory in [READ_ONLY, OTHER] {
        let [list, len] = guest.list(&[(DATA, 1)]);
        guest.fails(
            WasiCall::FdRead,
            &[directory, list, len, u64::from(OUT)],
            Errno::IsDirectory,
        );
        guest.fails(
            WasiCall::FdSeek,
            &[directory, 0, 0, u64::from(OUT)],
            Errno::BadDescriptor,
        );
        guest.fails(
            WasiCall::FdAllocate,
            &[directory, 0, 1],
            Errno::BadDescriptor,
        );
        guest.fails(
            WasiCall::FdFilestatSetSize,
            &[directory, 0],
            Errno::BadDescriptor,
        );
    }
}

#[test]
fn named_pipes_and_devices_do_not_hang() {
    let mut guest = Guest::new();
    let made = std::process::Command::new("mkfifo")
        .arg(guest.path("pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    let fd = guest.open(
        MOUNT,
        "pipe",
        0,
        rights::FD_READ | rights::POLL_FD_READWRITE,
    );
    assert_eq!(guest.read(fd, 10), b"");
    let arguments = guest.open_arguments(MOUNT, "pipe", 1, 0, rights::FD_WRITE, 4);
    guest.ok(WasiCall::PathOpen, &arguments);
    let writer = guest.u32(OUT);
    let [list, len] = guest.list(&[(DATA, 4)]);
    guest.ok(WasiCall::FdFdstatSetRights, &[fd, rights::FD_READ, 0]);
    guest.write(writer, b"ping");
    assert_eq!(guest.read(fd, 10), b"ping");
    let mut full = 0;
    while guest.errno(WasiCall::FdWrite, &[writer, list, len, u64::from(OUT)]) == 0 {
        full += guest.u32(OUT);
    }
    assert!(full >= 4096);
    guest.fails(
        WasiCall::FdWrite,
        &[writer, list, len, u64::from(OUT)],
        Errno::Again,
    );
    guest.fails(
        WasiCall::FdSeek,
        &[fd, 0, 0, u64::from(OUT)],
        Errno::InvalidSeek,
    );
}
