//! The one type that WMI has for points in time and for lengths of time.

use crate::model::datetime::{CimDateTime, CimInterval, CimTimeOfDay, ParseCimError};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A `datetime`: 25 characters that say which of the two they are.
///
/// A time of day, whose date is wildcards (`********183000.000000+***`), is read as the interval
/// since midnight, which is how Hyper-V itself writes one; see [`CimTimeOfDay`].
///
/// ```
/// use hyperv_replica::cim::DateTime;
///
/// let five: DateTime = "00000000000500.000000:000".parse()?;
/// assert!(matches!(five, DateTime::Interval(it) if it.micros() == 300_000_000));
/// # Ok::<(), hyperv_replica::model::datetime::ParseCimError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DateTime {
    /// A point in time.
    Time(CimDateTime),
    /// A length of time.
    Interval(CimInterval),
}

impl From<CimDateTime> for DateTime {
    fn from(time: CimDateTime) -> Self {
        Self::Time(time)
    }
}

impl From<CimInterval> for DateTime {
    fn from(interval: CimInterval) -> Self {
        Self::Interval(interval)
    }
}

impl From<CimTimeOfDay> for DateTime {
    fn from(time: CimTimeOfDay) -> Self {
        // Always below a day, and an interval counts a hundred million of them.
        Self::Interval(CimInterval::try_from(time.since_midnight()).unwrap_or(CimInterval::MAX))
    }
}

/// The sign stands at this offset of the 25 characters.
const SIGN: usize = 21;

impl FromStr for DateTime {
    type Err = ParseCimError;

    fn from_str(text: &str) -> Result<Self, ParseCimError> {
        if text.as_bytes().get(SIGN) == Some(&b':') {
            text.parse().map(Self::Interval)
        } else if text.starts_with("********") {
            text.parse::<CimTimeOfDay>().map(Self::from)
        } else {
            text.parse().map(Self::Time)
        }
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => time.fmt(f),
            Self::Interval(interval) => interval.fmt(f),
        }
    }
}

impl DateTime {
    /// The length of an interval; `None` of a point in time.
    pub fn duration(self) -> Option<Duration> {
        match self {
            Self::Time(_) => None,
            Self::Interval(interval) => Some(interval.into()),
        }
    }
}
