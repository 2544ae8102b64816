//! Classes, instances and parameters as `IWbemClassObject`.

use super::{bare, variant};
use hyperv_replica::cim::{
    CimType, Class, Instance, Method, Name, Schema, Type, Value, WbemStatus,
};
use std::sync::Mutex;
use windows::Win32::Foundation::E_NOTIMPL;
use windows::Win32::System::Com::{IErrorInfo, IErrorInfo_Impl, SAFEARRAY};
use windows::Win32::System::Variant::VARIANT;
use windows::Win32::System::Wmi::{
    IWbemClassObject, IWbemClassObject_Impl, IWbemQualifierSet, WBEM_COMPARISON_FLAG,
    WBEM_CONDITION_FLAG_TYPE, WBEM_FLAG_NONSYSTEM_ONLY,
};
use windows::core::{BSTR, GUID, OutRef, PCWSTR, Ref, Result, implement};

/// An object, with the properties it has and their types.
#[implement(IWbemClassObject, IErrorInfo)]
pub(super) struct Object {
    types: Vec<(Name, Type)>,
    values: Mutex<Instance>,
    schema: &'static Schema,
    /// Whether it is a class, and so has methods.
    is_class: bool,
}

impl Object {
    fn made(
        types: Vec<(Name, Type)>,
        values: Instance,
        schema: &'static Schema,
        is_class: bool,
    ) -> IWbemClassObject {
        Self { types, values: Mutex::new(values), schema, is_class }.into()
    }

    /// A class: its properties are null.
    pub(super) fn class(class: &Class, schema: &'static Schema) -> IWbemClassObject {
        let types = class.properties.iter().map(|it| (it.name.clone(), it.of)).collect();
        Self::made(types, Instance::new(&class.name), schema, true)
    }

    /// An instance, with those properties that it supplies.
    pub(super) fn instance(instance: Instance, schema: &'static Schema) -> IWbemClassObject {
        let class = schema.class(instance.class.as_str());
        let declare = |(name, value): (&Name, &Value)| {
            let declared = class.and_then(|it| it.property(name.as_str())).map(|it| it.of);
            let of = declared.or(value.type_of()).unwrap_or(Type::scalar(CimType::String));
            (name.clone(), of)
        };
        let types = instance.properties().map(declare).collect();
        Self::made(types, instance, schema, false)
    }

    /// What a method takes; `None` if it takes nothing.
    pub(super) fn input(method: &Method, schema: &'static Schema) -> Option<IWbemClassObject> {
        let given = method.parameters.iter().filter(|it| it.is_in);
        let types: Vec<_> = given.map(|it| (it.name.clone(), it.of)).collect();
        (!types.is_empty()).then(|| Self::made(types, Instance::parameters(), schema, false))
    }

    /// What a method gives: its out parameters and its return value.
    pub(super) fn output(
        method: &Method,
        values: Instance,
        schema: &'static Schema,
    ) -> IWbemClassObject {
        let given = method.parameters.iter().filter(|it| it.is_out);
        let mut types: Vec<_> = given.map(|it| (it.name.clone(), it.of)).collect();
        types.push(("ReturnValue".into(), Type::scalar(method.returns)));
        Self::made(types, values, schema, false)
    }

    pub(super) fn extended_status(
        status: WbemStatus,
        operation: &str,
        why: &str,
    ) -> IWbemClassObject {
        let text = |name: &str| (Name::from(name), Type::scalar(CimType::String));
        let types = vec![
            text("Description"),
            text("Operation"),
            text("ParameterInfo"),
            text("ProviderName"),
            ("StatusCode".into(), Type::scalar(CimType::Uint32)),
        ];
        let values = Instance::new("__ExtendedStatus")
            .with("Operation", operation)
            .with("ParameterInfo", why)
            .with("ProviderName", "WinMgmt")
            .with("StatusCode", status.0);
        Self::made(types, values, super::no_classes(), false)
    }

    fn of(&self, name: &str) -> Option<Type> {
        self.types.iter().find(|(it, _)| *it == *name).map(|(_, of)| *of)
    }
}

/// Everything that an object of either side says, by its interface.
pub(super) fn copy(object: &IWbemClassObject) -> Result<Instance> {
    let class = get(object, "__CLASS", Type::scalar(CimType::String))?;
    let class = <&str>::try_from(&class).expect("a class has a name").to_owned();
    let mut instance = Instance::new(class);
    // SAFETY: No qualifier is asked for; the array is this caller's to free, which the VARIANT does.
    let names = unsafe {
        let which = WBEM_CONDITION_FLAG_TYPE(WBEM_FLAG_NONSYSTEM_ONLY.0);
        let mut all = VARIANT::default();
        let parray = object.GetNames(None, which, std::ptr::null())?;
        (*all.Anonymous.Anonymous).vt = windows::Win32::System::Variant::VARENUM(0x2008);
        (*all.Anonymous.Anonymous).Anonymous.parray = parray;
        variant::take(&all, Type::array(CimType::String))?
    };
    for name in <&[String]>::try_from(&names).expect("names are strings") {
        let mut of = 0;
        let wide = windows::core::HSTRING::from(name.as_str());
        // SAFETY: The name lives through the call, which fills the type.
        unsafe { object.Get(&wide, 0, &mut VARIANT::default(), Some(&raw mut of), None)? };
        let of = Type::from_number(of.cast_unsigned()).expect("a type");
        instance.set(name.as_str(), get(object, name, of)?);
    }
    Ok(instance)
}

/// A property of an object, by its interface.
pub(super) fn get(object: &IWbemClassObject, name: &str, of: Type) -> Result<Value> {
    let wide = windows::core::HSTRING::from(name);
    let mut value = VARIANT::default();
    // SAFETY: The name lives through the call, which fills the value.
    unsafe { object.Get(&wide, 0, &raw mut value, None, None)? };
    variant::take(&value, of)
}

fn text(name: PCWSTR) -> String {
    // SAFETY: A caller of COM hands over a string with an end.
    unsafe { name.to_string() }.expect("a name is text")
}

impl IWbemClassObject_Impl for Object_Impl {
    fn Get(
        &self,
        name: &PCWSTR,
        _: i32,
        value: *mut VARIANT,
        of: *mut i32,
        flavor: *mut i32,
    ) -> Result<()> {
        let name = text(*name);
        let values = self.values.lock().unwrap();
        let (found, found_of) = match self.schema.system_property(&values, &name) {
            Some(it) => {
                let of = it.type_of().unwrap_or(Type::scalar(CimType::String));
                (it, of)
            }
            None => match self.of(&name) {
                Some(of) => (values.get(&name).cloned().unwrap_or(Value::Null), of),
                None => return bare(WbemStatus::NOT_FOUND),
            },
        };
        // SAFETY: Each is null or room for the answer; a VARIANT is initialised by the caller.
        unsafe {
            if !value.is_null() {
                *value = variant::give(&found, self.schema);
            }
            if !of.is_null() {
                of.write(found_of.number().cast_signed());
            }
            if !flavor.is_null() {
                flavor.write(0);
            }
        }
        Ok(())
    }

    fn Put(&self, name: &PCWSTR, _: i32, value: *const VARIANT, _: i32) -> Result<()> {
        let name = text(*name);
        let Some(of) = self.of(&name) else { return bare(WbemStatus::NOT_FOUND) };
        // SAFETY: The caller hands over a VARIANT.
        let value = variant::take(unsafe { &*value }, of)?;
        self.values.lock().unwrap().set(name, value);
        Ok(())
    }

    fn GetNames(
        &self,
        _: &PCWSTR,
        which: WBEM_CONDITION_FLAG_TYPE,
        _: *const VARIANT,
    ) -> Result<*mut SAFEARRAY> {
        assert_ne!(which.0 & WBEM_FLAG_NONSYSTEM_ONLY.0, 0, "system properties are not asked for");
        Ok(variant::give_names(self.types.iter().map(|(name, _)| name.as_str())))
    }

    fn SpawnInstance(&self, _: i32) -> Result<IWbemClassObject> {
        let class = self.values.lock().unwrap().class.clone();
        Ok(Object::made(self.types.clone(), Instance::new(class), self.schema, false))
    }

    fn GetMethod(
        &self,
        name: &PCWSTR,
        _: i32,
        input: OutRef<'_, IWbemClassObject>,
        output: OutRef<'_, IWbemClassObject>,
    ) -> Result<()> {
        if !self.is_class {
            return bare(WbemStatus(0x8004_1038)); // WBEM_E_ILLEGAL_OPERATION
        }
        let class = self.values.lock().unwrap().class.clone();
        let method = self.schema.class(class.as_str()).and_then(|it| it.method(&text(*name)));
        let Some(method) = method else { return bare(WbemStatus::NOT_FOUND) };
        input.write(Object::input(method, self.schema))?;
        output.write(Some(Object::output(method, Instance::parameters(), self.schema)))
    }

    // What the backend does not use is not there.
    fn GetQualifierSet(&self) -> Result<IWbemQualifierSet> {
        Err(E_NOTIMPL.into())
    }
    fn Delete(&self, _: &PCWSTR) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn BeginEnumeration(&self, _: i32) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn Next(&self, _: i32, _: *mut BSTR, _: *mut VARIANT, _: *mut i32, _: *mut i32) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn EndEnumeration(&self) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn GetPropertyQualifierSet(&self, _: &PCWSTR) -> Result<IWbemQualifierSet> {
        Err(E_NOTIMPL.into())
    }
    fn Clone(&self) -> Result<IWbemClassObject> {
        Err(E_NOTIMPL.into())
    }
    fn GetObjectText(&self, _: i32) -> Result<BSTR> {
        Err(E_NOTIMPL.into())
    }
    fn SpawnDerivedClass(&self, _: i32) -> Result<IWbemClassObject> {
        Err(E_NOTIMPL.into())
    }
    fn CompareTo(&self, _: WBEM_COMPARISON_FLAG, _: Ref<'_, IWbemClassObject>) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn GetPropertyOrigin(&self, _: &PCWSTR) -> Result<BSTR> {
        Err(E_NOTIMPL.into())
    }
    fn InheritsFrom(&self, _: &PCWSTR) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn PutMethod(
        &self,
        _: &PCWSTR,
        _: i32,
        _: Ref<'_, IWbemClassObject>,
        _: Ref<'_, IWbemClassObject>,
    ) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn DeleteMethod(&self, _: &PCWSTR) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn BeginMethodEnumeration(&self, _: i32) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn NextMethod(
        &self,
        _: i32,
        _: *mut BSTR,
        _: OutRef<'_, IWbemClassObject>,
        _: OutRef<'_, IWbemClassObject>,
    ) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn EndMethodEnumeration(&self) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn GetMethodQualifierSet(&self, _: &PCWSTR) -> Result<IWbemQualifierSet> {
        Err(E_NOTIMPL.into())
    }
    fn GetMethodOrigin(&self, _: &PCWSTR) -> Result<BSTR> {
        Err(E_NOTIMPL.into())
    }
}

/// WMI's error object is an object of WMI, and an error object of Automation that says little.
impl IErrorInfo_Impl for Object_Impl {
    fn GetGUID(&self) -> Result<GUID> {
        Ok(GUID::zeroed())
    }
    fn GetSource(&self) -> Result<BSTR> {
        Ok(BSTR::new())
    }
    fn GetDescription(&self) -> Result<BSTR> {
        Ok(BSTR::new())
    }
    fn GetHelpFile(&self) -> Result<BSTR> {
        Ok(BSTR::new())
    }
    fn GetHelpContext(&self) -> Result<u32> {
        Ok(0)
    }
}
