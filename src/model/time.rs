//! Virtual time: [`SimTime`], a point on the simulator's clock, and the text form of a
//! [`Duration`] in scripts.
//!
//! Nothing here reads a clock. A simulation starts at [`SimTime::ZERO`], which is by definition
//! 2024-01-01T00:00:00Z, and moves only when it is told to.

use core::error::Error;
use core::fmt::{self, Write as _};
use core::ops::{Add, AddAssign};
use core::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

/// Nanoseconds in one tick: the resolution of a Windows `FILETIME`.
const NANOS_PER_TICK: u64 = 100;
const TICKS_PER_SECOND: u64 = 1_000_000_000 / NANOS_PER_TICK;
const TICKS_PER_MILLI: u64 = TICKS_PER_SECOND / 1000;

/// A point in virtual time: a count of 100 ns ticks since 2024-01-01T00:00:00Z.
///
/// The tick is the resolution of a Windows
/// [`FILETIME`](https://learn.microsoft.com/windows/win32/api/minwinbase/ns-minwinbase-filetime);
/// the epoch is a literal, so the same script gives the same dates on every machine. The last
/// representable time, [`SimTime::MAX`], is in the year 60479.
///
/// [`Display`](fmt::Display) writes the time elapsed since the epoch, which is what reads well in
/// a trace; [`SimTime::to_utc`] gives the calendar date. Serialized as the bare number of ticks.
///
/// ```
/// use hyperv_replica::model::time::{SimTime, minutes};
///
/// let t = SimTime::ZERO + minutes(5);
/// assert_eq!(t.to_string(), "00:05:00");
/// assert_eq!(t.to_utc().to_string(), "2024-01-01 00:05:00 UTC");
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SimTime(u64);

impl SimTime {
    /// The start of every simulation: [`SimTime::EPOCH`], zero ticks.
    pub const ZERO: Self = Self(0);

    /// The last representable time, `u64::MAX` ticks after the epoch.
    pub const MAX: Self = Self(u64::MAX);

    /// The calendar date of [`SimTime::ZERO`]: 2024-01-01T00:00:00Z.
    pub const EPOCH: DateTime<Utc> =
        NaiveDate::from_ymd_opt(2024, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap().and_utc();

    /// The time `ticks` × 100 ns after the epoch.
    pub const fn from_ticks(ticks: u64) -> Self {
        Self(ticks)
    }

    /// Ticks of 100 ns since the epoch.
    pub const fn ticks(self) -> u64 {
        self.0
    }

    /// This time and `duration` more, or `None` past [`SimTime::MAX`].
    ///
    /// What is left of `duration` below one tick is dropped.
    #[must_use]
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        self.0.checked_add(ticks_of(duration)?).map(Self)
    }

    /// The time passed from `earlier` to this time: zero if `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> Duration {
        duration_of(self.0.saturating_sub(earlier.0))
    }

    /// The calendar date of this time, in UTC. Exact.
    pub fn to_utc(self) -> DateTime<Utc> {
        // Every `SimTime` is before the year 60480 and chrono counts to the year 262142.
        Self::EPOCH + self.since(Self::ZERO)
    }

    /// The time of a calendar date, or `None` before [`SimTime::EPOCH`] or after
    /// [`SimTime::MAX`].
    ///
    /// What is left of `utc` below one tick is dropped.
    pub fn from_utc(utc: DateTime<Utc>) -> Option<Self> {
        let elapsed = utc.signed_duration_since(Self::EPOCH).to_std().ok()?;
        ticks_of(elapsed).map(Self)
    }
}

/// Saturating: a sum past [`SimTime::MAX`] is [`SimTime::MAX`]. What is left of the duration below
/// one tick is dropped. See [`SimTime::checked_add`] for the sum that tells.
impl Add<Duration> for SimTime {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or(Self::MAX)
    }
}

/// Saturating, as [`Add`].
impl AddAssign<Duration> for SimTime {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

/// The time elapsed since the epoch: `00:05:30`, `00:05:30.250`, `3d 00:05:30`.
///
/// Three digits of fraction when the time is whole in milliseconds, seven (ticks) when it is not,
/// none when it is whole in seconds. Honours width and alignment.
impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (elapsed, fraction) = (self.0 / TICKS_PER_SECOND, self.0 % TICKS_PER_SECOND);
        let (hours, minutes) = (elapsed / 3600 % 24, elapsed / 60 % 60);
        let mut text = String::new();
        if elapsed >= 86_400 {
            write!(text, "{}d ", elapsed / 86_400)?;
        }
        write!(text, "{hours:02}:{minutes:02}:{:02}", elapsed % 60)?;
        if !fraction.is_multiple_of(TICKS_PER_MILLI) {
            write!(text, ".{fraction:07}")?;
        } else if fraction != 0 {
            write!(text, ".{:03}", fraction / TICKS_PER_MILLI)?;
        }
        f.pad(&text)
    }
}

/// Whole ticks in `duration`, or `None` when a `SimTime` cannot count them.
fn ticks_of(duration: Duration) -> Option<u64> {
    let ticks = duration.as_secs().checked_mul(TICKS_PER_SECOND)?;
    ticks.checked_add(u64::from(duration.subsec_nanos()) / NANOS_PER_TICK)
}

const fn duration_of(ticks: u64) -> Duration {
    let seconds = Duration::from_secs(ticks / TICKS_PER_SECOND);
    // Less than a second is added to at most `u64::MAX / TICKS_PER_SECOND` of them.
    seconds.saturating_add(Duration::from_nanos(ticks % TICKS_PER_SECOND * NANOS_PER_TICK))
}

/// `n` seconds.
pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// `n` minutes; at most `u64::MAX` seconds, where it saturates.
pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n.saturating_mul(60))
}

/// `n` hours; at most `u64::MAX` seconds, where it saturates.
pub const fn hours(n: u64) -> Duration {
    Duration::from_secs(n.saturating_mul(3600))
}

/// `n` days of 24 hours; at most `u64::MAX` seconds, where it saturates.
pub const fn days(n: u64) -> Duration {
    Duration::from_secs(n.saturating_mul(86_400))
}

/// The units of a duration's text, largest first, and their length in nanoseconds.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1000),
    ("ns", 1),
];

/// A duration as scripts write it: `1d2h3m4s5ms`, `250ms`, `0s`.
///
/// Each of `d h m s ms us ns` that is not zero, in that order. The text is exact:
/// [`parse_duration`] reads the same duration back. Honours width and alignment.
///
/// ```
/// use hyperv_replica::model::time::{format_duration, seconds};
///
/// assert_eq!(format_duration(seconds(330)).to_string(), "5m30s");
/// ```
pub fn format_duration(duration: Duration) -> impl fmt::Display {
    FormatDuration(duration)
}

struct FormatDuration(Duration);

impl fmt::Display for FormatDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return f.pad("0s");
        }
        let (mut rest, mut text) = (self.0.as_nanos(), String::new());
        for (unit, nanos) in UNITS {
            let count = rest / u128::from(nanos);
            rest %= u128::from(nanos);
            if count != 0 {
                write!(text, "{count}{unit}")?;
            }
        }
        f.pad(&text)
    }
}

/// Reads a duration as scripts write it: whole numbers, each with its unit, nothing between them.
///
/// The units are `d h m s ms us ns`, in that order, each at most once, at least one of them. A
/// number may exceed the next unit (`90m` is an hour and a half).
///
/// # Errors
///
/// [`ParseDurationError`] with the place and what was expected there: not a number, not a unit, a
/// unit out of order, or a duration longer than [`Duration::MAX`].
///
/// ```
/// use hyperv_replica::model::time::{parse_duration, seconds};
///
/// assert_eq!(parse_duration("5m30s"), Ok(seconds(330)));
/// let error = parse_duration("1.5h").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "at offset 1: expected a unit (d, h, m, s, ms, us, ns), found `.`",
/// );
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, ParseDurationError> {
    let mut total = Duration::ZERO;
    let mut last: Option<usize> = None;
    let mut offset = 0;
    loop {
        let at = |offset, kind| ParseDurationError { offset, kind };
        let (number, rest) = split(text.get(offset..).unwrap_or(""), char::is_ascii_digit);
        if number.is_empty() {
            return Err(at(offset, Kind::Number { found: rest.chars().next() }));
        }
        let unit_offset = offset + number.len();
        let (name, rest) = split(rest, char::is_ascii_alphabetic);
        let Some(rank) = UNITS.iter().position(|(unit, _)| *unit == name) else {
            let found = match name {
                "" => rest.chars().take(1).collect(),
                name => name.to_owned(),
            };
            return Err(at(unit_offset, Kind::Unit { found }));
        };
        let (unit, nanos) = UNITS[rank];
        if let Some(last) = last.filter(|last| *last >= rank) {
            return Err(at(unit_offset, Kind::Order { found: unit, after: UNITS[last].0 }));
        }
        last = Some(rank);
        total = number
            .parse()
            .ok()
            .and_then(|count| times(count, nanos))
            .and_then(|part| total.checked_add(part))
            .ok_or(at(offset, Kind::Overflow))?;
        if rest.is_empty() {
            return Ok(total);
        }
        offset = unit_offset + name.len();
    }
}

/// `count` × `nanos`, or `None` past [`Duration::MAX`].
fn times(count: u128, nanos: u64) -> Option<Duration> {
    let nanos = count.checked_mul(u128::from(nanos))?;
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    Some(Duration::new(seconds, u32::try_from(nanos % 1_000_000_000).ok()?))
}

/// `text` in two: the longest beginning of characters that are `wanted`, and the rest.
fn split(text: &str, wanted: fn(&char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !wanted(&c)).unwrap_or(text.len()))
}

/// Why [`parse_duration`] refused a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseDurationError {
    offset: usize,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Number { found: Option<char> },
    Unit { found: String },
    Order { found: &'static str, after: &'static str },
    Overflow,
}

impl ParseDurationError {
    /// Where in the text, in bytes from its start, the refused part begins.
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for ParseDurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at offset {}: ", self.offset)?;
        match &self.kind {
            Kind::Number { found: None } => {
                f.write_str("expected a whole number, found the end of the text")
            }
            Kind::Number { found: Some(found) } => {
                write!(f, "expected a whole number, found `{found}`")
            }
            Kind::Unit { found } => {
                f.write_str("expected a unit (d, h, m, s, ms, us, ns), found ")?;
                if found.is_empty() {
                    f.write_str("the end of the text")
                } else {
                    write!(f, "`{found}`")
                }
            }
            Kind::Order { found, after } => {
                write!(f, "expected a unit smaller than `{after}`, found `{found}`")
            }
            Kind::Overflow => f.write_str("expected a duration of less than 2^64 seconds"),
        }
    }
}

impl Error for ParseDurationError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NANO: Duration = Duration::from_nanos(1);

    #[test]
    fn elapsed_time_reads_as_a_clock() {
        for (ticks, text) in [
            (0, "00:00:00"),
            (3_300_000_000, "00:05:30"),
            (3_302_500_000, "00:05:30.250"),
            (3_302_500_001, "00:05:30.2500001"),
            (1, "00:00:00.0000001"),
            (863_999_990_000, "23:59:59.999"),
            (864_000_000_000, "1d 00:00:00"),
            (u64::MAX, "21350398d 05:36:10.9551615"),
        ] {
            assert_eq!(SimTime::from_ticks(ticks).to_string(), text);
        }
        assert_eq!(format!("[{:>10}]", SimTime::ZERO), "[  00:00:00]");
    }

    #[test]
    fn sums_saturate_and_drop_less_than_a_tick() {
        let last = SimTime::MAX;
        assert_eq!(last + NANO * 99, last);
        assert_eq!(last + NANO * 100, last);
        assert_eq!(last.checked_add(NANO * 100), None);
        assert_eq!(SimTime::ZERO.checked_add(Duration::MAX), None);
        assert_eq!((SimTime::ZERO + NANO * 199).ticks(), 1);
        assert_eq!(SimTime::ZERO.since(last), Duration::ZERO);
    }

    #[test]
    fn the_calendar_starts_with_2024() {
        assert_eq!(SimTime::EPOCH.to_string(), "2024-01-01 00:00:00 UTC");
        assert_eq!(SimTime::from_utc(SimTime::EPOCH - NANO), None);
        // 2024 is a leap year.
        let t = SimTime::ZERO + days(366);
        assert_eq!(t.to_utc().to_string(), "2025-01-01 00:00:00 UTC");
        assert_eq!(SimTime::MAX.to_utc().to_string(), "+60479-05-28 05:36:10.955161500 UTC");
        assert_eq!(SimTime::from_utc(DateTime::<Utc>::MAX_UTC), None);
    }

    #[test]
    fn durations_in_scripts() {
        let text = "1d2h3m4s5ms6us7ns";
        let parsed = parse_duration(text).unwrap();
        assert_eq!(parsed, days(1) + hours(2) + minutes(3) + seconds(4) + NANO * 5_006_007);
        assert_eq!(format_duration(parsed).to_string(), text);
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        assert_eq!(parse_duration("0d0ns"), Ok(Duration::ZERO));
        assert_eq!(parse_duration("100ns").map(|d| SimTime::ZERO + d), Ok(SimTime::from_ticks(1)));
        assert_eq!(format_duration(parse_duration("90m").unwrap()).to_string(), "1h30m");
        assert_eq!(parse_duration("18446744073709551615s999999999ns"), Ok(Duration::MAX));
        assert_eq!(parse_duration("100000000000000000000ns"), Ok(seconds(100_000_000_000)));
        assert_eq!(days(u64::MAX), seconds(u64::MAX));
    }

    #[test]
    fn refusals_say_where_and_what() {
        let units = "expected a unit (d, h, m, s, ms, us, ns), found";
        for (text, offset, message) in [
            ("", 0, "expected a whole number, found the end of the text".to_owned()),
            ("-5s", 0, "expected a whole number, found `-`".to_owned()),
            ("5m 3s", 2, "expected a whole number, found ` `".to_owned()),
            ("5", 1, format!("{units} the end of the text")),
            ("1.5h", 1, format!("{units} `.`")),
            ("2h5min", 3, format!("{units} `min`")),
            ("5µs", 1, format!("{units} `µ`")),
            ("1h1h", 3, "expected a unit smaller than `h`, found `h`".to_owned()),
            ("1ms1m", 4, "expected a unit smaller than `ms`, found `m`".to_owned()),
            (
                "99999999999999999999s",
                0,
                "expected a duration of less than 2^64 seconds".to_owned(),
            ),
            ("1m18446744073709551615s", 2, "expected a duration of less than 2^64 seconds".into()),
        ] {
            let error = parse_duration(text).unwrap_err();
            assert_eq!(error.offset(), offset, "{text}");
            assert_eq!(error.to_string(), format!("at offset {offset}: {message}"), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: proptest::test_runner::RngSeed::Fixed(0),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn duration_text_round_trips(d: Duration) {
            prop_assert_eq!(parse_duration(&format_duration(d).to_string()), Ok(d));
        }

        #[test]
        fn any_text_parses_or_is_refused_inside_itself(text in "[0-9a-zµ. ]{0,12}") {
            if let Err(error) = parse_duration(&text) {
                prop_assert!(text.is_char_boundary(error.offset()));
            }
        }

        #[test]
        fn the_calendar_is_exact(ticks: u64, more: u64) {
            let t = SimTime::from_ticks(ticks);
            prop_assert_eq!(SimTime::from_utc(t.to_utc()), Some(t));
            let later = t + SimTime::from_ticks(more).since(SimTime::ZERO);
            prop_assert_eq!(later.ticks(), ticks.saturating_add(more));
        }
    }
}
