//! What becomes of a container over its runs: whether it is started again and when, whether it is well, and which
//! containers start before others.
//!
//! # Invariants
//!
//! Pure: who calls says what time it is and gives the randomness, and acts on what it is told. Nothing here grows
//! with the number of runs or reports.

mod health;
mod order;
mod policy;
mod restarts;
#[cfg(test)]
mod tests;

pub use health::{HealthCheck, HealthMonitor, HealthState, Illness};
pub use order::{Condition, ConditionError, Node, OrderError, start_order};
pub use policy::{RestartPolicy, RestartPolicyError};
pub use restarts::{BackoffSettings, Decision, Restarts};
