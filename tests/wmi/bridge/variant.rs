//! Values as WMI gives and takes them, and nothing else: a `VARTYPE` that is not the one of
//! [Microsoft's page] is refused, as `IWbemClassObject::Put` does.
//!
//! [Microsoft's page]: https://learn.microsoft.com/windows/win32/wmisdk/numbers

use super::object::Object;
use hyperv_replica::cim::{Array, Char16, CimType, Schema, Type, Value, WbemStatus};
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use windows::Win32::Foundation::VARIANT_BOOL;
use windows::Win32::System::Com::SAFEARRAY;
use windows::Win32::System::Ole::{
    SafeArrayCreateVector, SafeArrayGetElement, SafeArrayGetLBound, SafeArrayGetUBound,
    SafeArrayGetVartype, SafeArrayPutElement,
};
use windows::Win32::System::Variant::{
    VARENUM, VARIANT, VARIANT_0, VARIANT_0_0, VARIANT_0_0_0, VT_ARRAY, VT_BOOL, VT_BSTR, VT_I2,
    VT_I4, VT_NULL, VT_R4, VT_R8, VT_UI1, VT_UNKNOWN,
};
use windows::Win32::System::Wmi::IWbemClassObject;
use windows::core::{BSTR, IUnknown, Interface, Result};

fn vartype(of: CimType) -> VARENUM {
    match of.name() {
        "boolean" => VT_BOOL,
        "uint8" => VT_UI1,
        "sint8" | "sint16" | "char16" => VT_I2,
        "uint16" | "sint32" | "uint32" => VT_I4,
        "real32" => VT_R4,
        "real64" => VT_R8,
        "sint64" | "uint64" | "string" | "datetime" | "reference" => VT_BSTR,
        "object" => VT_UNKNOWN,
        other => unreachable!("{other}"),
    }
}

fn tagged(vt: VARENUM, payload: VARIANT_0_0_0) -> VARIANT {
    let inner = VARIANT_0_0 { vt, wReserved1: 0, wReserved2: 0, wReserved3: 0, Anonymous: payload };
    VARIANT { Anonymous: VARIANT_0 { Anonymous: ManuallyDrop::new(inner) } }
}

/// What `IWbemClassObject::Get` answers.
pub(super) fn give(value: &Value, schema: &'static Schema) -> VARIANT {
    match value {
        Value::Null => tagged(VT_NULL, VARIANT_0_0_0 { llVal: 0 }),
        Value::Array(array) => {
            let vt = vartype(array.of());
            let parray = give_all(array, vt, schema);
            tagged(VARENUM(vt.0 | VT_ARRAY.0), VARIANT_0_0_0 { parray })
        }
        Value::Boolean(it) => VARIANT::from(*it),
        Value::Uint8(it) => VARIANT::from(*it),
        Value::Sint8(it) => VARIANT::from(i16::from(*it)),
        Value::Sint16(it) => VARIANT::from(*it),
        Value::Char16(Char16(it)) => VARIANT::from(it.cast_signed()),
        Value::Uint16(it) => VARIANT::from(i32::from(*it)),
        Value::Sint32(it) => VARIANT::from(*it),
        Value::Uint32(it) => VARIANT::from(it.cast_signed()),
        Value::Sint64(it) => VARIANT::from(BSTR::from(it.to_string())),
        Value::Uint64(it) => VARIANT::from(BSTR::from(it.to_string())),
        Value::Real32(it) => VARIANT::from(*it),
        Value::Real64(it) => VARIANT::from(*it),
        Value::String(it) => VARIANT::from(BSTR::from(it)),
        Value::DateTime(it) => VARIANT::from(BSTR::from(it.to_string())),
        Value::Reference(it) => VARIANT::from(BSTR::from(it.to_string())),
        Value::Object(it) => VARIANT::from(
            Object::instance((**it).clone(), schema).cast::<IUnknown>().expect("it is one"),
        ),
    }
}

fn give_all(array: &Array, vt: VARENUM, schema: &'static Schema) -> *mut SAFEARRAY {
    let len = u32::try_from(array.len()).expect("a short array");
    // SAFETY: The type is one of those that arrays may have.
    let made = unsafe { SafeArrayCreateVector(vt, 0, len) };
    assert!(!made.is_null());
    for (at, value) in (0..).zip(array.values()) {
        let one = give(&value, schema);
        // SAFETY: The element is put as the array's type has it: strings and interfaces are handed
        // over as the pointer that they are, other scalars by their address; a copy is made.
        unsafe {
            let held = &one.Anonymous.Anonymous.Anonymous;
            let place: *const c_void = match vt {
                VT_BSTR | VT_UNKNOWN => *(&raw const *held).cast::<*const c_void>(),
                _ => (&raw const *held).cast(),
            };
            SafeArrayPutElement(made, &raw const at, place).expect("an element");
        }
    }
    made
}

/// What `IWbemClassObject::GetNames` answers.
pub(super) fn give_names<'a>(names: impl Iterator<Item = &'a str>) -> *mut SAFEARRAY {
    let names: Vec<_> = names.map(str::to_owned).collect();
    let Value::Array(names) = Value::from(names) else { unreachable!() };
    give_all(&names, VT_BSTR, super::no_classes())
}

/// What `IWbemClassObject::Put` takes for a property of a type.
pub(super) fn take(variant: &VARIANT, of: Type) -> Result<Value> {
    let wanted = vartype(of.of);
    let found = variant.vt();
    if found == VT_NULL {
        return Ok(Value::Null);
    }
    let flag = if of.is_array { VT_ARRAY.0 } else { 0 };
    if found.0 != wanted.0 | flag {
        return super::bare(WbemStatus::TYPE_MISMATCH);
    }
    if of.is_array {
        return take_all(variant, wanted, of.of);
    }
    // SAFETY: The union holds what its tag says.
    let value = unsafe {
        let held = &variant.Anonymous.Anonymous.Anonymous;
        match wanted {
            VT_BOOL => Some(Value::Boolean(match held.boolVal {
                VARIANT_BOOL(0) => false,
                VARIANT_BOOL(-1) => true,
                VARIANT_BOOL(_) => return super::bare(WbemStatus::TYPE_MISMATCH),
            })),
            VT_UI1 => Some(Value::Uint8(held.bVal)),
            VT_I2 if of.of == CimType::Char16 => Some(Value::Char16(Char16(held.uiVal))),
            VT_I2 => Value::integer(of.of, held.iVal.into()),
            VT_I4 if of.of == CimType::Uint32 => Some(Value::Uint32(held.ulVal)),
            VT_I4 => Value::integer(of.of, held.lVal.into()),
            VT_R4 => Some(Value::Real32(held.fltVal)),
            VT_R8 => Some(Value::Real64(held.dblVal)),
            VT_BSTR => Value::from_text(of.of, &held.bstrVal.to_string()),
            VT_UNKNOWN => {
                let object: IWbemClassObject = held.punkVal.as_ref().expect("an object").cast()?;
                Some(Value::from(super::object::copy(&object)?))
            }
            VARENUM(other) => unreachable!("{other}"),
        }
    };
    value.map_or_else(|| super::bare(WbemStatus::TYPE_MISMATCH), Ok)
}

fn take_all(variant: &VARIANT, wanted: VARENUM, of: CimType) -> Result<Value> {
    let mut values = Vec::new();
    // SAFETY: A VARIANT with this tag holds an array; each element is copied into a VARIANT of its
    // type, which frees it.
    unsafe {
        let array = variant.Anonymous.Anonymous.Anonymous.parray;
        assert_eq!(SafeArrayGetVartype(array)?, wanted, "the array itself is of another type");
        for at in SafeArrayGetLBound(array, 1)?..=SafeArrayGetUBound(array, 1)? {
            let mut one = tagged(wanted, VARIANT_0_0_0 { llVal: 0 });
            let place = (&raw mut (*one.Anonymous.Anonymous).Anonymous).cast::<c_void>();
            SafeArrayGetElement(array, &raw const at, place)?;
            values.push(take(&one, Type::scalar(of))?);
        }
    }
    Ok(Value::Array(Array::collect(of, values).expect("each is of this type")))
}
