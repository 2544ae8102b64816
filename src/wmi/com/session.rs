//! A connection to a host, in the thread that made it.

use super::super::options::Options;
use super::Doing;
use super::namespace::{Events, Namespace};
use super::security::Security;
use crate::cim::{Instance, Name, ObjectPath, Reply, Result};
use crate::model::SimTime;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;
use std::sync::Arc;
use windows::Win32::System::Com::{
    CLSCTX_INPROC_SERVER, COINIT_MULTITHREADED, CoCreateInstance, CoInitializeEx, CoUninitialize,
};
use windows::Win32::System::Wmi::{IWbemLocator, WBEM_FLAG_CONNECT_USE_MAX_WAIT, WbemLocator};
use windows::core::BSTR;

/// Where connections come from: WMI's own locator, or another.
pub(in crate::wmi) type Locate = dyn Fn() -> windows::core::Result<IWbemLocator> + Send + Sync;

/// WMI's own.
pub(in crate::wmi) fn own() -> windows::core::Result<IWbemLocator> {
    // SAFETY: The class is that of the interface, and COM is initialised: `Session::open` did it.
    unsafe { CoCreateInstance(&WbemLocator, None, CLSCTX_INPROC_SERVER) }
}

/// A host, and those of its namespaces that were asked for. COM's objects go before what they rely
/// on: the fields are dropped in this order.
pub(in crate::wmi) struct Session {
    namespaces: BTreeMap<Name, Namespace>,
    host: Host,
    _apartment: Apartment,
}

/// What it takes to connect to one of its namespaces.
struct Host {
    security: Rc<Security>,
    options: Arc<Options>,
    locate: Arc<Locate>,
}

impl Session {
    pub(in crate::wmi) fn open(options: &Arc<Options>, locate: &Arc<Locate>) -> Result<Self> {
        let apartment = Apartment::enter().doing(|| format!("connecting to {options}"))?;
        let host = Host {
            security: Rc::new(Security::of(options)),
            options: Arc::clone(options),
            locate: Arc::clone(locate),
        };
        let mut session = Self { namespaces: BTreeMap::new(), host, _apartment: apartment };
        session.home()?;
        Ok(session)
    }

    fn home(&mut self) -> Result<&mut Namespace> {
        let home = self.host.options.namespace();
        self.namespace(home)
    }

    /// The namespace that a path leads to.
    fn of(&mut self, path: &ObjectPath) -> Result<&mut Namespace> {
        match &path.namespace {
            Some(place) => self.namespace(place.name.clone()),
            None => self.home(),
        }
    }

    fn namespace(&mut self, name: Name) -> Result<&mut Namespace> {
        Ok(match self.namespaces.entry(name) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let namespace = self.host.connect(new.key())?;
                new.insert(namespace)
            }
        })
    }

    pub(in crate::wmi) fn get(&mut self, path: &ObjectPath) -> Result<Instance> {
        self.of(path)?.get(path)
    }

    pub(in crate::wmi) fn query(&mut self, wql: &str) -> Result<Vec<Instance>> {
        self.home()?.query(wql)
    }

    pub(in crate::wmi) fn invoke(
        &mut self,
        path: &ObjectPath,
        method: &str,
        arguments: &Instance,
    ) -> Result<Reply> {
        self.of(path)?.invoke(path, method, arguments)
    }

    /// The time by the host's clock, in the namespace that has its operating system.
    pub(in crate::wmi) fn clock(&mut self) -> Result<SimTime> {
        self.namespace(r"root\cimv2".into())?.clock()
    }
}

impl Host {
    fn connect(&self, namespace: &Name) -> Result<Namespace> {
        let resource = self.options.resource(namespace);
        let connecting = || format!("connecting to {resource}");
        let (user, password) = match &self.options.credentials {
            Some(it) => (BSTR::from(&it.user), BSTR::from(&it.password)),
            None => (BSTR::new(), BSTR::new()),
        };
        let nothing = BSTR::new();
        let locator = (self.locate)().doing(connecting)?;
        // SAFETY: The strings live through the call.
        let services = unsafe {
            locator.ConnectServer(
                &BSTR::from(&resource),
                &user,
                &password,
                &nothing,
                WBEM_FLAG_CONNECT_USE_MAX_WAIT.0,
                &nothing,
                None,
            )
        };
        let services = services.doing(connecting)?;
        self.security.apply(&services).doing(connecting)?;
        Ok(Namespace::new(services, Rc::clone(&self.security), Arc::clone(&self.options)))
    }
}

/// Events, and the connection that they come from.
pub(in crate::wmi) struct Subscribed {
    pub(in crate::wmi) events: Events,
    _session: Session,
}

impl Subscribed {
    pub(in crate::wmi) fn to(wql: &str, mut session: Session) -> Result<Self> {
        let events = session.home()?.subscribe(wql)?;
        Ok(Self { events, _session: session })
    }
}

/// COM, initialised for this thread until the end of this. The thread serves no window, so that it
/// joins the apartment of many threads.
struct Apartment;

impl Apartment {
    fn enter() -> windows::core::Result<Self> {
        // SAFETY: It may be called in any thread; each success is made up for below.
        unsafe { CoInitializeEx(None, COINIT_MULTITHREADED) }.ok()?;
        Ok(Self)
    }
}

impl Drop for Apartment {
    fn drop(&mut self) {
        // SAFETY: `enter` succeeded once in this thread, which COM's objects do not leave.
        unsafe { CoUninitialize() }
    }
}
