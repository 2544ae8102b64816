use super::parse::LEN;
use super::*;
use crate::model::time::{days, hours, minutes, seconds};
use proptest::prelude::*;

fn refusal<T: FromStr<Err = ParseCimError> + fmt::Debug>(text: &str) -> String {
    text.parse::<T>().unwrap_err().to_string()
}

#[test]
fn points_in_time_of_the_specifications() {
    for (text, rfc3339) in [
        // DSP0004, "Datetime Type": Monday, May 25, 1998, at 1:30:15 PM EST.
        // https://www.dmtf.org/sites/default/files/standards/documents/DSP0004V2.3_final.pdf
        ("19980525133015.000000-300", "1998-05-25T13:30:15-05:00"),
        // A Practical Approach to WBEM, appendix D. https://flylib.com/books/en/1.229.1.111/1
        ("20041114120523.243424-300", "2004-11-14T12:05:23.243424-05:00"),
        // https://learn.microsoft.com/windows/win32/api/wbemtime/nf-wbemtime-wbemtime-setdmtf
        ("16010101000000.000000+000", "1601-01-01T00:00:00+00:00"),
        ("00000101000000.000000+999", "0000-01-01T00:00:00+16:39"),
        ("99991231235959.999999-999", "9999-12-31T23:59:59.999999-16:39"),
    ] {
        let time: CimDateTime = text.parse().unwrap();
        assert_eq!(time.to_string(), text.replace("+000", "-000"));
        let chrono = DateTime::<FixedOffset>::from(time);
        assert_eq!(chrono, DateTime::parse_from_rfc3339(rfc3339).unwrap());
        assert_eq!(CimDateTime::try_from(chrono), Ok(time));
    }
}

#[test]
fn never_has_two_texts() {
    for text in ["16010101000000.000000+000", "16010101000000.000000-000"] {
        assert_eq!(text.parse(), Ok(CimDateTime::NEVER));
    }
    assert!(CimDateTime::NEVER.is_never());
    assert_eq!(CimDateTime::NEVER.to_string(), "16010101000000.000000-000");
    assert_eq!(CimDateTime::NEVER.to_sim_time(), None);
}

#[test]
fn virtual_time_is_utc_and_saturates() {
    let time = SimTime::ZERO + hours(18) + Duration::from_nanos(1700);
    assert_eq!(CimDateTime::from_sim_time(time).to_string(), "20240101180000.000001-000");
    assert_eq!(CimDateTime::from_sim_time(SimTime::MAX), CimDateTime::MAX);
    let east: CimDateTime = "20240101013000.000000+060".parse().unwrap();
    assert_eq!(east.to_sim_time(), Some(SimTime::ZERO + minutes(30)));
}

#[test]
fn intervals_of_the_specifications() {
    let day = days(1) + seconds(12);
    for (text, duration) in [
        // DSP0004, "Datetime Type": 1 day, 13 hours, 23 minutes, 12 seconds.
        ("00000001132312.000000:000", day + hours(13) + minutes(23)),
        // https://learn.microsoft.com/windows/win32/wmisdk/interval-format
        ("00000001120032.000000:000", day + hours(12) + seconds(20)),
        // TimeBeforeRemoval.
        // https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob
        ("00000000000500.000000:000", minutes(5)),
    ] {
        let interval: CimInterval = text.parse().unwrap();
        assert_eq!(interval.to_string(), text);
        assert_eq!(Duration::from(interval), duration);
        assert_eq!(CimInterval::try_from(duration), Ok(interval));
    }
    assert_eq!("99999999235959.999999:000".parse(), Ok(CimInterval::MAX));
    let error = CimInterval::try_from(days(100_000_000)).unwrap_err();
    assert_eq!(error.to_string(), "expected at most 99999999 days, found 8640000000000 seconds");
}

#[test]
fn times_of_day_are_read_in_two_forms() {
    // https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationsettingdata
    for (clock, hour, minute) in [("183000", 18, 30), ("060000", 6, 0)] {
        let time = CimTimeOfDay::from_hms(hour, minute, 0).unwrap();
        assert_eq!(time.to_string(), format!("00000000{clock}.000000:000"));
        assert_eq!(time.to_string().parse(), Ok(time));
        assert_eq!(format!("********{clock}.000000+***").parse(), Ok(time));
        assert_eq!(format!("********{clock}.000000-***").parse(), Ok(time));
    }
    assert_eq!(CimTimeOfDay::from_hms(24, 0, 0), None);
    assert_eq!(CimTimeOfDay::from_midnight(days(1)), None);
}

#[test]
fn refusals_say_where_and_what() {
    for (refused, message) in [
        (refusal::<CimDateTime>(""), "expected 25 characters, found 0"),
        // The example in CIM_Setting.SettingID of DMTF's schema has a digit too many.
        (refusal::<CimDateTime>("19980525133015.0000000-300"), "expected 25 characters, found 26"),
        (
            refusal::<CimDateTime>("1998052513301é.00000-300"),
            "at offset 13: expected ASCII, found `é`",
        ),
        (
            refusal::<CimDateTime>("19981325133015.000000-300"),
            "at offset 4: expected month 1 to 12, found 13",
        ),
        (
            refusal::<CimDateTime>("19980231133015.000000-300"),
            "at offset 6: expected day 1 to 28, found 31",
        ),
        (
            refusal::<CimDateTime>("20240230000000.000000+000"),
            "at offset 6: expected day 1 to 29, found 30",
        ),
        (
            refusal::<CimDateTime>("1998052513301x.000000-300"),
            "at offset 13: expected a digit of the second, found `x`",
        ),
        (
            refusal::<CimDateTime>("19980525133015,000000-300"),
            "at offset 14: expected `.`, found `,`",
        ),
        (
            refusal::<CimDateTime>("00000001132312.000000:000"),
            "at offset 21: expected `+` or `-`, found `:`",
        ),
        // Legal in https://learn.microsoft.com/windows/win32/wmisdk/cim-datetime
        (
            refusal::<CimDateTime>("19980401135809.000000+***"),
            "at offset 22: expected a digit of the offset, found `*`: \
             wildcards are not supported here",
        ),
        // DSP0004: an interval with a precision of one millisecond.
        (
            refusal::<CimInterval>("00000001132312.125***:000"),
            "at offset 18: expected a digit of the microsecond, found `*`: \
             wildcards are not supported here",
        ),
        (
            refusal::<CimInterval>("19980525133015.000000-300"),
            "at offset 21: expected `:` (an interval), found `-`",
        ),
        (
            refusal::<CimTimeOfDay>("00000001000000.000000:000"),
            "at offset 7: expected `0` (a time of day has no days), found `1`",
        ),
        (
            refusal::<CimTimeOfDay>("20240101183000.000000+000"),
            "at offset 0: expected `*` (a time of day has no date), found `2`",
        ),
        (
            refusal::<CimTimeOfDay>("********183000.000000+000"),
            "at offset 22: expected `*` (a time of day is local), found `0`",
        ),
    ] {
        assert_eq!(refused, message);
    }
    let zone = FixedOffset::east_opt(90).unwrap();
    let error = CimDateTime::try_from(SimTime::EPOCH.with_timezone(&zone)).unwrap_err();
    assert!(error.to_string().ends_with("whole minutes, at most 999, found 90 seconds"));
    let error = CimDateTime::try_from(SimTime::MAX.to_utc().fixed_offset()).unwrap_err();
    assert_eq!(error.to_string(), "expected a year from 0 to 9999, found 60479");
    for extreme in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        for seconds in [-59_940, 59_940] {
            let zone = FixedOffset::east_opt(seconds).unwrap();
            assert!(CimDateTime::try_from(extreme.with_timezone(&zone)).is_err());
        }
    }
    let leap = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap();
    let leap = leap.and_hms_micro_opt(23, 59, 59, 1_500_000).unwrap().and_utc();
    assert!(CimDateTime::try_from(leap.fixed_offset()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(0),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn points_round_trip(micros in 0..250_000_000_000_000_000_i64, offset in -999..=999_i32) {
        let offset = FixedOffset::east_opt(offset * 60).unwrap();
        let chrono = DateTime::from_timestamp_micros(micros).unwrap().with_timezone(&offset);
        let time = CimDateTime::try_from(chrono).unwrap();
        prop_assert_eq!(time.to_string().parse(), Ok(time));
        prop_assert_eq!(DateTime::<FixedOffset>::from(time), chrono);
        let json = serde_json::to_string(&time).unwrap();
        prop_assert_eq!(serde_json::from_str::<CimDateTime>(&json).unwrap(), time);
    }

    #[test]
    fn intervals_round_trip(micros in 0..=CimInterval::MAX.micros) {
        let interval = CimInterval::try_from(Duration::from_micros(micros)).unwrap();
        let text = interval.to_string();
        prop_assert_eq!(text.len(), LEN);
        prop_assert_eq!(text.parse(), Ok(interval));
    }

    #[test]
    fn times_of_day_round_trip(micros in 0..MICROS_PER_DAY) {
        let time = CimTimeOfDay::from_midnight(Duration::from_micros(micros)).unwrap();
        prop_assert_eq!(time.to_string().parse(), Ok(time));
    }

    #[test]
    fn no_text_panics(text in "[0-9*+:.é-]{23,26}") {
        let _ = text.parse::<CimDateTime>();
        let _ = text.parse::<CimInterval>();
        let _ = text.parse::<CimTimeOfDay>();
    }

    #[test]
    fn no_date_panics(micros: i64, offset in -86_399..=86_399_i32) {
        let offset = FixedOffset::east_opt(offset).unwrap();
        if let Some(time) = DateTime::from_timestamp_micros(micros)
            && let Ok(time) = CimDateTime::try_from(time.with_timezone(&offset))
        {
            prop_assert_eq!(time.to_string().len(), LEN);
        }
    }
}
