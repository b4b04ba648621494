//! Standard streams, waiting for several things, and slow storage.

use std::os::fd::AsFd;
use std::sync::mpsc;
use std::task::Waker;
use std::time::Duration;

use thimble_abi::calls::WasiCall;
use thimble_abi::wasi::{oflags, rights};
use thimble_abi::{Call, Errno};
use thimble_port_linux::pool::Pool;
use thimble_port_linux::streams::{pipe, shared};
use thimble_runtime::engine::CallOutcome;

use crate::fixture::{DATA, Guest, MOUNT, OUT, READ_WRITE, Setup, TEXT};

#[test]
fn standard_streams() {
    let mut guest = Guest::new();
    assert_eq!(guest.read(0, 8), b"what was");
    assert_eq!(guest.read(0, 100), b" typed");
    assert_eq!(guest.read(0, 100), b"");
    assert_eq!(guest.write(2, b"an error"), 8);
    assert_eq!(guest.output.text(), "an error");
    let [list, len] = guest.list(&[(DATA, 4)]);
    guest.fails(
        WasiCall::FdWrite,
        &[0, list, len, u64::from(OUT)],
        Errno::NotCapable,
    );
    guest.fails(
        WasiCall::FdRead,
        &[1, list, len, u64::from(OUT)],
        Errno::NotCapable,
    );
    guest.fails(
        WasiCall::FdPread,
        &[0, list, len, 0, u64::from(OUT)],
        Errno::InvalidSeek,
    );
    guest.fails(
        WasiCall::FdSeek,
        &[0, 0, 1, u64::from(OUT)],
        Errno::InvalidSeek,
    );
    guest.fails(WasiCall::FdTell, &[1, u64::from(OUT)], Errno::InvalidSeek);
    guest.ok(WasiCall::FdRenumber, &[2, 1]);
    assert_eq!(guest.write(1, b", moved"), 7);
    assert_eq!(guest.output.text(), "an error, moved");
    guest.fails(
        WasiCall::FdFdstatGet,
        &[2, u64::from(OUT)],
        Errno::BadDescriptor,
    );
    guest.fails(WasiCall::FdRenumber, &[1, 9], Errno::BadDescriptor);
}

#[test]
fn a_full_pipe_blocks_its_writer_alone() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut setup = Setup::new();
    setup.stdout = Some(shared(writer.as_fd(), &setup.pool, &setup.reactor).unwrap());
    let mut guest = setup.build();
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    assert!(
        !flags.contains(rustix::fs::OFlags::NONBLOCK),
        "the shared pipe was changed"
    );
    let bytes = vec![b'x'; 200_000];
    guest.put(DATA, &bytes);
    let [list, len] = guest.list(&[(DATA, 200_000)]);
    let write = [1, list, len, u64::from(OUT)];
    for _ in 0..3 {
        assert!(matches!(
            guest.attempt(Call::Wasi(WasiCall::FdWrite), &write),
            CallOutcome::Blocked
        ));
    }
    // Another guest goes on meanwhile.
    assert_eq!(Guest::new().write(2, b"alive"), 5);
    drop(writer);
    let taker = std::thread::spawn(move || {
        let mut taken = Vec::new();
        let mut reader = reader;
        std::io::Read::read_to_end(&mut reader, &mut taken).unwrap();
        taken
    });
    guest.ok(WasiCall::FdWrite, &write);
    assert_eq!(guest.u32(OUT), 200_000);
    drop(guest);
    assert!(taker.join().unwrap() == bytes);
}

#[test]
fn a_descriptor_that_does_not_block_says_again() {
    let (mut writer, reader) = pipe(8);
    let mut setup = Setup::new();
    setup.stdin = Box::new(reader);
    let mut guest = setup.build();
    guest.ok(WasiCall::FdFdstatSetFlags, &[0, 4]);
    let [list, len] = guest.list(&[(DATA, 4)]);
    guest.fails(
        WasiCall::FdRead,
        &[0, list, len, u64::from(OUT)],
        Errno::Again,
    );
    let mut context = std::task::Context::from_waker(Waker::noop());
    assert!(
        thimble_runtime::port::Stream::poll_write(&mut writer, &mut context, b"data").is_ready()
    );
    assert_eq!(guest.read(0, 10), b"data");
    drop(writer);
    assert_eq!(guest.read(0, 10), b"");
}

/// A subscription's 48 bytes.
fn subscription(userdata: u64, kind: u8, body: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; 48];
    bytes[..8].copy_from_slice(&userdata.to_le_bytes());
    bytes[8] = kind;
    for (at, field) in body {
        bytes[*at..at + field.len()].copy_from_slice(field);
    }
    bytes
}

fn clock(userdata: u64, id: u32, timeout: u64, flags: u16) -> Vec<u8> {
    subscription(
        userdata,
        0,
        &[
            (16, &id.to_le_bytes()),
            (24, &timeout.to_le_bytes()),
            (40, &flags.to_le_bytes()),
        ],
    )
}

fn descriptor(userdata: u64, kind: u8, fd: u32) -> Vec<u8> {
    subscription(userdata, kind, &[(16, &fd.to_le_bytes())])
}

/// Polls: userdata, errno and type of each event.
fn poll(guest: &mut Guest, subscriptions: &[Vec<u8>]) -> Vec<(u64, u64, u8)> {
    guest.put(TEXT, &subscriptions.concat());
    let count = subscriptions.len() as u64;
    guest.ok(
        WasiCall::PollOneoff,
        &[u64::from(TEXT), u64::from(DATA), count, u64::from(OUT)],
    );
    (0..guest.u32(OUT) as u32)
        .map(|index| {
            let at = DATA + index * 32;
            (
                guest.u64(at),
                guest.u32(at + 8) & 0xffff,
                guest.bytes(at + 10, 1)[0],
            )
        })
        .collect()
}

#[test]
fn clocks_are_waited_for() {
    let mut guest = Guest::new();
    let second = 1_000_000_000;
    assert_eq!(
        poll(
            &mut guest,
            &[clock(1, 1, 5 * second, 0), clock(2, 0, 3 * second, 0)]
        ),
        [(2, 0, 0)]
    );
    guest.ok(WasiCall::ClockTimeGet, &[1, 0, u64::from(OUT)]);
    assert_eq!(guest.u64(OUT), 4 * second);
    let events = poll(
        &mut guest,
        &[
            clock(3, 1, 9 * second, 1),
            clock(4, 0, 1_700_000_009 * second, 1),
        ],
    );
    assert_eq!(events, [(3, 0, 0), (4, 0, 0)]);
    guest.ok(WasiCall::ClockTimeGet, &[1, 0, u64::from(OUT)]);
    assert_eq!(guest.u64(OUT), 9 * second);
    assert_eq!(
        poll(&mut guest, &[clock(5, 1, 0, 1), clock(6, 1, 0, 0)]).len(),
        2
    );
    assert_eq!(
        poll(&mut guest, &[clock(7, 2, 0, 0), clock(8, 9, 0, 0)]),
        [(7, 58, 0), (8, 28, 0)]
    );
    assert_eq!(
        poll(&mut guest, &[clock(9, 1, u64::MAX, 0), clock(10, 1, 1, 0)]),
        [(10, 0, 0)]
    );
}

#[test]
fn descriptors_are_waited_for() {
    let mut guest = Guest::new();
    let file = guest.open(MOUNT, "file", oflags::CREAT, READ_WRITE) as u32;
    let events = poll(
        &mut guest,
        &[
            descriptor(1, 1, 0),
            descriptor(2, 2, 1),
            descriptor(3, 1, file),
            descriptor(4, 2, file),
            descriptor(5, 1, 99),
            descriptor(6, 1, 3),
            clock(7, 1, 1, 0),
        ],
    );
    assert_eq!(
        events,
        [
            (1, 0, 1),
            (2, 0, 2),
            (3, 0, 1),
            (4, 0, 2),
            (5, 8, 1),
            (6, 76, 1)
        ]
    );
    let poll = |guest: &mut Guest, count| {
        guest.errno(
            WasiCall::PollOneoff,
            &[u64::from(TEXT), u64::from(DATA), count, u64::from(OUT)],
        )
    };
    assert_eq!(poll(&mut guest, 0), 28);
    assert_eq!(poll(&mut guest, 4097), 28);
    guest.memory[TEXT as usize + 8] = 3;
    assert_eq!(poll(&mut guest, 1), 28);
}

#[test]
fn a_timeout_ends_a_wait_for_input() {
    let (writer, reader) = pipe(8);
    let mut setup = Setup::new();
    setup.stdin = Box::new(reader);
    let mut guest = setup.build();
    assert_eq!(
        poll(&mut guest, &[descriptor(1, 1, 0), clock(2, 1, 50, 0)]),
        [(2, 0, 0)]
    );
    drop(writer);
    assert_eq!(
        poll(&mut guest, &[descriptor(1, 1, 0), clock(2, 1, 50, 0)]),
        [(1, 0, 1)]
    );
}

#[test]
fn slow_storage_suspends_only_who_asked() {
    let mut setup = Setup::new();
    setup.pool = Pool::new(1, Duration::from_secs(1));
    let pool = setup.pool.clone();
    let mut guest = setup.build();
    let (release, blocked) = mpsc::channel::<()>();
    let slow = pool.start(Waker::noop(), move || blocked.recv().is_ok());
    let arguments = guest.open_arguments(MOUNT, "file", 1, oflags::CREAT, rights::FD_WRITE, 0);
    for _ in 0..3 {
        assert!(matches!(
            guest.attempt(Call::Wasi(WasiCall::PathOpen), &arguments),
            CallOutcome::Blocked
        ));
    }
    assert_eq!(Guest::new().write(2, b"alive"), 5);
    // The guest is killed while its job waits; the job ends by itself.
    let folder = std::mem::replace(&mut guest.folder, tempfile::tempdir().unwrap());
    drop(guest);
    release.send(()).unwrap();
    drop(slow);
    let began = std::time::Instant::now();
    while !folder.path().join("mount/file").exists() {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::yield_now();
    }
}
