//! Whether a change may begin now: holds, windows, the hub's delay.

use alloc::format;
use alloc::string::String;

use thimble_protocol::UnixSeconds;
use thimble_protocol::report::{Reason, ReasonCode};
use thimble_protocol::state::UpdatePolicy;

use crate::settings::Now;
use crate::window::{Opening, opening};

/// Whether a change may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// It may.
    Open,
    /// It may not.
    Closed {
        /// Why, unless it is only the hub's delay.
        reason: Option<Reason>,
        /// When to look again, if time alone opens it.
        wake_ms: Option<u64>,
    },
}

/// Looks at everything that keeps a change from beginning, but for the hub's being reached.
pub(crate) fn gate(
    now: Now,
    policy: &UpdatePolicy,
    is_held_here: bool,
    delay_until_ms: u64,
) -> Gate {
    if let Some(gate) = held(now, policy, is_held_here) {
        return gate;
    }
    if !policy.windows.is_empty() {
        let Some(clock) = now.clock else {
            return closed(
                ReasonCode::OutsideWindow,
                String::from(
                    "there are windows, and the clock is not believed: set it, or wait until it is synchronised",
                ),
                None,
            );
        };
        match opening(&policy.windows, clock) {
            Opening::Open => {}
            Opening::Closed { for_s: None } => {
                return closed(
                    ReasonCode::OutsideWindow,
                    String::from("none of the windows ever opens"),
                    None,
                );
            }
            Opening::Closed { for_s: Some(s) } => {
                let at = UnixSeconds(clock.0.saturating_add(s));
                let text = format!("outside of every window; the next opens at {}", written(at));
                return closed(ReasonCode::OutsideWindow, text, Some(after(now, s)));
            }
        }
    }
    if now.ms < delay_until_ms {
        return Gate::Closed {
            reason: None,
            wake_ms: Some(delay_until_ms),
        };
    }
    Gate::Open
}

/// Looks at holds alone.
pub(crate) fn held(now: Now, policy: &UpdatePolicy, is_held_here: bool) -> Option<Gate> {
    if is_held_here {
        return Some(closed(
            ReasonCode::Held,
            String::from("held at the device"),
            None,
        ));
    }
    if policy.is_held {
        return Some(closed(
            ReasonCode::Held,
            String::from("held by the operator"),
            None,
        ));
    }
    let until = policy.hold_until?;
    match now.clock {
        Some(clock) if clock >= until => None,
        Some(clock) => {
            let text = format!("held until {}", written(until));
            Some(closed(
                ReasonCode::Held,
                text,
                Some(after(now, until.0.saturating_sub(clock.0))),
            ))
        }
        None => {
            let text = format!(
                "held until {}, and the clock is not believed: set it",
                written(until)
            );
            Some(closed(ReasonCode::Held, text, None))
        }
    }
}

fn closed(code: ReasonCode, text: String, wake_ms: Option<u64>) -> Gate {
    Gate::Closed {
        reason: Some(Reason { code, text }),
        wake_ms,
    }
}

const fn after(now: Now, seconds: u64) -> u64 {
    now.ms.saturating_add(seconds.saturating_mul(1000))
}

/// Writes a time as RFC 3339 does, to the minute; days by Howard Hinnant's `civil_from_days`.
fn written(time: UnixSeconds) -> String {
    let minutes = time.0 / 60;
    let days = minutes / 1440 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let (month, next_year) = if shifted_month < 10 {
        (shifted_month + 3, 0)
    } else {
        (shifted_month - 9, 1)
    };
    let year = year_of_era + era * 400 + next_year;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}Z",
        minutes / 60 % 24,
        minutes % 60
    )
}

#[cfg(test)]
mod tests;
