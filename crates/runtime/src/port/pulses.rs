//! When an input of a simulated board changes. Pure, so that the same tests pass on every port that simulates one.

use core::time::Duration;

use super::Level;

/// Edges of one pin that wait to be received; earlier ones are forgotten.
pub const EDGE_BACKLOG: u64 = 32;

/// When an input changes, counted from the moment it is taken. It begins high, by its pull-up.
#[derive(Clone, Copy, Debug)]
pub struct Pulses<'a> {
    /// Times of changes, increasing.
    pub times: &'a [Duration],
    /// After how long they begin anew; longer than the last of them.
    pub repeat: Option<Duration>,
}

impl Pulses<'_> {
    /// None.
    pub const NONE: Self = Self {
        times: &[],
        repeat: None,
    };

    /// How many edges happen within this time, its end included.
    #[must_use]
    pub fn edges_until(&self, elapsed: Duration) -> u64 {
        let within = |elapsed: Duration| {
            self.times
                .iter()
                .take_while(|time| **time <= elapsed)
                .count()
        };
        let count = |edges: usize| u64::try_from(edges).unwrap_or(u64::MAX);
        match self.repeat {
            Some(repeat) if !repeat.is_zero() => {
                let rounds =
                    u64::try_from(elapsed.as_nanos() / repeat.as_nanos()).unwrap_or(u64::MAX);
                let rest = u64::try_from(elapsed.as_nanos() % repeat.as_nanos()).unwrap_or(0);
                rounds
                    .saturating_mul(count(self.times.len()))
                    .saturating_add(count(within(Duration::from_nanos(rest))))
            }
            _ => count(within(elapsed)),
        }
    }

    /// When the edge of this number, counted from 0, happens.
    #[must_use]
    pub fn time_of(&self, edge: u64) -> Option<Duration> {
        let each = u64::try_from(self.times.len()).ok()?;
        let (round, place) = (edge.checked_div(each)?, edge.checked_rem(each)?);
        let time = *self.times.get(usize::try_from(place).ok()?)?;
        match self.repeat {
            None if round > 0 => None,
            None => Some(time),
            Some(repeat) => time.checked_add(repeat.checked_mul(u32::try_from(round).ok()?)?),
        }
    }

    /// The level after so many edges.
    #[must_use]
    pub const fn level_after(edges: u64) -> Level {
        if edges.is_multiple_of(2) {
            Level::High
        } else {
            Level::Low
        }
    }
}
