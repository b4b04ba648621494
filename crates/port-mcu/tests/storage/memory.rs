//! Memory that runs out at any allocation: the store says so, has changed nothing, and goes on.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use thimble_port_mcu::extents::Extents;
use thimble_port_mcu::images::{ImageStore, ImageStoreError};
use thimble_port_mcu::log::{Log, LogSettings, OpenError};
use thimble_port_mcu::records::{Records, RecordsError};

use crate::extents::{self, images, install};
use crate::flash::flash;
use crate::log::{apply, contents, fresh, open, put, shape, whole};

thread_local! {
    /// Allocations that this thread may still make.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

struct Scarce;

fn refused() -> bool {
    LEFT.with(|left| match left.get() {
        None => false,
        Some(0) => true,
        Some(more) => {
            left.set(Some(more - 1));
            false
        }
    })
}

// SAFETY: it is the system's allocator, or says that there is no memory.
unsafe impl GlobalAlloc for Scarce {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if refused() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        if refused() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(place, layout, bytes) }
    }
}

#[global_allocator]
static SCARCE: Scarce = Scarce;

/// What an operation says when it may make so many allocations.
fn within<R>(allocations: usize, operation: impl FnOnce() -> R) -> R {
    LEFT.set(Some(allocations));
    let result = operation();
    LEFT.set(None);
    result
}

#[test]
fn a_log_survives_it() {
    let (flash, _, mut log) = fresh(shape(4, 1024, 8));
    let mut refusals = 0;
    for n in 0..60_u8 {
        let group = [put(&format!("k{n}"), &[n])];
        let before = contents(&mut log, b"");
        let changes = [thimble_port_mcu::records::Change::Put {
            key: &[b'm', n],
            value: &[n],
        }];
        if within(0, || log.apply(&changes)) == Err(RecordsError::NoMemory) {
            refusals += 1;
            assert_eq!(contents(&mut log, b""), before);
            log.apply(&changes).unwrap();
        }
        apply(&mut log, &group).unwrap();
        let mut value = Vec::new();
        let got = within(0, || log.get(&[b'm', n], &mut value));
        assert_eq!(got, Err(RecordsError::NoMemory));
        let mut key = Vec::new();
        let next = within(0, || log.next(b"k", b"", &mut key));
        assert_eq!(next, Err(RecordsError::NoMemory));
    }
    assert!((5..20).contains(&refusals), "{refusals}");
    let region = whole(&flash);
    let opened = within(3, || Log::open(region, &LogSettings::default()));
    assert_eq!(opened.err(), Some(OpenError::NoMemory));
    assert_eq!(contents(&mut open(&flash).0, b"").len(), 120);
}

#[test]
fn images_survive_it() {
    let never = |_: &[u8]| false;
    let (flash, _) = flash(shape(8, 512, 16), 1);
    let mut device = extents::open(&flash);
    for key in 0..6_u8 {
        install(&mut device, &[key], &[key; 900], &never, &[]).unwrap();
    }
    for key in [0, 2, 4] {
        device.images.remove(&[key], &[]).unwrap();
    }
    let no_memory = ImageStoreError::Records(RecordsError::NoMemory);
    for allocations in 0.. {
        let before = images(&mut device);
        // It takes moves.
        let done = within(allocations, || {
            install(&mut device, b"big", &[7; 3000], &never, &[])
        });
        if done.is_ok() {
            assert!(allocations > 5);
            break;
        }
        assert_eq!(done, Err(no_memory));
        assert_eq!(images(&mut device), before);
    }
    for allocations in 0.. {
        let done = within(allocations, || device.images.remove(b"big", &[]));
        if done.is_ok() {
            break;
        }
        assert_eq!(done, Err(no_memory));
    }
    let all = images(&mut device);
    assert_eq!(all.len(), 3);
    for allocations in 1.. {
        let region = flash.region(2048..8192).unwrap();
        let records = Box::new(device.records.clone());
        match within(allocations, || Extents::open(region, records)) {
            Ok((_, surveyed)) => {
                assert_eq!((surveyed.images, surveyed.entries_removed), (3, 0));
                break;
            }
            Err(error) => assert_eq!(error, no_memory),
        }
    }
    assert_eq!(images(&mut device), all);
}
