//! Ocre's timers: a container's own numbers, evaluated when it asks for events.

use core::time::Duration;

use thimble_abi::calls::EnvCall;
use thimble_abi::{Errno, env as abi};

use crate::sorted::Sorted;
use crate::time::{Instant, nanos};

use super::{Arguments, Context};

/// A container's timers.
#[derive(Default)]
pub(super) struct Timers(Sorted<u32, Timer>);

#[derive(Default)]
struct Timer {
    /// When it fires next, if it runs.
    next: Option<Instant>,
    /// Zero if it fires once.
    period: Duration,
}

pub(super) fn call(
    context: &mut Context<'_>,
    call: EnvCall,
    arguments: Arguments<'_>,
) -> Result<i32, Errno> {
    if !context.state.config.grants.timer() {
        context.refuse("timer");
        return Err(Errno::Permission);
    }
    let now = context.ports.clock.now();
    let id = arguments.u32(0);
    let timers = &mut context.state.env.timers;
    match call {
        EnvCall::TimerCreate => {
            let limit = context.state.config.limits.timers;
            let created = timers.create(id, limit);
            // Whoever counts on from 1 meets the limit at the number after it.
            if created == Err(Errno::Invalid) && limit.checked_add(1) == Some(id) {
                context.limit_reached("timers");
            }
            created.map(|()| 0)
        }
        EnvCall::TimerStart => timers
            .start(id, arguments.u32(1), arguments.u32(2) != 0, now)
            .map(|()| 0),
        EnvCall::TimerStop => timers.stop(id).map(|()| 0),
        EnvCall::TimerDelete => timers.0.remove(&id).map(|_| 0).ok_or(Errno::Invalid),
        EnvCall::TimerRemaining => timers.remaining_ms(id, now),
        _ => Err(Errno::NotSupportedCall),
    }
}

impl Timers {
    /// No timers.
    pub(super) const fn new() -> Self {
        Self(Sorted::new())
    }

    /// When the timer that fell due first did so.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        self.0.values().filter_map(|timer| timer.oldest(now)).min()
    }

    /// Takes the oldest firing and gives its timer's id.
    pub(super) fn take(&mut self, now: Instant) -> Option<u32> {
        let due = self
            .0
            .iter_mut()
            .filter_map(|(id, timer)| Some((timer.oldest(now)?, *id, timer)));
        let (at, id, timer) = due.min_by_key(|(at, ..)| *at)?;
        timer.next = if timer.period.is_zero() {
            None
        } else {
            Some(at + timer.period)
        };
        Some(id)
    }

    fn create(&mut self, id: u32, limit: u32) -> Result<(), Errno> {
        if id == 0 || id > limit {
            return Err(Errno::Invalid);
        }
        if self.0.contains(&id) {
            return Err(Errno::Busy);
        }
        self.0.insert(id, Timer::default());
        Ok(())
    }

    fn start(
        &mut self,
        id: u32,
        interval_ms: u32,
        periodic: bool,
        now: Instant,
    ) -> Result<(), Errno> {
        if !(1..=abi::TIMER_INTERVAL_MS_MAX).contains(&interval_ms) {
            return Err(Errno::Invalid);
        }
        let interval = Duration::from_millis(interval_ms.into());
        let timer = self.0.get_mut(&id).ok_or(Errno::Invalid)?;
        *timer = Timer {
            next: Some(now + interval),
            period: if periodic { interval } else { Duration::ZERO },
        };
        Ok(())
    }

    fn stop(&mut self, id: u32) -> Result<(), Errno> {
        self.0.get_mut(&id).ok_or(Errno::Invalid)?.next = None;
        Ok(())
    }

    fn remaining_ms(&self, id: u32, now: Instant) -> Result<i32, Errno> {
        const NANOS_PER_MS: u64 = 1_000_000;
        let timer = self.0.get(&id).ok_or(Errno::Invalid)?;
        let Some(next) = timer.next else { return Ok(0) };
        let late = now.nanos_since(next);
        let left = match nanos(timer.period) {
            // Firings that wait to be received do not hide the next one.
            period if period > 0 && now >= next => period - late % period,
            _ => next.nanos_since(now),
        };
        Ok(i32::try_from(left.div_ceil(NANOS_PER_MS)).unwrap_or(i32::MAX))
    }
}

impl Timer {
    /// The oldest firing that waits: of many that were missed, the last [`abi::EVENT_BACKLOG`] count.
    fn oldest(&self, now: Instant) -> Option<Instant> {
        let next = self.next.filter(|next| *next <= now)?;
        let period = nanos(self.period);
        if period == 0 {
            return Some(next);
        }
        let waiting = now.nanos_since(next) / period + 1;
        let skipped = waiting.saturating_sub(abi::EVENT_BACKLOG.into());
        Some(next + Duration::from_nanos(skipped.saturating_mul(period)))
    }
}
