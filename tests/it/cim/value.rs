//! Values, their types and their text.

use hyperv_replica::cim::*;
use hyperv_replica::model::datetime::{CimDateTime, CimInterval};
use proptest::prelude::*;

/// <https://learn.microsoft.com/windows/win32/api/wbemcli/ne-wbemcli-cimtype_enumeration>
#[test]
fn types_have_the_numbers_of_com() {
    for (name, number) in [
        ("sint16", 2),
        ("sint32", 3),
        ("real32", 4),
        ("real64", 5),
        ("string", 8),
        ("boolean", 11),
        ("object", 13),
        ("sint8", 16),
        ("uint8", 17),
        ("uint16", 18),
        ("uint32", 19),
        ("sint64", 20),
        ("uint64", 21),
        ("datetime", 101),
        ("reference", 102),
        ("char16", 103),
    ] {
        let of = CimType::named(name).expect(name);
        assert_eq!(of.number(), number, "{name}");
        assert_eq!(Type::from_number(number), Some(Type::scalar(of)));
        assert_eq!(Type::from_number(0x2000 | number), Some(Type::array(of)));
        assert_eq!(Type::array(of).number(), 0x2000 | number);
    }
    assert_eq!(CimType::ALL.len(), 16);
    assert_eq!(Type::from_number(1), None);
}

#[test]
fn a_number_is_of_the_width_it_is_read_as() {
    for of in CimType::ALL.iter().copied().filter(|it| it.is_integer()) {
        let value = Value::integer(of, 100).expect("fits each width");
        assert_eq!(value.type_of(), Some(Type::scalar(of)));
        assert_eq!(value.as_integer(), Some(100));
        assert_eq!(Value::integer(of, i128::from(u64::MAX) + 1), None);
    }
    assert_eq!(Value::integer(CimType::Uint8, -1), None);
    assert_eq!(Value::integer(CimType::String, 1), None);
    let port = Value::from(443_u16);
    assert_eq!(<&u16>::try_from(&port), Ok(&443));
    let error = <&u32>::try_from(&port).unwrap_err();
    assert_eq!(error.to_string(), "expected uint32, found uint16 `443`");
}

/// What scripts hand in is coerced before it is sent: Microsoft's sample sets a boolean to 1.
#[test]
fn casts_are_those_that_scripts_rely_on() {
    let cast = |value: Value, of| value.cast(Type::scalar(of));
    assert_eq!(cast(1_i32.into(), CimType::Boolean), Ok(true.into()));
    assert_eq!(cast(true.into(), CimType::Uint8), Ok(1_u8.into()));
    assert_eq!(cast("300".into(), CimType::Uint16), Ok(300_u16.into()));
    assert_eq!(cast(300_u16.into(), CimType::String), Ok("300".into()));
    assert_eq!(cast(Value::Null, CimType::Uint16), Ok(Value::Null));
    let interval: DateTime = "00000000000500.000000:000".parse().unwrap();
    assert_eq!(cast(interval.to_string().into(), CimType::DateTime), Ok(interval.into()));
    let path: ObjectPath = "A.B='c'".parse().unwrap();
    assert_eq!(cast("A.B='c'".into(), CimType::Reference), Ok(path.into()));
    let numbers = Value::from(vec![1_i32, 2]);
    assert_eq!(numbers.cast(Type::array(CimType::Uint32)), Ok(vec![1_u32, 2].into()));
    for (value, of, expected) in [
        (Value::from(70_000_i32), CimType::Uint16, "expected uint16, found sint32 `70000`"),
        (Value::from(2_u8), CimType::Boolean, "expected boolean, found uint8 `2`"),
        (Value::from("soon"), CimType::DateTime, "expected datetime, found string `soon`"),
        (Value::from(vec![1_u8]), CimType::Uint8, "expected uint8, found uint8[]"),
    ] {
        assert_eq!(cast(value, of).unwrap_err().to_string(), expected);
    }
    let scalar = Value::from(1_u8).cast(Type::array(CimType::Uint8));
    assert!(scalar.is_err(), "one value is no array");
}

/// Microseconds, not nanoseconds: 0.5 s is `.500000`.
#[test]
fn a_datetime_says_which_of_the_two_it_is() {
    let half: DateTime = "00000000000000.500000:000".parse().unwrap();
    assert_eq!(half.duration(), Some(std::time::Duration::from_millis(500)));
    let never: DateTime = "16010101000000.000000-000".parse().unwrap();
    assert_eq!(never, DateTime::Time(CimDateTime::NEVER));
    let evening: DateTime = "********183000.000000+***".parse().unwrap();
    assert_eq!(evening.to_string(), "00000000183000.000000:000");
    assert!("".parse::<DateTime>().is_err());
    assert!("\u{e9}".repeat(25).parse::<DateTime>().is_err());
}

#[test]
fn an_instance_tells_missing_from_null() {
    let mut it = Instance::new("Msvm_X").with("A", 1_u8).with("B", Value::Null);
    assert_eq!(it.get("a"), Some(&Value::Uint8(1)));
    assert_eq!(it.get("b"), Some(&Value::Null));
    assert_eq!(it.get("c"), None);
    assert_eq!(it.read::<&u8>("b"), Ok(None));
    it.set("a", "text");
    let names: Vec<_> = it.properties().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["A", "B"], "a property keeps its place and its spelling");
    let error = it.read::<&u8>("a").unwrap_err();
    assert_eq!(error.to_string(), "property a: expected uint8, found string `text`");
    assert_eq!(it.remove("A"), Some("text".into()));
    assert!(!it.supplies("A"));
}

/// Text as XML can carry it and people write it, with what escapes are about.
pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,20}",
        "[\\\\\"'<>&%_\\[\\]^,;:\n\r\t]{0,8}",
        "[\u{e4}\u{df}\u{416}\u{6f22}\u{1F600}]{0,4}",
    ]
}

pub(super) fn datetime() -> impl Strategy<Value = DateTime> {
    let interval = (0..=8_640_000_000_000_000_000_u64).prop_map(|micros| {
        let length = std::time::Duration::from_micros(micros);
        CimInterval::try_from(length).unwrap_or(CimInterval::MAX).into()
    });
    let time = (-62_135_596_800_i64..253_402_300_799, 0..1_000_000_u32, -14..=14_i32);
    let time = time.prop_filter_map("a year of four digits", |(seconds, micros, hours)| {
        let utc = chrono::DateTime::from_timestamp(seconds, micros * 1000)?;
        let zone = chrono::FixedOffset::east_opt(hours * 3600)?;
        CimDateTime::try_from(utc.with_timezone(&zone)).ok().map(DateTime::from)
    });
    prop_oneof![interval, time]
}

/// A scalar of a type; no objects.
pub(super) fn scalar(of: CimType) -> BoxedStrategy<Value> {
    match of {
        CimType::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        CimType::Real32 => {
            any::<f32>().prop_filter("a number", |it| !it.is_nan()).prop_map(Value::from).boxed()
        }
        CimType::Real64 => {
            any::<f64>().prop_filter("a number", |it| !it.is_nan()).prop_map(Value::from).boxed()
        }
        CimType::Char16 => (0x20..0xD800_u16).prop_map(|it| Value::from(Char16(it))).boxed(),
        CimType::String => text().prop_map(Value::from).boxed(),
        CimType::DateTime => datetime().prop_map(Value::from).boxed(),
        CimType::Reference => super::path::path().prop_map(Value::from).boxed(),
        CimType::Object => Just(Value::from(Instance::new("Msvm_Error"))).boxed(),
        of => any::<i64>()
            .prop_filter_map("fits", move |it| {
                let narrow = it >> (it & 63);
                Value::integer(of, narrow.into())
                    .or_else(|| Value::integer(of, i128::from(narrow) & 0x7F))
            })
            .boxed(),
    }
}

proptest! {
    #[test]
    fn the_text_of_a_scalar_is_read_back(
        value in prop::sample::select(CimType::ALL).prop_flat_map(scalar)
    ) {
        if let (Some(of), Some(text)) = (value.type_of(), value.to_text()) {
            prop_assert_eq!(Value::from_text(of.of, &text), Some(value));
        }
    }

    #[test]
    fn no_cast_is_a_panic(
        value in prop::sample::select(CimType::ALL).prop_flat_map(scalar),
        of in prop::sample::select(CimType::ALL),
        is_array in any::<bool>(),
    ) {
        let wanted = Type { of, is_array };
        if let Ok(cast) = value.cast(wanted) {
            prop_assert_eq!(cast.type_of(), Some(wanted));
        }
    }
}
