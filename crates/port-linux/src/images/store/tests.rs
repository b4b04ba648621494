//! The store on a file system that fails and forgets, and on the real one.

#![allow(
    clippy::cast_possible_truncation,
    reason = "the tests' numbers are small"
)]

mod damage;
mod fixture;
mod model;
mod model_disk;
mod model_node;
mod random;
mod real;
mod room;
mod universe;
mod world;
