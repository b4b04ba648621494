//! The supervisor with the engine that devices have, on storage that loses power.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests may stop at the first surprise"
)]

use critical_section as _;

mod board;
mod cuts;
mod damage;
mod declarations;
mod flash;
mod guests;
mod health;
mod images;
mod life;
mod logs;
mod parts;
mod program;
mod rooms;
mod storage;
#[path = "../../../port-mcu/tests/support/flash.rs"]
#[allow(dead_code, reason = "it serves other tests too")]
mod worn;
