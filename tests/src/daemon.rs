//! The daemon from end to end: the real program, its socket, its state folder, and guests that do what guests do.

mod apps;
mod bad_input;
mod bus;
mod commands;
mod contention;
mod device;
mod files;
mod guests;
mod health;
mod life_cycle;
mod recovery;
mod restarts;
mod storms;
