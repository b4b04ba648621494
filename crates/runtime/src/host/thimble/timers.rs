//! Our timers: they are counted from 1, and a guest that is slow gets one event with a count of what it
//! missed, never a flood.

use core::time::Duration;

use thimble_abi::Errno;

use crate::sorted::Sorted;
use crate::time::{Instant, nanos};

use super::super::{Arguments, Context};
use super::number;

/// A container's timers.
#[derive(Default)]
pub(super) struct Timers {
    timers: Sorted<u32, Timer>,
    last_id: u32,
}

struct Timer {
    /// The oldest firing that was not received.
    next: Instant,
    /// Zero if it fires once.
    period: Duration,
}

/// A firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Firing {
    pub(super) id: u32,
    pub(super) at: Instant,
    /// Firings before it that were not received.
    pub(super) missed: u64,
}

pub(super) fn create(context: &mut Context<'_>, arguments: Arguments<'_>) -> Result<i32, Errno> {
    check_grant(context)?;
    let first = milliseconds(arguments.i64(0))?;
    let period = milliseconds(arguments.i64(1))?;
    let next = context.ports.clock.now() + first;
    let limit = context.state.config.limits.timers;
    match context.state.thimble.timers.create(next, period, limit) {
        Some(id) => Ok(number(id)),
        None => {
            context.limit_reached("timers");
            Err(Errno::NoMemory)
        }
    }
}

pub(super) fn cancel(context: &mut Context<'_>, arguments: Arguments<'_>) -> Result<i32, Errno> {
    check_grant(context)?;
    context
        .state
        .thimble
        .timers
        .timers
        .remove(&arguments.u32(0))
        .map(|_| 0)
        .ok_or(Errno::NoEntry)
}

fn check_grant(context: &mut Context<'_>) -> Result<(), Errno> {
    if context.state.config.grants.timer() {
        return Ok(());
    }
    context.refuse("timer");
    Err(Errno::Permission)
}

fn milliseconds(count: i64) -> Result<Duration, Errno> {
    u64::try_from(count)
        .map(Duration::from_millis)
        .map_err(|_| Errno::Invalid)
}

impl Timers {
    /// When the next timer fires, or did.
    pub(super) fn next(&self) -> Option<Instant> {
        self.timers.values().map(|timer| timer.next).min()
    }

    /// The firing that fell due first.
    pub(super) fn due(&self, now: Instant) -> Option<Firing> {
        let due = self.timers.iter().filter(|(_, timer)| timer.next <= now);
        let (id, timer) = due.min_by_key(|(_, timer)| timer.next)?;
        let period_nanos = nanos(timer.period);
        let late = now.nanos_since(timer.next);
        let missed = late.checked_div(period_nanos).unwrap_or(0);
        let at = timer.next + Duration::from_nanos(period_nanos.saturating_mul(missed));
        Some(Firing {
            id: *id,
            at,
            missed,
        })
    }

    /// Counts a firing as received.
    pub(super) fn received(&mut self, firing: Firing) {
        match self.timers.get_mut(&firing.id) {
            Some(timer) if !timer.period.is_zero() => timer.next = firing.at + timer.period,
            _ => {
                self.timers.remove(&firing.id);
            }
        }
    }

    fn create(&mut self, next: Instant, period: Duration, limit: u32) -> Option<u32> {
        if u32::try_from(self.timers.len()).unwrap_or(u32::MAX) >= limit {
            return None;
        }
        let id = self.free_id()?;
        self.last_id = id;
        self.timers.insert(id, Timer { next, period });
        Some(id)
    }

    /// Counts on; after two thousand million timers it begins again, past those that are alive.
    fn free_id(&self) -> Option<u32> {
        let after =
            (self.last_id.saturating_add(1)..=i32::MAX.unsigned_abs()).chain(1..=self.last_id);
        after.into_iter().find(|id| !self.timers.contains(id))
    }
}
