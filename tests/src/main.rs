//! Containers from end to end: the command `thimble` and the example guests, on both engines.
//!
//! `cargo xtask test` builds both first. Every test has a folder of its own, so they run side by side.

#![cfg(test)]

mod bad_input;
mod command;
mod data;
mod examples;
mod life_cycle;
mod machine;
mod network;
