//! WMI's `datetime` as text: a point in time, an interval, a time of day.
//!
//! WMI has one type, `datetime`, for all three, and one text of exactly 25 characters; the
//! character at offset 21 tells a point in time (`+`, `-`) from an interval (`:`). Here each has a
//! type of its own. All three hold whole microseconds, which is what the text can say, and are
//! serialized as that text.
//!
//! | Type | Text |
//! |---|---|
//! | [`CimDateTime`] | `yyyymmddHHMMSS.mmmmmmsUUU`, `UUU` the minutes from UTC, `s` their sign |
//! | [`CimInterval`] | `ddddddddHHMMSS.mmmmmm:000`, `dddddddd` whole days |
//! | [`CimTimeOfDay`] | `00000000HHMMSS.mmmmmm:000`, an interval since local midnight |
//!
//! DMTF's DSP0004 lets trailing fields be asterisks, for digits beyond the precision of the source
//! (`00000001132312.125***:000`), and Microsoft's [CIM_DATETIME] lets any field be, as a wildcard.
//! A value with a hole is no point in time, so here they are refused, by name, except where
//! [`CimTimeOfDay`] says.
//!
//! [CIM_DATETIME]: https://learn.microsoft.com/windows/win32/wmisdk/cim-datetime

use core::error::Error;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use chrono::{
    DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::model::time::SimTime;

mod parse;
pub use parse::ParseCimError;
use parse::{DATE, Fields, OFFSET, SIGN, outside};

const MICROS_PER_DAY: u64 = 86_400_000_000;

/// A point in time with its offset from UTC, to the microsecond: `20240101183000.000000+060`.
///
/// The date and time in the text are local; the offset is what they are ahead of UTC, at most 999
/// minutes either way. The year, in local time, is from 0 to 9999.
///
/// Two values are equal when their text is, as in a WMI query, so 13:00+060 and 12:00-000 differ;
/// [`CimDateTime::to_utc`] compares instants. The order is that of the instants, then the offsets.
/// A zero offset is written `-000`, as hosts write it, and read with either sign.
///
/// ```
/// use hyperv_replica::model::datetime::CimDateTime;
///
/// let t: CimDateTime = "19980525133015.000000-300".parse()?;
/// assert_eq!(t.to_utc().to_string(), "1998-05-25 18:30:15 UTC");
/// assert_eq!(t.to_string(), "19980525133015.000000-300");
/// # Ok::<(), hyperv_replica::model::datetime::ParseCimError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CimDateTime {
    utc: NaiveDateTime,
    offset_minutes: i32,
}

impl CimDateTime {
    /// What WMI reports for a time that has not come: `16010101000000.000000-000`, a `FILETIME` of
    /// zero.
    pub const NEVER: Self = Self {
        utc: NaiveDate::from_ymd_opt(1601, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap(),
        offset_minutes: 0,
    };

    /// The last representable time in UTC: `99991231235959.999999-000`.
    pub const MAX: Self = Self {
        utc: NaiveDate::from_ymd_opt(9999, 12, 31)
            .unwrap()
            .and_hms_micro_opt(23, 59, 59, 999_999)
            .unwrap(),
        offset_minutes: 0,
    };

    /// Whether this is [`CimDateTime::NEVER`].
    pub fn is_never(self) -> bool {
        self == Self::NEVER
    }

    /// Minutes that local time is ahead of UTC; negative west of Greenwich.
    pub const fn offset_minutes(self) -> i32 {
        self.offset_minutes
    }

    /// The instant, without the offset.
    pub const fn to_utc(self) -> DateTime<Utc> {
        self.utc.and_utc()
    }

    /// The virtual time `time` in UTC, its last digit (100 ns) dropped.
    ///
    /// Saturates: a time after the year 9999 is [`CimDateTime::MAX`].
    pub fn from_sim_time(time: SimTime) -> Self {
        Self::try_from(time.to_utc().fixed_offset()).unwrap_or(Self::MAX)
    }

    /// The virtual time of this instant, or `None` before [`SimTime::EPOCH`]; so `None` for
    /// [`CimDateTime::NEVER`].
    pub fn to_sim_time(self) -> Option<SimTime> {
        SimTime::from_utc(self.to_utc())
    }

    fn local(self) -> NaiveDateTime {
        // Years 0 to 9999 are far inside what chrono can count.
        self.utc + TimeDelta::minutes(self.offset_minutes.into())
    }
}

/// Exact, but that digits below the microsecond are dropped, and a leap second is read as the
/// first second of the next minute.
///
/// # Errors
///
/// [`CimRangeError`] when the local year is not in 0 to 9999, or the offset is not a whole number
/// of minutes of at most 999.
impl TryFrom<DateTime<FixedOffset>> for CimDateTime {
    type Error = CimRangeError;

    fn try_from(time: DateTime<FixedOffset>) -> Result<Self, CimRangeError> {
        let seconds = time.offset().local_minus_utc();
        let offset_minutes = seconds / 60;
        if seconds % 60 != 0 || offset_minutes.abs() > 999 {
            return Err(CimRangeError(Beyond::Offset { seconds }));
        }
        let four_digits = |year: i32| (0..=9999).contains(&year);
        let utc = DateTime::from_timestamp_micros(time.timestamp_micros());
        // The second look is for a leap second at the end of the year 9999.
        utc.filter(|_| four_digits(time.year()))
            .map(|utc| Self { utc: utc.naive_utc(), offset_minutes })
            .filter(|time| four_digits(time.local().year()))
            .ok_or(CimRangeError(Beyond::Year { found: time.year() }))
    }
}

impl From<CimDateTime> for DateTime<FixedOffset> {
    fn from(time: CimDateTime) -> Self {
        let utc = time.to_utc();
        // Always `Some`: chrono takes offsets of up to 1439 minutes.
        FixedOffset::east_opt(time.offset_minutes * 60)
            .map_or(utc.fixed_offset(), |offset| utc.with_timezone(&offset))
    }
}

impl fmt::Display for CimDateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, offset) = (self.local(), self.offset_minutes);
        let seconds = u64::from(local.num_seconds_from_midnight());
        write!(f, "{:04}{:02}{:02}", local.year(), local.month(), local.day())?;
        write_clock(f, seconds * 1_000_000 + u64::from(local.nanosecond() / 1000))?;
        write!(f, "{}{:03}", if offset <= 0 { '-' } else { '+' }, offset.abs())
    }
}

impl FromStr for CimDateTime {
    type Err = ParseCimError;

    fn from_str(text: &str) -> Result<Self, ParseCimError> {
        let fields = Fields::of(text)?;
        let west = fields.one_of(SIGN, "+-", "`+` or `-`")? == b'-';
        let year = fields.read("year", 0..4, 0..=9999)?.cast_signed();
        let month = fields.read("month", 4..6, 1..=12)?;
        let day = fields.read("day", 6..8, 1..=31)?;
        let date = |day: &u32| NaiveDate::from_ymd_opt(year, month, *day);
        let last = (28..=31).rfind(|day| date(day).is_some()).unwrap_or(28);
        let date = date(&day).ok_or(outside("day", 6, day, 1..=last))?;
        let local = date.and_time(NaiveTime::MIN) + Duration::from_micros(fields.clock()?);
        let offset = fields.read("offset", OFFSET, 0..=999)?.cast_signed();
        let offset_minutes = if west { -offset } else { offset };
        Ok(Self { utc: local - TimeDelta::minutes(offset_minutes.into()), offset_minutes })
    }
}

/// A length of time to the microsecond, up to 99999999 days: `00000000000500.000000:000` is five
/// minutes.
///
/// ```
/// use hyperv_replica::model::{datetime::CimInterval, time::minutes};
///
/// let five = CimInterval::try_from(minutes(5))?;
/// assert_eq!(five.to_string(), "00000000000500.000000:000");
/// # Ok::<(), hyperv_replica::model::datetime::CimRangeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CimInterval {
    micros: u64,
}

impl CimInterval {
    /// No time at all.
    pub const ZERO: Self = Self { micros: 0 };

    /// The longest interval: `99999999235959.999999:000`.
    pub const MAX: Self = Self { micros: 100_000_000 * MICROS_PER_DAY - 1 };

    /// The length in microseconds.
    pub const fn micros(self) -> u64 {
        self.micros
    }
}

/// Exact, but that digits below the microsecond are dropped.
///
/// # Errors
///
/// [`CimRangeError`] above [`CimInterval::MAX`].
impl TryFrom<Duration> for CimInterval {
    type Error = CimRangeError;

    fn try_from(duration: Duration) -> Result<Self, CimRangeError> {
        u64::try_from(duration.as_micros())
            .ok()
            .filter(|micros| *micros <= Self::MAX.micros)
            .map(|micros| Self { micros })
            .ok_or(CimRangeError(Beyond::Interval { seconds: duration.as_secs() }))
    }
}

impl From<CimInterval> for Duration {
    fn from(interval: CimInterval) -> Self {
        Self::from_micros(interval.micros)
    }
}

impl fmt::Display for CimInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}", self.micros / MICROS_PER_DAY)?;
        write_clock(f, self.micros % MICROS_PER_DAY)?;
        f.write_str(":000")
    }
}

impl FromStr for CimInterval {
    type Err = ParseCimError;

    fn from_str(text: &str) -> Result<Self, ParseCimError> {
        let fields = Fields::of(text)?;
        fields.one_of(SIGN, ":", "`:` (an interval)")?;
        let days = u64::from(fields.read("day", DATE, 0..=99_999_999)?);
        let micros = days * MICROS_PER_DAY + fields.clock()?;
        fields.all(OFFSET, "0", "`0` (an interval has no offset)")?;
        Ok(Self { micros })
    }
}

/// A time of day in local time, to the microsecond: the ends of the automatic resynchronization
/// window.
///
/// Written as an interval since midnight, `00000000183000.000000:000`, because Microsoft's
/// [MOF][defaults] gives the defaults of `AutoResynchronizeIntervalStart` and
/// `AutoResynchronizeIntervalEnd` so. Also read: a date and time whose date and offset are
/// wildcards, `********183000.000000+***`. [CIM_DATETIME] allows that text, and calls its offset
/// local, but that a host takes it for these properties is assumed: no source shows it.
///
/// ```
/// use hyperv_replica::model::datetime::CimTimeOfDay;
///
/// let start: CimTimeOfDay = "********183000.000000+***".parse()?;
/// assert_eq!(Some(start), CimTimeOfDay::from_hms(18, 30, 0));
/// assert_eq!(start.to_string(), "00000000183000.000000:000");
/// # Ok::<(), hyperv_replica::model::datetime::ParseCimError>(())
/// ```
///
/// [defaults]: https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationsettingdata
/// [CIM_DATETIME]: https://learn.microsoft.com/windows/win32/wmisdk/cim-datetime
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CimTimeOfDay {
    micros: u64,
}

impl CimTimeOfDay {
    /// The time on a 24-hour clock, or `None` outside 00:00:00 to 23:59:59.
    pub const fn from_hms(hour: u8, minute: u8, second: u8) -> Option<Self> {
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = hour as u64 * 3600 + minute as u64 * 60 + second as u64;
        Some(Self { micros: seconds * 1_000_000 })
    }

    /// The time `elapsed` after midnight, or `None` from 24 hours on.
    ///
    /// Digits below the microsecond are dropped.
    pub fn from_midnight(elapsed: Duration) -> Option<Self> {
        let micros = u64::try_from(elapsed.as_micros()).ok()?;
        (micros < MICROS_PER_DAY).then_some(Self { micros })
    }

    /// How long after midnight this is.
    pub const fn since_midnight(self) -> Duration {
        Duration::from_micros(self.micros)
    }
}

impl fmt::Display for CimTimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        CimInterval { micros: self.micros }.fmt(f)
    }
}

impl FromStr for CimTimeOfDay {
    type Err = ParseCimError;

    fn from_str(text: &str) -> Result<Self, ParseCimError> {
        let fields = Fields::of(text)?;
        if fields.one_of(SIGN, ":+-", "`:`, `+` or `-`")? == b':' {
            fields.all(DATE, "0", "`0` (a time of day has no days)")?;
            fields.all(OFFSET, "0", "`0` (an interval has no offset)")?;
        } else {
            fields.all(DATE, "*", "`*` (a time of day has no date)")?;
            fields.all(OFFSET, "*", "`*` (a time of day is local)")?;
        }
        Ok(Self { micros: fields.clock()? })
    }
}

/// `HHMMSS.mmmmmm` of a count of microseconds below a day.
fn write_clock(f: &mut fmt::Formatter<'_>, micros: u64) -> fmt::Result {
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (hour, minute) = (seconds / 3600, seconds / 60 % 60);
    write!(f, "{hour:02}{minute:02}{:02}.{micros:06}", seconds % 60)
}

/// A value that the 25 characters cannot express.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CimRangeError(Beyond);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Beyond {
    Year { found: i32 },
    Offset { seconds: i32 },
    Interval { seconds: u64 },
}

impl fmt::Display for CimRangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Beyond::Year { found } => write!(f, "expected a year from 0 to 9999, found {found}"),
            Beyond::Offset { seconds } => {
                f.write_str("expected an offset from UTC of whole minutes, at most 999, found ")?;
                write!(f, "{seconds} seconds")
            }
            Beyond::Interval { seconds } => {
                write!(f, "expected at most 99999999 days, found {seconds} seconds")
            }
        }
    }
}

impl Error for CimRangeError {}

macro_rules! serde_as_text {
    ($($cim:ty),*) => {$(
        impl Serialize for $cim {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $cim {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

serde_as_text!(CimDateTime, CimInterval, CimTimeOfDay);

#[cfg(test)]
mod tests;
