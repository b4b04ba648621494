//! Thimble on QEMU's `virt` with a 32-bit processor.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::boxed::Box;

#[cfg(feature = "check")]
use firmware_app as program;
#[cfg(not(feature = "check"))]
use firmware_device as program;
use firmware_parts::Parts;
use firmware_qemu::Qemu;

firmware_qemu::entry!(spawn);

fn spawn(parts: Parts<Qemu>) {
    let spawner = parts.spawner;
    // There is room for one, and this is the first.
    if let Ok(token) = device(Box::new(parts)) {
        spawner.spawn(token);
    }
}

#[embassy_executor::task]
async fn device(parts: Box<Parts<Qemu>>) {
    program::run(parts).await
}
