//! Containers on boards that QEMU plays: the firmware from outside.

mod conformance;
mod damage;
mod life;
mod one_image;
mod refused;
mod storage;
