//! Containers on boards that QEMU plays: the firmware from outside.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may stop at the first surprise"
)]

mod conformance;
mod damage;
mod life;
mod one_image;
mod refused;
mod storage;
