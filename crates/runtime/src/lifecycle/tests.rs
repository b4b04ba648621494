//! Checks of the life cycle: tables of cases, and random walks beside a plain model.

mod health;
mod order;
mod policy;
mod restarts;
