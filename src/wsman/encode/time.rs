//! Times and lengths of time as XML Schema writes them.

use crate::cim::DateTime;
use crate::model::datetime::{CimDateTime, CimInterval};
use chrono::{FixedOffset, SecondsFormat, Timelike};
use std::fmt::Write;
use std::time::Duration;

const DAY_S: u64 = 86_400;
const MICROS_PER_S: u32 = 1_000_000;

/// A `datetime` of CIM: which element of the common namespace it is, and the text.
pub(in crate::wsman) fn write(time: DateTime) -> (&'static str, String) {
    match time {
        DateTime::Interval(it) => ("cim:Interval", write_duration(it.into())),
        DateTime::Time(it) => ("cim:Datetime", write_time(it)),
    }
}

fn write_time(time: CimDateTime) -> String {
    let time = chrono::DateTime::<FixedOffset>::from(time);
    let micros = time.nanosecond() / 1000;
    if micros == 0 {
        return time.to_rfc3339_opts(SecondsFormat::Secs, true);
    }
    let digits = format!("{micros:06}");
    let text = time.to_rfc3339_opts(SecondsFormat::Micros, true);
    text.replacen(&digits, digits.trim_end_matches('0'), 1)
}

/// A length of time as Windows writes it: `P0DT0H5M0S`. What is below a microsecond is dropped.
pub(in crate::wsman) fn write_duration(duration: Duration) -> String {
    let (s, micros) = (duration.as_secs(), duration.subsec_micros());
    let (days, hours, minutes) = (s / DAY_S, s / 3600 % 24, s / 60 % 60);
    let mut text = format!("P{days}DT{hours}H{minutes}M{}", s % 60);
    if micros != 0 {
        let digits = format!("{micros:06}");
        // Writing to a string does not fail.
        let _ = write!(text, ".{}", digits.trim_end_matches('0'));
    }
    text.push('S');
    text
}

/// A `datetime` of CIM from the text of either element, or as WMI itself writes it.
pub(in crate::wsman) fn read(text: &str) -> Option<DateTime> {
    let text = text.trim();
    if let Ok(native) = text.parse() {
        return Some(native);
    }
    if text.starts_with('P') {
        return CimInterval::try_from(read_duration(text)?).ok().map(DateTime::Interval);
    }
    let time = chrono::DateTime::parse_from_rfc3339(text)
        // A time without an offset is one of UTC.
        .or_else(|_| chrono::DateTime::parse_from_rfc3339(&format!("{text}Z")));
    CimDateTime::try_from(time.ok()?).ok().map(DateTime::Time)
}

/// An `xs:duration`, as far as its length is known: years and months must be zero, and it must not
/// be negative.
pub(in crate::wsman) fn read_duration(text: &str) -> Option<Duration> {
    let rest = text.trim().strip_prefix('P')?;
    let (days, time) = rest.split_once('T').unwrap_or((rest, ""));
    if (days.is_empty() && time.is_empty()) || (rest.contains('T') && time.is_empty()) {
        return None;
    }
    let mut total = Duration::ZERO;
    fields(days, &[('Y', 0), ('M', 0), ('D', DAY_S)], &mut total)?;
    fields(time, &[('H', 3600), ('M', 60), ('S', 1)], &mut total)?;
    Some(total)
}

/// Adds numbers with their designators, each of which stands for so many seconds; of what stands
/// for none there must be none.
fn fields(mut text: &str, mut designators: &[(char, u64)], total: &mut Duration) -> Option<()> {
    while !text.is_empty() {
        let end = text.find(|it: char| !it.is_ascii_digit() && it != '.')?;
        let designator = text[end..].chars().next()?;
        let at = designators.iter().position(|(it, _)| *it == designator)?;
        let (whole, fraction) = text[..end].split_once('.').unwrap_or((&text[..end], ""));
        let whole: u64 = whole.parse().ok()?;
        let unit_s = designators[at].1;
        if (unit_s == 0 && whole != 0) || (designator != 'S' && text[..end].contains('.')) {
            return None;
        }
        let added = Duration::from_secs(whole.checked_mul(unit_s)?);
        *total = total.checked_add(added)?.checked_add(micros(fraction)?)?;
        text = &text[end + designator.len_utf8()..];
        designators = &designators[at + 1..];
    }
    Some(())
}

/// The digits behind the point of a number of seconds; those below a microsecond are dropped.
fn micros(digits: &str) -> Option<Duration> {
    if !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let mut unit = MICROS_PER_S;
    let mut micros = 0;
    for digit in digits.bytes().take(6) {
        unit /= 10;
        micros += u32::from(digit - b'0') * unit;
    }
    Some(Duration::from_micros(micros.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a recorded reply of a host has, and what clients send as a timeout.
    #[test]
    fn lengths_of_time() {
        for (text, micros) in [
            ("P0DT0H5M0S", 300_000_000),
            ("P0DT0H0M1.00417S", 1_004_170),
            ("PT60.0S", 60_000_000),
            ("PT1M30S", 90_000_000),
            ("PT60.000S", 60_000_000),
            ("P1D", 86_400_000_000),
            ("P0Y0M1DT1H", 90_000_000_000),
        ] {
            assert_eq!(read_duration(text), Some(Duration::from_micros(micros)), "{text}");
        }
        assert_eq!(write_duration(Duration::from_micros(1_004_170)), "P0DT0H0M1.00417S");
        assert_eq!(write_duration(Duration::from_secs(300)), "P0DT0H5M0S");
    }

    #[test]
    fn texts_that_are_no_length_of_time() {
        let texts = "|P|PT|5|PT5|-PT5S|P1Y|P1M|PT1.5H|PT1S1M|PT1S1S|P1DT|PTS|PT.S|PT1.xS|\
                     PT99999999999999999999S|P18446744073709551615D|PTΩ";
        for text in texts.split('|') {
            assert_eq!(read_duration(text), None, "{text}");
        }
    }

    /// Trailing zeros of the fraction are dropped; a time that never came is the year 1601.
    #[test]
    fn points_in_time() {
        for text in [
            "2025-12-17T09:55:22.702341Z",
            "2026-10-05T04:23:50Z",
            "1601-01-01T00:00:00Z",
            "2026-07-29T14:10:59.4Z",
            "2026-07-29T14:10:59.05+09:00",
        ] {
            let time = read(text).expect(text);
            assert_eq!(write(time), ("cim:Datetime", text.to_owned()));
        }
        let same = ["2024-01-02T03:04:05.000000+00:00", "20240102030405.000000+000"].map(read);
        assert_eq!(same[0], same[1]);
        assert_eq!(read("2024-01-02T03:04:05"), same[0]);
        assert_eq!(read("tomorrow"), None);
    }
}
