//! Objects: what their properties hold, of which types they are, and how to fill them.

use super::super::hresult::Extended;
use super::variant::{Spawn, from_variant, to_variant};
use super::{Doing, senseless};
use crate::cim::{Instance, Name, ObjectPath, Result, Type, Value};
use std::ptr;
use windows::Win32::System::Com::SAFEARRAY;
use windows::Win32::System::Ole::SafeArrayDestroy;
use windows::Win32::System::Variant::VARIANT;
use windows::Win32::System::Wmi::{
    IWbemClassObject, WBEM_CONDITION_FLAG_TYPE, WBEM_FLAG_ALWAYS, WBEM_FLAG_NONSYSTEM_ONLY,
};
use windows::core::HSTRING;

/// All that an object says: its class, its path if it has one, its properties in their order.
pub(super) fn read(object: &IWbemClassObject) -> Result<Instance> {
    let class: String = text(object, "__CLASS")?.unwrap_or_default();
    let mut instance = Instance::new(class);
    if let Some(path) = text(object, "__PATH")? {
        // A path is a string of C, whatever stands behind its end.
        let path = path.split('\0').next().unwrap_or_default();
        let read = path.parse::<ObjectPath>();
        instance.path = Some(read.map_err(|error| senseless(format!("__PATH `{path}`"), error))?);
    }
    read_properties(object, instance)
}

/// The same with the properties of an object, whatever class and path it has.
pub(super) fn read_properties(
    object: &IWbemClassObject,
    mut instance: Instance,
) -> Result<Instance> {
    for name in names(object)? {
        let (value, of) = property(object, &name)?;
        let value = from_variant(&value, of)
            .map_err(|error| senseless(format!("{}.{name}", instance.class), error))?;
        instance.set(name, value);
    }
    Ok(instance)
}

/// The properties of an object and their types, in their order.
pub(super) fn types(object: &IWbemClassObject) -> Result<Vec<(Name, Type)>> {
    let typed = |name: String| {
        let (_, of) = property(object, &name)?;
        let of = of.ok_or_else(|| senseless(&name, "it is of a type that WMI does not have"))?;
        Ok((Name::from(name), of))
    };
    names(object)?.into_iter().map(typed).collect()
}

/// Gives a property of a type a value.
///
/// # Errors
/// `WBEM_E_TYPE_MISMATCH`, and what making an object of an embedded instance fails with.
pub(super) fn put(
    object: &IWbemClassObject,
    name: &Name,
    of: Type,
    value: Value,
    spawn: Spawn<'_>,
) -> Result<()> {
    let value = to_variant(value, of, spawn)?;
    let wide = HSTRING::from(name.as_str());
    // SAFETY: The name and the value live through the call, which copies both.
    unsafe { object.Put(&wide, 0, &raw const value, 0) }.doing(|| format!("setting `{name}`"))
}

/// What an object that came with an error says. What it does not say is left out.
pub(super) fn extended_status(object: &IWbemClassObject) -> Extended {
    let text = |name| text(object, name).ok().flatten();
    Extended {
        provider: text("ProviderName"),
        operation: text("Operation"),
        parameter: text("ParameterInfo"),
        description: text("Description"),
    }
}

/// A property that is text or null.
fn text(object: &IWbemClassObject, name: &str) -> Result<Option<String>> {
    let (value, of) = property(object, name)?;
    match from_variant(&value, of)? {
        Value::String(text) => Ok(Some(text)),
        _ => Ok(None),
    }
}

/// What a property holds, and its type; no type if it has one that WMI does not have.
fn property(object: &IWbemClassObject, name: &str) -> Result<(VARIANT, Option<Type>)> {
    let (mut value, mut of) = (VARIANT::default(), 0);
    let wide = HSTRING::from(name);
    // SAFETY: The name lives through the call; the value, which is empty, and the type are filled.
    unsafe { object.Get(&wide, 0, &raw mut value, Some(&raw mut of), None) }
        .doing(|| format!("reading `{name}`"))?;
    Ok((value, Type::from_number(of.cast_unsigned())))
}

fn names(object: &IWbemClassObject) -> Result<Vec<String>> {
    struct Names(*mut SAFEARRAY);
    impl Drop for Names {
        fn drop(&mut self) {
            // SAFETY: The array was handed over to be freed, and is read no more.
            let _ = unsafe { SafeArrayDestroy(self.0) };
        }
    }
    let which = WBEM_CONDITION_FLAG_TYPE(WBEM_FLAG_ALWAYS.0 | WBEM_FLAG_NONSYSTEM_ONLY.0);
    // SAFETY: No qualifier is asked for, so that none has to be given.
    let array = unsafe { object.GetNames(None, which, ptr::null()) }
        .doing(|| "reading the names of properties".to_owned())?;
    let array = Names(array);
    if array.0.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: GetNames answers with an array of strings, which lives until the end of this.
    unsafe { super::variant::strings(array.0) }
}
