//! Windows in which changes may begin, as people write and read them.

use thimble_hub_api::device::{Weekday, Window};

use crate::failure::Failure;

/// Days: `mon-fri`, or `sat,sun`.
pub(super) fn days(text: &str) -> Result<Vec<Weekday>, Failure> {
    let day = |name: &str| -> Option<usize> {
        let found = serde_json::from_value::<Weekday>(name.to_lowercase().into()).ok()?;
        Weekday::ALL.iter().position(|day| *day == found)
    };
    let wrong = || {
        Failure::option(
            "--days",
            text,
            "must be days of mon, tue, wed, thu, fri, sat and sun: mon-fri, or sat,sun",
        )
    };
    let mut chosen = [false; 7];
    for part in text.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first).ok_or_else(wrong)?, day(last).ok_or_else(wrong)?);
        // A week has no end: fri-mon is four days.
        let length = (last + 7 - first) % 7;
        for step in 0..=length {
            if let Some(day) = chosen.get_mut((first + step) % 7) {
                *day = true;
            }
        }
    }
    let days = Weekday::ALL.iter().zip(chosen);
    Ok(days
        .filter_map(|(day, is_chosen)| is_chosen.then_some(*day))
        .collect())
}

/// A window in a line.
pub(super) fn window_words(window: &Window) -> String {
    let days: Vec<String> = window
        .days
        .iter()
        .filter_map(|day| serde_json::to_value(day).ok())
        .filter_map(|day| day.as_str().map(str::to_owned))
        .collect();
    let offset = match window.utc_offset_minutes {
        0 => "UTC".to_owned(),
        minutes => format!("UTC{minutes:+} min"),
    };
    format!(
        "{} at {} for {} min ({offset})",
        days.join(" "),
        window.begin,
        window.minutes
    )
}

#[cfg(test)]
mod tests {
    //! Days as they are typed.

    use super::*;

    #[test]
    fn days_are_understood() {
        for (text, expected) in [
            ("mon", "mon"),
            ("mon-wed", "mon tue wed"),
            ("SAT, sun", "sat sun"),
            ("fri-mon", "mon fri sat sun"),
            ("mon-sun", "mon tue wed thu fri sat sun"),
        ] {
            let window = Window {
                days: days(text).unwrap(),
                begin: "22:00".to_owned(),
                minutes: 60,
                utc_offset_minutes: 0,
            };
            let words = format!("{expected} at 22:00 for 60 min (UTC)");
            assert_eq!(window_words(&window), words, "{text}");
        }
        for text in ["", "monday-", "mon-", "-mon", "day"] {
            days(text).unwrap_err();
        }
    }
}
