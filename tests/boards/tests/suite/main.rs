//! Containers on boards that QEMU plays: the firmware from outside.

mod conformance;
mod life;
mod one_image;
