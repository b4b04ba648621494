//! Containers from end to end: the command `thimble` and the example guests, and every call from inside the
//! conformance guests, on every engine.
//!
//! `cargo xtask test` builds all of them first. Every test has a folder of its own, so they run side by side.

#![cfg(test)]

mod bad_input;
mod command;
mod conformance;
mod daemon;
mod data;
mod examples;
mod images;
mod life_cycle;
mod machine;
mod microcontroller;
mod network;
mod serial;
