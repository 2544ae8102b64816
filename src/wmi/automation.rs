//! How WMI carries each CIM type in the types of Automation: which `VARTYPE`, of which width.
//!
//! | CIM | Automation | |
//! |---|---|---|
//! | boolean | `VT_BOOL` | |
//! | uint8 | `VT_UI1` | |
//! | sint8, sint16, char16 | `VT_I2` | a character as the same 16 bits |
//! | uint16, sint32, uint32 | `VT_I4` | a uint32 as the same 32 bits |
//! | sint64, uint64 | `VT_BSTR` | in decimal |
//! | real32, real64 | `VT_R4`, `VT_R8` | |
//! | string, datetime, reference | `VT_BSTR` | |
//! | object | `VT_UNKNOWN` | an `IWbemClassObject` |
//!
//! Arrays are a `SAFEARRAY` of the same; null is `VT_NULL`. So on Microsoft's pages of [numbers] and
//! [others].
//!
//! [numbers]: https://learn.microsoft.com/windows/win32/wmisdk/numbers
//! [others]: https://learn.microsoft.com/windows/win32/wmisdk/mof-data-types

use crate::cim::{Array, Char16, CimType, Instance, Type, Value};

/// What a `VARIANT`, or an element of a `SAFEARRAY`, holds. An integer of a width that is not here
/// comes as text, as those of 64 bits do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Held {
    Boolean(bool),
    U8(u8),
    I16(i16),
    I32(i32),
    R32(f32),
    R64(f64),
    Text(String),
    Object(Box<Instance>),
}

/// The `VARTYPE`s of this module, by their [numbers].
///
/// [numbers]: https://learn.microsoft.com/windows/win32/api/wtypes/ne-wtypes-varenum
pub(super) mod vartype {
    pub(in crate::wmi) const I2: u16 = 2;
    pub(in crate::wmi) const I4: u16 = 3;
    pub(in crate::wmi) const R4: u16 = 4;
    pub(in crate::wmi) const R8: u16 = 5;
    pub(in crate::wmi) const BSTR: u16 = 8;
    pub(in crate::wmi) const BOOL: u16 = 11;
    pub(in crate::wmi) const UNKNOWN: u16 = 13;
    pub(in crate::wmi) const UI1: u16 = 17;
}

/// The `VARTYPE` that carries a scalar of a type.
pub(super) const fn vartype_of(of: CimType) -> u16 {
    match of {
        CimType::Boolean => vartype::BOOL,
        CimType::Uint8 => vartype::UI1,
        CimType::Sint8 | CimType::Sint16 | CimType::Char16 => vartype::I2,
        CimType::Uint16 | CimType::Sint32 | CimType::Uint32 => vartype::I4,
        CimType::Real32 => vartype::R4,
        CimType::Real64 => vartype::R8,
        CimType::Sint64
        | CimType::Uint64
        | CimType::String
        | CimType::DateTime
        | CimType::Reference => vartype::BSTR,
        CimType::Object => vartype::UNKNOWN,
    }
}

/// A scalar as it is carried; `None` of null and of arrays, which are no scalars.
pub(super) fn hold(value: Value) -> Option<Held> {
    Some(match value {
        Value::Null | Value::Array(_) => return None,
        Value::Boolean(it) => Held::Boolean(it),
        Value::Uint8(it) => Held::U8(it),
        Value::Sint8(it) => Held::I16(it.into()),
        Value::Sint16(it) => Held::I16(it),
        Value::Char16(it) => Held::I16(it.0.cast_signed()),
        Value::Uint16(it) => Held::I32(it.into()),
        Value::Sint32(it) => Held::I32(it),
        Value::Uint32(it) => Held::I32(it.cast_signed()),
        Value::Real32(it) => Held::R32(it),
        Value::Real64(it) => Held::R64(it),
        Value::Object(it) => Held::Object(it),
        Value::String(it) => Held::Text(it),
        Value::Sint64(_) | Value::Uint64(_) | Value::DateTime(_) | Value::Reference(_) => {
            Held::Text(value.to_text()?)
        }
    })
}

/// What was carried, as a scalar of the type that its class declares.
///
/// # Errors
/// A sentence, if it is none of that type.
pub(super) fn release(held: Held, of: CimType) -> Result<Value, String> {
    let found = match (held, of) {
        (Held::Boolean(it), CimType::Boolean) => Some(Value::Boolean(it)),
        (Held::I16(it), CimType::Char16) => Some(Value::Char16(Char16(it.cast_unsigned()))),
        (Held::I32(it), CimType::Uint32) => Some(Value::Uint32(it.cast_unsigned())),
        (Held::U8(it), _) => Value::integer(of, it.into()),
        (Held::I16(it), _) => Value::integer(of, it.into()),
        (Held::I32(it), _) => Value::integer(of, it.into()),
        (Held::R32(it), CimType::Real32) => Some(Value::Real32(it)),
        (Held::R64(it), CimType::Real64) => Some(Value::Real64(it)),
        (Held::Object(it), CimType::Object) => Some(Value::Object(it)),
        (Held::Text(it), _) if of.is_integer() || vartype_of(of) == vartype::BSTR => {
            let read = Value::from_text(of, &it);
            return read.ok_or_else(|| format!("`{it}` is no {}", of.name()));
        }
        _ => None,
    };
    found.ok_or_else(|| format!("it is no {}", of.name()))
}

/// What was carried in an array.
///
/// # Errors
/// A sentence, if one of it is not of that type.
pub(super) fn release_all(held: Vec<Held>, of: CimType) -> Result<Value, String> {
    let values: Result<Vec<_>, _> = held.into_iter().map(|it| release(it, of)).collect();
    let array = Array::collect(of, values?).map_err(|error| error.to_string())?;
    Ok(Value::Array(array))
}

/// The return value of a method; zero of one that returns nothing.
///
/// # Errors
/// A sentence, if it is no number of 32 bits.
pub(super) fn return_value(value: Option<Value>) -> Result<u32, String> {
    match value {
        None | Some(Value::Null) => Ok(0),
        // Some methods return an HRESULT, which their class declares to be signed.
        Some(Value::Sint32(it)) => Ok(it.cast_unsigned()),
        Some(value) => value.as_integer().and_then(|it| it.try_into().ok()).ok_or_else(|| {
            let of = value.type_of().unwrap_or(Type::scalar(CimType::Uint32));
            format!("a method returned a {of} that is no number of 32 bits")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::ObjectPath;

    fn datetime(text: &str) -> Value {
        Value::from_text(CimType::DateTime, text).unwrap()
    }

    /// <https://learn.microsoft.com/windows/win32/wmisdk/numbers>
    #[test]
    fn scalars_are_carried_as_documented() {
        let text = |it: &str| Held::Text(it.to_owned());
        let path = ObjectPath::class("Msvm_X").with("K", "a");
        for (value, held) in [
            (Value::Boolean(true), Held::Boolean(true)),
            (Value::Uint8(255), Held::U8(255)),
            (Value::Sint8(-128), Held::I16(-128)),
            (Value::Sint16(-32768), Held::I16(-32768)),
            (Value::Char16(Char16(0xFFFE)), Held::I16(-2)),
            (Value::Uint16(65535), Held::I32(65535)),
            (Value::Sint32(i32::MIN), Held::I32(i32::MIN)),
            (Value::Uint32(0xFFFF_FFF0), Held::I32(-16)),
            (Value::Sint64(i64::MIN), text("-9223372036854775808")),
            (Value::Uint64(u64::MAX), text("18446744073709551615")),
            (Value::Real32(0.5), Held::R32(0.5)),
            (Value::Real64(-1.25e300), Held::R64(-1.25e300)),
            (Value::from("a\0b"), text("a\0b")),
            (datetime("00000000000130.000000:000"), text("00000000000130.000000:000")),
            (Value::from(path), text(r#"Msvm_X.K="a""#)),
            (Value::from(Instance::new("Msvm_X")), Held::Object(Box::new(Instance::new("Msvm_X")))),
        ] {
            let of = value.type_of().unwrap().of;
            assert_eq!(hold(value.clone()), Some(held.clone()), "{value:?}");
            assert_eq!(release(held, of), Ok(value));
        }
        assert_eq!(hold(Value::Null), None);
        assert_eq!(hold(Value::from(vec![1_u8])), None);
    }

    /// Each value is carried in the VARTYPE of its type, or a SAFEARRAY would be read as another.
    #[test]
    fn every_type_has_its_vartype() {
        let held = |of: CimType| match of {
            CimType::Object => hold(Value::from(Instance::new("Msvm_X"))),
            CimType::Reference => hold(Value::from(ObjectPath::class("Msvm_X"))),
            CimType::DateTime => hold(datetime("00000000000130.000000:000")),
            _ => hold(Value::from_text(of, "1").unwrap()),
        };
        for of in CimType::ALL {
            let expected = match held(*of).unwrap() {
                Held::Boolean(_) => 11,
                Held::U8(_) => 17,
                Held::I16(_) => 2,
                Held::I32(_) => 3,
                Held::R32(_) => 4,
                Held::R64(_) => 5,
                Held::Text(_) => 8,
                Held::Object(_) => 13,
            };
            assert_eq!(vartype_of(*of), expected, "{of:?}");
        }
    }

    /// A number that does not fit is no other number, and a text that is none no number.
    #[test]
    fn answers_that_make_no_sense_are_refused() {
        for (held, of) in [
            (Held::I32(65536), CimType::Uint16),
            (Held::I32(-1), CimType::Uint16),
            (Held::I16(-1), CimType::Uint8),
            (Held::I16(128), CimType::Sint8),
            (Held::Text("4294967296".into()), CimType::Uint32),
            (Held::Text("18446744073709551616".into()), CimType::Uint64),
            (Held::Text("-1".into()), CimType::Uint64),
            (Held::Text("1".into()), CimType::Boolean),
            (Held::Text("1".into()), CimType::Real64),
            (Held::Text("20240101".into()), CimType::DateTime),
            (Held::Text("no path".into()), CimType::Reference),
            (Held::I32(1), CimType::Boolean),
            (Held::I32(1), CimType::String),
            (Held::R64(1.0), CimType::Real32),
            (Held::Boolean(true), CimType::Uint8),
        ] {
            assert!(release(held.clone(), of).is_err(), "{held:?} as {of:?}");
        }
        // An integer of a width that WMI does not send comes as text.
        assert_eq!(release(Held::Text("7".into()), CimType::Uint32), Ok(Value::Uint32(7)));
    }

    #[test]
    fn arrays_are_of_one_type() {
        let held = vec![Held::I32(-1), Held::I32(2)];
        let numbers = Value::from(vec![u32::MAX, 2]);
        assert_eq!(release_all(held.clone(), CimType::Uint32), Ok(numbers));
        assert!(release_all(held, CimType::Uint16).is_err());
        let none = Value::from(Vec::<String>::new());
        assert_eq!(release_all(Vec::new(), CimType::String), Ok(none));
    }

    #[test]
    fn return_values() {
        assert_eq!(return_value(Some(Value::Uint32(32775))), Ok(32775));
        assert_eq!(return_value(Some(Value::Uint16(4096))), Ok(4096));
        assert_eq!(return_value(Some(Value::Sint32(-2_147_024_891))), Ok(0x8007_0005));
        assert_eq!(return_value(None), Ok(0));
        assert!(return_value(Some(Value::from("0"))).is_err());
        assert!(return_value(Some(Value::Sint8(-1))).is_err());
    }
}
