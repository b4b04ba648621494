//! Numbers, limits and rights of descriptors.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::task::{Context, Poll};

use thimble_abi::Errno;
use thimble_abi::wasi::rights;

use super::{Descriptor, Descriptors, Full, Name};
use crate::config::ContainerConfig;
use crate::host::Resources;
use crate::port::{Interest, Readiness, Stream};

/// A stream that is always at its end.
struct Nothing;

impl Stream for Nothing {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Ok(0))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_ready(&mut self, _: &mut Context<'_>, _: Interest) -> Poll<Result<Readiness, Errno>> {
        Poll::Ready(Ok(Readiness {
            bytes: 0,
            hangup: true,
        }))
    }

    fn is_terminal(&self) -> bool {
        false
    }
}

fn table(limit: u32) -> Descriptors {
    let mut config = ContainerConfig::new("test");
    config.limits.descriptors = limit;
    let resources = Resources {
        stdin: Box::new(Nothing),
        stdout: Box::new(Nothing),
        stderr: Box::new(Nothing),
        mounts: Vec::new(),
        listeners: Vec::new(),
    };
    Descriptors::new(resources, &config)
}

fn another() -> Descriptor {
    Descriptor::stream(Name::Output, Box::new(Nothing))
}

#[test]
fn the_lowest_free_number_comes_first() {
    let mut table = table(8);
    assert_eq!(table.insert(another()), Ok(3));
    assert_eq!(table.insert(another()), Ok(4));
    drop(table.close(1).unwrap());
    drop(table.close(3).unwrap());
    assert_eq!(table.insert(another()), Ok(1));
    assert_eq!(table.insert(another()), Ok(3));
    assert_eq!(table.insert(another()), Ok(5));
}

#[test]
fn the_limit_counts_open_descriptors() {
    let mut table = table(4);
    assert_eq!(table.insert(another()), Ok(3));
    assert_eq!(table.insert(another()), Err(Full::Descriptors));
    drop(table.close(0).unwrap());
    assert_eq!(table.insert(another()), Ok(0));
    assert_eq!(table.insert(another()), Err(Full::Descriptors));
    let mut low = self::table(1);
    assert!(low.entry(2).is_ok());
    drop(low.close(2).unwrap());
    assert_eq!(low.insert(another()), Err(Full::Descriptors));
}

#[test]
fn unknown_numbers_are_refused() {
    let mut table = table(8);
    for number in [3, 7, 1 << 20, u32::MAX] {
        assert_eq!(table.entry(number).err(), Some(Errno::BadDescriptor));
        assert_eq!(table.close(number).err(), Some(Errno::BadDescriptor));
        assert_eq!(table.renumber(0, number), Err(Errno::BadDescriptor));
        assert_eq!(table.renumber(number, 0), Err(Errno::BadDescriptor));
        assert_eq!(table.pair(0, number).err(), Some(Errno::BadDescriptor));
    }
    assert_eq!(table.pair(1, 1).err(), Some(Errno::Invalid));
}

#[test]
fn a_descriptor_moves_and_replaces_another() {
    let mut table = table(8);
    let number = table.insert(another()).unwrap();
    assert_eq!(table.renumber(number, number), Ok(()));
    assert_eq!(table.renumber(number, 0), Ok(()));
    assert_eq!(table.entry(number).err(), Some(Errno::BadDescriptor));
    assert_eq!(
        table.entry(0).unwrap().rights & rights::FD_WRITE,
        rights::FD_WRITE
    );
    assert_eq!(table.renumber(0, 2), Ok(()));
    assert_eq!(table.insert(another()), Ok(0));
}

#[test]
fn rights_are_required() {
    let mut table = table(8);
    assert!(table.with_rights(0, rights::FD_READ).is_ok());
    assert_eq!(
        table.with_rights(0, rights::FD_WRITE).err(),
        Some(Errno::NotCapable)
    );
    assert_eq!(
        table
            .with_rights(0, rights::FD_READ | rights::FD_WRITE)
            .err(),
        Some(Errno::NotCapable)
    );
    assert_eq!(table.socket(0, 0).err(), Some(Errno::NotSocket));
    assert_eq!(table.socket(9, 0).err(), Some(Errno::BadDescriptor));
}
