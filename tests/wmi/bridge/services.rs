//! A namespace, what it finds, and the way in, as `IWbemServices` and its neighbours.

use super::object::{self, Object};
use super::{Heard, Host, bare, raise};
use hyperv_replica::cim::{
    CimClient, Error, Instance, Keys, ObjectPath, Reply, Result as CimResult, Value, WbemStatus,
};
use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use windows::Win32::Foundation::E_NOTIMPL;
use windows::Win32::System::Com::{
    COAUTHIDENTITY, EOLE_AUTHENTICATION_CAPABILITIES, IClientSecurity, IClientSecurity_Impl,
    RPC_C_AUTHN_LEVEL, RPC_C_IMP_LEVEL, RPC_C_IMP_LEVEL_IMPERSONATE,
};
use windows::Win32::System::Wmi::*;
use windows::core::{
    BSTR, ComObjectInterface, HRESULT, IUnknown, Interface, OutRef, PCWSTR, Ref, Result, implement,
};

#[implement(IWbemLocator)]
pub(super) struct Locator {
    pub(super) host: Host,
}

impl IWbemLocator_Impl for Locator_Impl {
    fn ConnectServer(
        &self,
        resource: &BSTR,
        user: &BSTR,
        password: &BSTR,
        _: &BSTR,
        _: i32,
        authority: &BSTR,
        _: Ref<'_, IWbemContext>,
    ) -> Result<IWbemServices> {
        assert!(authority.is_empty(), "the domain stands before the user already");
        let [resource, user, password] = [resource, user, password].map(BSTR::to_string);
        self.host.hears(Heard::Connect { resource, user, password });
        Ok(Services { host: self.host.clone() }.into())
    }
}

#[implement(IWbemServices, IClientSecurity)]
struct Services {
    host: Host,
}

impl Services_Impl {
    fn found(&self, found: CimResult<Vec<Instance>>, asked: &str) -> Result<IEnumWbemClassObject> {
        let host = self.host.clone();
        let found = match found {
            Ok(found) => Found::Instances(found.into()),
            Err(error) if host.late => Found::Refused(error),
            Err(error) => return Err(raise(&error, asked)),
        };
        Ok(Enumerator { host, found: Mutex::new(found) }.into())
    }
}

fn path(text: &BSTR) -> Result<ObjectPath> {
    text.to_string().parse().or_else(|_| bare(WbemStatus::INVALID_OBJECT_PATH))
}

impl IWbemServices_Impl for Services_Impl {
    fn GetObject(
        &self,
        text: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        object: OutRef<'_, IWbemClassObject>,
        _: OutRef<'_, IWbemCallResult>,
    ) -> Result<()> {
        self.host.hears(Heard::Object(text.to_string()));
        let path = path(text)?;
        let schema = self.host.schema;
        let found = if path.keys == Keys::Class {
            match schema.class(path.class.as_str()) {
                Some(class) => Object::class(class, schema),
                None => return bare(WbemStatus::NOT_FOUND),
            }
        } else {
            let found = self.host.client.get(&path).map_err(|it| raise(&it, "GetObject"))?;
            Object::instance(found, schema)
        };
        object.write(Some(found))
    }

    fn ExecQuery(
        &self,
        language: &BSTR,
        wql: &BSTR,
        flags: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
    ) -> Result<IEnumWbemClassObject> {
        semisynchronous(language, flags)?;
        self.found(self.host.client.query(&wql.to_string()), "ExecQuery")
    }

    fn ExecNotificationQuery(
        &self,
        language: &BSTR,
        wql: &BSTR,
        flags: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
    ) -> Result<IEnumWbemClassObject> {
        semisynchronous(language, flags)?;
        let host = self.host.clone();
        let events = subscribe(&host.client, wql.to_string())
            .map_err(|it| raise(&it, "ExecNotificationQuery"))?;
        Ok(Enumerator { host, found: Mutex::new(Found::Events(events)) }.into())
    }

    fn ExecMethod(
        &self,
        text: &BSTR,
        method: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        input: Ref<'_, IWbemClassObject>,
        output: OutRef<'_, IWbemClassObject>,
        _: OutRef<'_, IWbemCallResult>,
    ) -> Result<()> {
        let (path, schema) = (path(text)?, self.host.schema);
        let method = method.to_string();
        let declared = schema.class(path.class.as_str()).and_then(|it| it.method(&method));
        let Some(declared) = declared else { return bare(WbemStatus::INVALID_METHOD) };
        let arguments = match input.as_ref() {
            Some(input) => object::copy(input)?,
            None => Instance::parameters(),
        };
        let reply = self.host.client.invoke(&path, &method, &arguments);
        let Reply { value, out } = reply.map_err(|it| raise(&it, "ExecMethod"))?;
        let signed = || Value::integer(declared.returns, value.cast_signed().into());
        let value = Value::integer(declared.returns, value.into()).or_else(signed);
        let out = out.with("ReturnValue", value);
        output.write(Some(Object::output(declared, out, schema)))
    }

    // What the backend does not use is not there.
    fn OpenNamespace(
        &self,
        _: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        _: OutRef<'_, IWbemServices>,
        _: OutRef<'_, IWbemCallResult>,
    ) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn CancelAsyncCall(&self, _: Ref<'_, IWbemObjectSink>) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn QueryObjectSink(&self, _: WBEM_GENERIC_FLAG_TYPE) -> Result<IWbemObjectSink> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn GetObjectAsync(
        &self,
        _: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        _: Ref<'_, IWbemObjectSink>,
    ) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn PutClass(
        &self,
        _: Ref<'_, IWbemClassObject>,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        _: OutRef<'_, IWbemCallResult>,
    ) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn PutClassAsync(
        &self,
        _: Ref<'_, IWbemClassObject>,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        _: Ref<'_, IWbemObjectSink>,
    ) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn DeleteClass(
        &self,
        _: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        _: OutRef<'_, IWbemCallResult>,
    ) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn DeleteClassAsync(
        &self,
        _: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        _: Ref<'_, IWbemObjectSink>,
    ) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn CreateClassEnum(
        &self,
        _: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
    ) -> Result<IEnumWbemClassObject> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn CreateClassEnumAsync(
        &self,
        _: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        _: Ref<'_, IWbemObjectSink>,
    ) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn PutInstance(
        &self,
        _: Ref<'_, IWbemClassObject>,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        _: OutRef<'_, IWbemCallResult>,
    ) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn PutInstanceAsync(
        &self,
        _: Ref<'_, IWbemClassObject>,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        _: Ref<'_, IWbemObjectSink>,
    ) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn DeleteInstance(
        &self,
        _: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        _: OutRef<'_, IWbemCallResult>,
    ) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn DeleteInstanceAsync(
        &self,
        _: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        _: Ref<'_, IWbemObjectSink>,
    ) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn CreateInstanceEnum(
        &self,
        _: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
    ) -> Result<IEnumWbemClassObject> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn CreateInstanceEnumAsync(
        &self,
        _: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        _: Ref<'_, IWbemObjectSink>,
    ) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn ExecQueryAsync(
        &self,
        _: &BSTR,
        _: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        _: Ref<'_, IWbemObjectSink>,
    ) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn ExecNotificationQueryAsync(
        &self,
        _: &BSTR,
        _: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        _: Ref<'_, IWbemObjectSink>,
    ) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
    fn ExecMethodAsync(
        &self,
        _: &BSTR,
        _: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        _: Ref<'_, IWbemClassObject>,
        _: Ref<'_, IWbemObjectSink>,
    ) -> Result<()> {
        bare(WbemStatus::NOT_SUPPORTED)
    }
}

/// A query is to be one of WQL that returns at once; nothing else bounds what it waits for, or what
/// it keeps.
fn semisynchronous(language: &BSTR, flags: WBEM_GENERIC_FLAG_TYPE) -> Result<()> {
    if *language != "WQL" {
        return bare(WbemStatus::INVALID_QUERY_TYPE);
    }
    if flags != WBEM_FLAG_RETURN_IMMEDIATELY | WBEM_FLAG_FORWARD_ONLY {
        return bare(WbemStatus::INVALID_PARAMETER);
    }
    Ok(())
}

/// What an enumeration goes through.
enum Found {
    Instances(VecDeque<Instance>),
    Refused(Error),
    Events(Events),
}

#[implement(IEnumWbemClassObject, IClientSecurity)]
struct Enumerator {
    host: Host,
    found: Mutex<Found>,
}

const S_FALSE: HRESULT = HRESULT(1);

impl IEnumWbemClassObject_Impl for Enumerator_Impl {
    fn Next(
        &self,
        timeout: i32,
        most: u32,
        objects: *mut Option<IWbemClassObject>,
        returned: *mut u32,
    ) -> HRESULT {
        assert!(timeout >= 0, "nobody waits for ever");
        let timeout = Duration::from_millis(u64::from(timeout.unsigned_abs()));
        let mut found = self.found.lock().unwrap();
        for at in 0..most {
            // SAFETY: The caller has room for this number.
            unsafe { returned.write(at) };
            let (next, otherwise) = match &mut *found {
                Found::Instances(left) => (left.pop_front(), S_FALSE),
                Found::Refused(error) => return raise(error, "ExecQuery").into(),
                Found::Events(events) => match events.next(timeout) {
                    Ok(event) => (event, HRESULT(WBEM_S_TIMEDOUT.0)),
                    Err(error) => return raise(&error, "ExecNotificationQuery").into(),
                },
            };
            let Some(next) = next else { return otherwise };
            let object = Object::instance(next, self.host.schema);
            // SAFETY: The caller has room for as many as it asks for.
            unsafe {
                objects.add(at as usize).write(Some(object));
                returned.write(at + 1);
            }
        }
        HRESULT(0)
    }

    fn Reset(&self) -> Result<()> {
        Err(E_NOTIMPL.into())
    }
    fn NextAsync(&self, _: u32, _: Ref<'_, IWbemObjectSink>) -> HRESULT {
        E_NOTIMPL
    }
    fn Clone(&self) -> Result<IEnumWbemClassObject> {
        Err(E_NOTIMPL.into())
    }
    fn Skip(&self, _: i32, _: u32) -> HRESULT {
        E_NOTIMPL
    }
}

/// A subscription in a thread of its own, because it cannot leave the one it began in.
type Asked = (Duration, Sender<CimResult<Option<Instance>>>);

struct Events(Sender<Asked>);

impl Events {
    fn next(&self, timeout: Duration) -> CimResult<Option<Instance>> {
        let over = || Error::Transport("the subscription is over".into());
        let (answer, answers) = mpsc::channel();
        self.0.send((timeout, answer)).map_err(|_| over())?;
        answers.recv().unwrap_or_else(|_| Err(over()))
    }
}

fn subscribe(client: &Arc<dyn CimClient + Send + Sync>, wql: String) -> CimResult<Events> {
    let client = Arc::clone(client);
    let (questions, asked) = mpsc::channel::<Asked>();
    let (begun, begins) = mpsc::channel();
    thread::spawn(move || {
        let mut events = match client.subscribe(&wql) {
            Ok(events) => {
                begun.send(Ok(())).expect("somebody waits");
                events
            }
            Err(error) => return begun.send(Err(error)).expect("somebody waits"),
        };
        for (timeout, answer) in asked {
            answer.send(events.next(timeout)).expect("somebody waits");
        }
    });
    begins.recv().expect("it says how it began")?;
    Ok(Events(questions))
}

/// Notes with what a proxy was secured. `itself` is the interface that is called.
fn secured(
    host: &Host,
    of: &'static str,
    itself: *mut c_void,
    proxy: Option<&IUnknown>,
    level: RPC_C_AUTHN_LEVEL,
    impersonation: RPC_C_IMP_LEVEL,
    account: *const c_void,
) {
    assert_eq!(impersonation, RPC_C_IMP_LEVEL_IMPERSONATE, "Hyper-V acts for the caller");
    // SAFETY: It is null or what CoSetProxyBlanket documents, whose texts have these lengths.
    let account = unsafe { account.cast::<COAUTHIDENTITY>().as_ref() }.map(|it| {
        assert_eq!(it.Flags, 2, "the texts are of UTF-16");
        let texts = [
            (it.Domain, it.DomainLength),
            (it.User, it.UserLength),
            (it.Password, it.PasswordLength),
        ];
        texts.map(|(text, len)| {
            // SAFETY: As above.
            let units = unsafe { std::slice::from_raw_parts(text, len as usize) };
            String::from_utf16(units).expect("text")
        })
    });
    let proxy = proxy.map_or(std::ptr::null_mut(), Interface::as_raw);
    host.hears(Heard::Blanket { of, level: level.0, account, itself: proxy == itself });
}

macro_rules! secured {
    ($($object:ident: $interface:ident),+) => {$(
        impl IClientSecurity_Impl for $object {
            fn SetBlanket(
                &self,
                proxy: Ref<'_, IUnknown>,
                _: u32,
                _: u32,
                _: &PCWSTR,
                level: RPC_C_AUTHN_LEVEL,
                impersonation: RPC_C_IMP_LEVEL,
                account: *const c_void,
                _: &EOLE_AUTHENTICATION_CAPABILITIES,
            ) -> Result<()> {
                let itself = ComObjectInterface::<$interface>::as_interface_ref(self).as_raw();
                let of = stringify!($interface);
                secured(&self.host, of, itself, proxy.as_ref(), level, impersonation, account);
                Ok(())
            }
            fn QueryBlanket(
                &self,
                _: Ref<'_, IUnknown>,
                _: *mut u32,
                _: *mut u32,
                _: *mut *mut u16,
                _: *mut RPC_C_AUTHN_LEVEL,
                _: *mut RPC_C_IMP_LEVEL,
                _: *mut *mut c_void,
                _: *mut u32,
            ) -> Result<()> {
                Err(E_NOTIMPL.into())
            }
            fn CopyProxy(&self, _: Ref<'_, IUnknown>) -> Result<IUnknown> {
                Err(E_NOTIMPL.into())
            }
        }
    )+};
}
secured!(Services_Impl: IWbemServices, Enumerator_Impl: IEnumWbemClassObject);
