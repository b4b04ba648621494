//! Points in time as signatures and certificates state them.

use core::fmt;
use core::time::Duration;

use x509_cert::der::DateTime;

/// Seconds since 1970-01-01 00:00 UTC, without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub i64);

/// The last second of the year 9999, the last that a certificate can state (RFC 5280, section 4.1.2.5).
pub(super) const LATEST: UnixTime = UnixTime(253_402_300_799);

impl UnixTime {
    pub(super) fn of(time: &x509_cert::time::Time) -> Self {
        Self(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(LATEST.0))
    }
}

/// As RFC 3339 writes it, in UTC.
impl fmt::Display for UnixTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = u64::try_from(self.0)
            .ok()
            .and_then(|seconds| DateTime::from_unix_duration(Duration::from_secs(seconds)).ok());
        match date {
            Some(date) => fmt::Display::fmt(&date, formatter),
            None => write!(formatter, "{} seconds after 1970", self.0),
        }
    }
}
