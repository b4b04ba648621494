//! Times as OCI documents have them.

const DAY_SECONDS: u64 = 86_400;
/// Days of 400 years, after which the calendar repeats.
const ERA_DAYS: u64 = 146_097;
/// 9999-12-31T23:59:59Z, the last second that RFC 3339 can tell.
const SECONDS_MAX: u64 = 253_402_300_799;

/// A time in RFC 3339 from seconds since 1970, such as those of `SOURCE_DATE_EPOCH`. A later time than the year 9999
/// becomes its end.
#[must_use]
pub fn rfc3339(seconds: u64) -> String {
    let seconds = seconds.min(SECONDS_MAX);
    // Years that begin in March have the leap day at their end. 1970-01-01 is day 719,468 of such a calendar.
    let day = seconds / DAY_SECONDS + 719_468;
    let of_era = day % ERA_DAYS;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let date = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = day / ERA_DAYS * 400 + year_of_era + u64::from(month <= 2);
    let of_day = seconds % DAY_SECONDS;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z")
}
