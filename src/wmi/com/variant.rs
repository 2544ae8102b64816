//! Values in and out of `VARIANT`s and `SAFEARRAY`s.

use super::super::automation::{Held, hold, release, release_all, vartype_of};
use super::{Doing, object};
use crate::cim::{Error, Instance, Result, Type, TypeError, Value, WbemStatus};
use std::ffi::c_void;
use std::mem::{ManuallyDrop, size_of};
use std::ptr;
use windows::Win32::Foundation::VARIANT_BOOL;
use windows::Win32::System::Com::SAFEARRAY;
use windows::Win32::System::Ole::{
    SafeArrayAccessData, SafeArrayCreateVector, SafeArrayGetDim, SafeArrayGetElemsize,
    SafeArrayGetLBound, SafeArrayGetUBound, SafeArrayUnaccessData,
};
use windows::Win32::System::Variant::{
    VARENUM, VARIANT, VARIANT_0, VARIANT_0_0, VARIANT_0_0_0, VT_ARRAY, VT_BOOL, VT_BSTR, VT_EMPTY,
    VT_I1, VT_I2, VT_I4, VT_I8, VT_INT, VT_NULL, VT_R4, VT_R8, VT_UI1, VT_UI2, VT_UI4, VT_UI8,
    VT_UINT, VT_UNKNOWN,
};
use windows::Win32::System::Wmi::IWbemClassObject;
use windows::core::{BSTR, IUnknown, Interface};

/// Makes an object of an embedded instance: only who has a connection can.
pub(super) type Spawn<'a> = &'a dyn Fn(&Instance) -> Result<IWbemClassObject>;

/// A value as WMI takes it for a property of a type.
///
/// # Errors
/// `WBEM_E_TYPE_MISMATCH` if it cannot be one.
pub(super) fn to_variant(value: Value, of: Type, spawn: Spawn<'_>) -> Result<VARIANT> {
    let value = value.cast(of).map_err(|it| mismatch(&it))?;
    let vartype = VARENUM(vartype_of(of.of));
    match value {
        Value::Null => Ok(tagged(VT_NULL, VARIANT_0_0_0::default())),
        Value::Array(array) => {
            let held: Vec<_> = array.values().filter_map(hold).collect();
            array_of(vartype, held, spawn)
        }
        value => {
            let mut variant = tagged(vartype, VARIANT_0_0_0::default());
            if let Some(held) = hold(value) {
                // SAFETY: The union is zeroed, has room for each scalar, and is tagged as what
                // `hold` makes of a value of this type.
                unsafe { store(held, payload(&mut variant), spawn) }?;
            }
            Ok(variant)
        }
    }
}

/// What a property of a type holds.
///
/// # Errors
/// [`Error::Malformed`] if it holds something else.
pub(super) fn from_variant(variant: &VARIANT, of: Option<Type>) -> Result<Value> {
    let vartype = variant.vt();
    if vartype == VT_NULL || vartype == VT_EMPTY {
        return Ok(Value::Null);
    }
    let of = of.ok_or_else(|| Error::malformed("a value of a type that WMI does not have"))?;
    let is_array = vartype.0 & VT_ARRAY.0 != 0;
    if is_array != of.is_array {
        return Err(Error::malformed(format!("it is no {of}, but of VARTYPE {}", vartype.0)));
    }
    let released = if is_array {
        // SAFETY: A VARIANT with this tag holds a SAFEARRAY, or a null pointer.
        let array = unsafe { variant.Anonymous.Anonymous.Anonymous.parray };
        if array.is_null() {
            return Ok(Value::Null);
        }
        // SAFETY: The VARIANT, which is borrowed, keeps it alive, and its tag says of what it is.
        let held = unsafe { elements(array, VARENUM(vartype.0 & !VT_ARRAY.0)) }?;
        release_all(held, of.of)
    } else {
        // SAFETY: The union holds what its tag says.
        let held = unsafe {
            load(vartype, (&raw const variant.Anonymous.Anonymous.Anonymous).cast::<c_void>())
        }?;
        match held {
            Some(held) => release(held, of.of),
            None => Ok(Value::Null),
        }
    };
    released.map_err(Error::malformed)
}

fn mismatch(error: &TypeError) -> Error {
    Error::status(WbemStatus::TYPE_MISMATCH, error.to_string())
}

fn tagged(vartype: VARENUM, payload: VARIANT_0_0_0) -> VARIANT {
    VARIANT {
        Anonymous: VARIANT_0 {
            Anonymous: ManuallyDrop::new(VARIANT_0_0 {
                vt: vartype,
                wReserved1: 0,
                wReserved2: 0,
                wReserved3: 0,
                Anonymous: payload,
            }),
        },
    }
}

fn payload(variant: &mut VARIANT) -> *mut c_void {
    // SAFETY: Only the address is taken, of a part that every VARIANT has.
    unsafe { (&raw mut (*variant.Anonymous.Anonymous).Anonymous).cast() }
}

fn array_of(vartype: VARENUM, held: Vec<Held>, spawn: Spawn<'_>) -> Result<VARIANT> {
    let too_long = || Error::status(WbemStatus::OUT_OF_MEMORY, "an array is too long");
    let len = u32::try_from(held.len()).map_err(|_| too_long())?;
    // SAFETY: The type is one of those that arrays may have.
    let array = unsafe { SafeArrayCreateVector(vartype, 0, len) };
    if array.is_null() {
        return Err(too_long());
    }
    // From here on the VARIANT owns it, and frees it whatever happens.
    let variant = tagged(VARENUM(vartype.0 | VT_ARRAY.0), VARIANT_0_0_0 { parray: array });
    // SAFETY: It was made above, and nobody else has it.
    let access = unsafe { Access::to(array) }?;
    for (at, held) in held.into_iter().enumerate() {
        // SAFETY: There are `len` elements; this one is zeroed and of what `hold` makes of a value
        // of this type.
        unsafe { store(held, access.data.byte_add(at * access.size), spawn) }?;
    }
    drop(access);
    Ok(variant)
}

fn reading() -> String {
    "reading an array".to_owned()
}

/// The elements of an array.
///
/// # Safety
/// The array is a valid one of elements of this type.
unsafe fn elements(array: *const SAFEARRAY, vartype: VARENUM) -> Result<Vec<Held>> {
    // SAFETY: The caller vouches for the array.
    let (dimensions, size) = unsafe { (SafeArrayGetDim(array), SafeArrayGetElemsize(array)) };
    if dimensions != 1 {
        return Err(Error::malformed(format!("an array has {dimensions} dimensions")));
    }
    // SAFETY: As above; it has one dimension.
    let bounds = unsafe { (SafeArrayGetLBound(array, 1), SafeArrayGetUBound(array, 1)) };
    let (first, last) = (bounds.0.doing(reading)?, bounds.1.doing(reading)?);
    // SAFETY: As above.
    let access = unsafe { Access::to(array) }?;
    debug_assert_eq!(access.size, size as usize);
    let len = usize::try_from(i64::from(last) - i64::from(first) + 1).unwrap_or_default();
    let mut held = Vec::new();
    for at in 0..len {
        // SAFETY: The element is within the bounds that the array itself says.
        let element = unsafe { load(vartype, access.data.byte_add(at * access.size)) }?;
        held.push(element.ok_or_else(|| Error::malformed("an array has an element that is null"))?);
    }
    Ok(held)
}

/// The elements of an array of strings.
///
/// # Safety
/// The array is a valid one of `BSTR`s.
pub(super) unsafe fn strings(array: *const SAFEARRAY) -> Result<Vec<String>> {
    // SAFETY: The caller vouches for the array.
    let held = unsafe { elements(array, VT_BSTR) }?;
    let text = |it| match it {
        Held::Text(text) => Some(text),
        _ => None,
    };
    Ok(held.into_iter().filter_map(text).collect())
}

/// The data of an array, which stay where they are as long as this lives.
struct Access {
    array: *const SAFEARRAY,
    data: *mut c_void,
    size: usize,
}

impl Access {
    /// # Safety
    /// The array is valid, and outlives this.
    unsafe fn to(array: *const SAFEARRAY) -> Result<Self> {
        let mut data = ptr::null_mut();
        // SAFETY: The caller vouches for the array.
        let size = unsafe {
            SafeArrayAccessData(array, &raw mut data).doing(reading)?;
            SafeArrayGetElemsize(array) as usize
        };
        Ok(Self { array, data, size })
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        // SAFETY: It was locked once when this was made. An array that cannot be unlocked is not
        // freed either, which is all that could be done about it.
        let _ = unsafe { SafeArrayUnaccessData(self.array) };
    }
}

/// Puts a scalar in its place.
///
/// # Safety
/// The place is valid for a value of its kind, and holds nothing that would have to be freed.
unsafe fn store(held: Held, place: *mut c_void, spawn: Spawn<'_>) -> Result<()> {
    /// # Safety
    /// As of `store`.
    unsafe fn put<T>(value: T, place: *mut c_void) {
        // SAFETY: The caller vouches for the place.
        unsafe { place.cast::<T>().write(value) }
    }
    // SAFETY: Each is the layout of its VARTYPE, for which the caller vouches. A BSTR and an
    // interface are a pointer each, which whoever frees the place frees.
    unsafe {
        match held {
            Held::Boolean(it) => put(VARIANT_BOOL::from(it), place),
            Held::U8(it) => put(it, place),
            Held::I16(it) => put(it, place),
            Held::I32(it) => put(it, place),
            Held::R32(it) => put(it, place),
            Held::R64(it) => put(it, place),
            Held::Text(it) => put(BSTR::from(it), place),
            Held::Object(it) => {
                let object: IUnknown = spawn(&it)?.cast().doing(|| format!("making {it:?}"))?;
                put(object, place);
            }
        }
    }
    Ok(())
}

/// Takes a copy of a scalar from its place; `None` if it is null.
///
/// # Safety
/// The place holds a value of this type.
unsafe fn load(vartype: VARENUM, place: *const c_void) -> Result<Option<Held>> {
    /// # Safety
    /// As of `load`.
    unsafe fn take<'a, T>(place: *const c_void) -> &'a T {
        // SAFETY: The caller vouches for the place, and copies what is there at once.
        unsafe { &*place.cast::<T>() }
    }
    // SAFETY: Each is the layout of its VARTYPE, for which the caller vouches.
    let held = unsafe {
        match vartype {
            VT_BOOL => Held::Boolean(take::<VARIANT_BOOL>(place).as_bool()),
            VT_UI1 => Held::U8(*take(place)),
            VT_I2 => Held::I16(*take(place)),
            VT_I4 | VT_INT => Held::I32(*take(place)),
            // WMI itself sends none of these; what a provider makes of it is read all the same.
            VT_I1 => Held::Text(take::<i8>(place).to_string()),
            VT_UI2 => Held::Text(take::<u16>(place).to_string()),
            VT_UI4 | VT_UINT => Held::Text(take::<u32>(place).to_string()),
            VT_I8 => Held::Text(take::<i64>(place).to_string()),
            VT_UI8 => Held::Text(take::<u64>(place).to_string()),
            VT_R4 => Held::R32(*take(place)),
            VT_R8 => Held::R64(*take(place)),
            VT_BSTR => Held::Text(take::<BSTR>(place).to_string()),
            VT_UNKNOWN => match take::<Option<IUnknown>>(place) {
                None => return Ok(None),
                Some(it) => {
                    let object = it.cast().doing(|| "an embedded object".to_owned())?;
                    Held::Object(Box::new(object::read(&object)?))
                }
            },
            VARENUM(other) => {
                return Err(Error::malformed(format!("a value of VARTYPE {other}")));
            }
        }
    };
    Ok(Some(held))
}

// What `store` writes and `load` reads is what Automation has in these places.
const _: () = {
    assert!(size_of::<VARIANT_BOOL>() == 2);
    assert!(size_of::<BSTR>() == size_of::<*const u16>());
    assert!(size_of::<Option<IUnknown>>() == size_of::<*const c_void>());
};
