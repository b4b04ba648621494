//! Times as RFC 3339 writes them, in UTC. After <https://howardhinnant.github.io/date_algorithms.html>.

use super::print::Printer;

const DAY_MS: u64 = 86_400_000;

/// Writes milliseconds since 1970 as `2026-11-29T20:15:00Z`.
pub(super) fn write(unix_ms: u64, printer: &mut Printer<'_>) {
    let days = u32::try_from(unix_ms / DAY_MS).unwrap_or(u32::MAX);
    let seconds = u32::try_from(unix_ms % DAY_MS / 1000).unwrap_or_default();
    let (year, month, day) = date(days);
    let mut digits = |number: u32, count, behind| {
        printer.digits(number.into(), count).text(behind);
    };
    digits(year, 4, "-");
    digits(month, 2, "-");
    digits(day, 2, "T");
    digits(seconds / 3600, 2, ":");
    digits(seconds / 60 % 60, 2, ":");
    digits(seconds % 60, 2, "Z");
}

/// Reads `2026-11-29T20:15:00Z`, or with a blank instead of the `T`, or seconds since 1970.
pub(super) fn read(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1000);
    }
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = text.split_once(['T', ' '])?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let seconds = (hour * 60 + minute) * 60 + second;
    in_range.then(|| u64::from(days(year, month, day)) * DAY_MS + u64::from(seconds) * 1000)
}

fn numbers(text: &str, separator: char) -> Option<[u32; 3]> {
    let mut parts = text
        .split(separator)
        .map(|part| part.parse::<u16>().ok().map(u32::from));
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// Days before 1970-01-01 since 0000-03-01, where the algorithm's eras begin.
const EPOCH_DAYS: u32 = 719_468;

fn date(days: u32) -> (u32, u32, u32) {
    let days = days.saturating_add(EPOCH_DAYS);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u32::from(month <= 2);
    (year, month, day)
}

fn days(year: u32, month: u32, day: u32) -> u32 {
    let year = year - u32::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    (era * 146_097 + of_era).saturating_sub(EPOCH_DAYS)
}
