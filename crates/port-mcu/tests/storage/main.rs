//! The flash store against a flash that loses power.

#[path = "../support/flash.rs"]
mod flash;
mod log;
mod log_churn;
mod log_cuts;
mod log_damage;
