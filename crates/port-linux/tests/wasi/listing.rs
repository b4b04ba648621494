//! Listing directories: long ones, changing ones, odd names.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use thimble_abi::calls::WasiCall;
use thimble_abi::wasi::{DIRENT_BYTES, rights};

use crate::fixture::{DATA, Guest, MOUNT, OUT};
use crate::paths::by_path;

/// Lists a directory with a buffer of this size: names and the calls it took.
fn list(guest: &mut Guest, fd: u64, buffer: u64) -> (Vec<String>, u32) {
    let (mut names, mut cookie, mut calls) = (Vec::new(), 0, 0);
    loop {
        guest.ok(
            WasiCall::FdReaddir,
            &[fd, u64::from(DATA), buffer, cookie, u64::from(OUT)],
        );
        calls += 1;
        let (used, mut at) = (guest.u32(OUT), u64::from(DATA));
        let end = at + used;
        while at + u64::from(DIRENT_BYTES) <= end {
            let len = guest.u32(at as u32 + 16);
            if at + u64::from(DIRENT_BYTES) + len > end {
                break;
            }
            cookie = guest.u64(at as u32);
            names.push(
                String::from_utf8(guest.bytes(at as u32 + DIRENT_BYTES, len).to_vec()).unwrap(),
            );
            at += u64::from(DIRENT_BYTES) + len;
        }
        if used < buffer {
            return (names, calls);
        }
    }
}

#[test]
fn listings_have_every_name_once_whatever_the_buffer() {
    let mut guest = Guest::new();
    fs::create_dir(guest.path("dir")).unwrap();
    let mut expected: BTreeSet<String> = [".".into(), "..".into()].into();
    for number in 0..300 {
        let name = format!("file-{number}-{}", "x".repeat(number % 50));
        fs::write(guest.path("dir").join(&name), "").unwrap();
        expected.insert(name);
    }
    let bad = std::ffi::OsStr::from_bytes(b"not\xffutf8");
    fs::write(guest.path("dir").join(bad), "").unwrap();
    let fd = guest.open(MOUNT, "dir", 0, rights::DIRECTORY);
    for buffer in [300, 1000, 65536, 1 << 20] {
        let (names, _) = list(&mut guest, fd, buffer);
        assert_eq!(names.len(), expected.len());
        assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), expected);
    }
    guest.ok(
        WasiCall::FdReaddir,
        &[fd, u64::from(DATA), 10, 0, u64::from(OUT)],
    );
    assert_eq!(guest.u32(OUT), 10);
}

#[test]
fn a_directory_that_is_emptied_while_it_is_listed_loses_nothing() {
    let mut guest = Guest::new();
    for number in 0..500 {
        fs::write(guest.path(&format!("file-{number}")), "").unwrap();
    }
    let (mut cookie, mut removed) = (0, 0);
    loop {
        guest.ok(
            WasiCall::FdReaddir,
            &[MOUNT, u64::from(DATA), 512, cookie, u64::from(OUT)],
        );
        let used = guest.u32(OUT);
        let end = u64::from(DATA) + used;
        let mut at = u64::from(DATA);
        let mut names = Vec::new();
        while at + 24 <= end && at + 24 + guest.u32(at as u32 + 16) <= end {
            let len = guest.u32(at as u32 + 16);
            cookie = guest.u64(at as u32);
            names.push(String::from_utf8(guest.bytes(at as u32 + 24, len).to_vec()).unwrap());
            at += 24 + len;
        }
        for name in names.iter().filter(|name| name.starts_with("file")) {
            assert_eq!(by_path(&mut guest, WasiCall::PathUnlinkFile, name), 0);
            removed += 1;
        }
        if used < 512 {
            break;
        }
    }
    assert_eq!(removed, 500);
}

#[test]
fn a_huge_directory_is_listed_in_pieces() {
    const FILES: usize = 100_000;
    let mut guest = Guest::new();
    let first = guest.path("first");
    fs::write(&first, "").unwrap();
    for number in 1..FILES {
        // Links to few files: making them is fast.
        let source = if number % 30_000 == 0 {
            None
        } else {
            Some(guest.path(&format!("n{}", number / 30_000 * 30_000)))
        };
        let name = guest.path(&format!("n{number}"));
        match source {
            Some(source) if number > 30_000 => fs::hard_link(source, name).unwrap(),
            Some(_) => fs::hard_link(&first, name).unwrap(),
            None => fs::write(name, "").unwrap(),
        }
    }
    let (names, calls) = list(&mut guest, MOUNT, 65536);
    assert_eq!(names.len(), FILES + 2);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), FILES + 2);
    assert!(calls < 200);
}
