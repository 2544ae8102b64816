//! A namespace of a host: objects by their paths, what a query finds, methods, events.

use super::super::automation::return_value;
use super::super::options::{Options, milliseconds};
use super::security::Security;
use super::{Doing, failure, object, senseless};
use crate::cim::{
    DateTime, Error, Instance, Name, ObjectPath, Reply, Result, Type, Value, WbemStatus,
};
use crate::model::SimTime;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use windows::Win32::System::Wmi::{
    IEnumWbemClassObject, IWbemClassObject, IWbemServices, WBEM_FLAG_FORWARD_ONLY,
    WBEM_FLAG_RETURN_IMMEDIATELY, WBEM_GENERIC_FLAG_TYPE, WBEM_S_TIMEDOUT,
};
use windows::core::{BSTR, HRESULT, HSTRING};

/// How many instances a query hands over at a time.
const BATCH: usize = 64;

/// A namespace that is connected to. Its proxy goes before what it relies on: the fields are dropped
/// in this order.
pub(super) struct Namespace {
    services: IWbemServices,
    signatures: BTreeMap<(Name, Name), Rc<Signature>>,
    security: Rc<Security>,
    options: Arc<Options>,
}

/// The in parameters of a method.
struct Signature {
    /// The class that their object is of; `None` of a method without any.
    class: Option<IWbemClassObject>,
    parameters: Vec<(Name, Type)>,
}

impl Namespace {
    pub(super) fn new(
        services: IWbemServices,
        security: Rc<Security>,
        options: Arc<Options>,
    ) -> Self {
        Self { services, signatures: BTreeMap::new(), security, options }
    }

    pub(super) fn get(&self, path: &ObjectPath) -> Result<Instance> {
        object::read(&self.object(&within(path))?)
    }

    fn object(&self, path: &str) -> Result<IWbemClassObject> {
        let mut found = None;
        let text = BSTR::from(path);
        // SAFETY: The path lives through the call, which fills `found`.
        unsafe { self.services.GetObject(&text, PLAIN, None, Some(&raw mut found), None) }
            .doing(|| format!("getting {path}"))?;
        found.ok_or_else(|| senseless(path, "there is neither an object nor an error"))
    }

    pub(super) fn query(&self, wql: &str) -> Result<Vec<Instance>> {
        let asking = || format!("asking for `{wql}`");
        let (language, text) = (BSTR::from("WQL"), BSTR::from(wql));
        // SAFETY: The strings live through the call.
        let answer = unsafe { self.services.ExecQuery(&language, &text, AT_ONCE, None) };
        let answer = answer.doing(asking)?;
        self.security.apply(&answer).doing(asking)?;
        let begun = now();
        let mut found = Vec::new();
        loop {
            let left = self.options.timeout.saturating_sub(now().duration_since(begun));
            let (batch, state) = next::<BATCH>(&answer, left).doing(asking)?;
            for object in batch {
                found.push(object::read(&object)?);
            }
            if found.len() > self.options.most_instances {
                let most = self.options.most_instances;
                let why = format!("`{wql}` finds more than {most} instances");
                return Err(Error::status(WbemStatus::QUOTA_VIOLATION, why));
            }
            match state {
                More::Perhaps => {}
                More::Never => return Ok(found),
                More::Later => {
                    let timeout = self.options.timeout;
                    let why = format!("`{wql}` is not answered within {timeout:?}");
                    return Err(Error::Transport(why.into()));
                }
            }
        }
    }

    pub(super) fn subscribe(&self, wql: &str) -> Result<Events> {
        let subscribing = || format!("subscribing to `{wql}`");
        let (language, text) = (BSTR::from("WQL"), BSTR::from(wql));
        // SAFETY: The strings live through the call.
        let source =
            unsafe { self.services.ExecNotificationQuery(&language, &text, AT_ONCE, None) };
        let source = source.doing(subscribing)?;
        self.security.apply(&source).doing(subscribing)?;
        Ok(Events { source })
    }

    pub(super) fn invoke(
        &mut self,
        path: &ObjectPath,
        method: &str,
        arguments: &Instance,
    ) -> Result<Reply> {
        let signature = self.signature(&path.class, method)?;
        let input = self.input(&signature, method, arguments)?;
        let mut out = None;
        let (place, name) = (BSTR::from(within(path)), BSTR::from(method));
        // SAFETY: The strings and the parameters live through the call, which fills `out`.
        unsafe {
            let out = Some(&raw mut out);
            self.services.ExecMethod(&place, &name, PLAIN, None, input.as_ref(), out, None)
        }
        .doing(|| format!("calling {method} of {path}"))?;
        let mut given = Instance::parameters();
        if let Some(out) = out {
            given = object::read_properties(&out, given)?;
        }
        let value = return_value(given.remove("ReturnValue"));
        let value = value.map_err(|error| senseless(method, error))?;
        Ok(Reply { value, out: given })
    }

    /// What a method takes, as the host's own class says.
    fn signature(&mut self, class: &Name, method: &str) -> Result<Rc<Signature>> {
        let key = (class.clone(), Name::from(method));
        if let Some(known) = self.signatures.get(&key) {
            return Ok(Rc::clone(known));
        }
        let definition = self.object(class.as_str())?;
        let (mut input, mut output) = (None, None);
        let wide = HSTRING::from(method);
        // SAFETY: The name lives through the call, which fills both.
        unsafe { definition.GetMethod(&wide, 0, &raw mut input, &raw mut output) }.map_err(
            |error| match failure(&error, format!("method {method} of {class}")) {
                Error::Status { status: WbemStatus::NOT_FOUND, why } => {
                    Error::status(WbemStatus::INVALID_METHOD, why)
                }
                other => other,
            },
        )?;
        let parameters = input.as_ref().map(object::types).transpose()?.unwrap_or_default();
        let signature = Rc::new(Signature { class: input, parameters });
        self.signatures.insert(key, Rc::clone(&signature));
        Ok(signature)
    }

    /// The arguments as an object of the class of the method's parameters.
    fn input(
        &self,
        signature: &Signature,
        method: &str,
        arguments: &Instance,
    ) -> Result<Option<IWbemClassObject>> {
        let input = signature.class.as_ref().map(spawn).transpose()?;
        for (name, value) in arguments.properties() {
            let known = signature.parameters.iter().find(|(known, _)| known == name);
            let Some(((name, of), input)) = known.zip(input.as_ref()) else {
                let why = format!("{method} has no parameter `{name}`");
                return Err(Error::status(WbemStatus::INVALID_METHOD_PARAMETERS, why));
            };
            object::put(input, name, *of, value.clone(), &|it| self.embed(it, MOST_NESTED))
                .map_err(|error| of_parameter(name, error))?;
        }
        Ok(input)
    }

    /// An object that is nowhere, for a parameter or property that holds one.
    fn embed(&self, instance: &Instance, depth: usize) -> Result<IWbemClassObject> {
        let Some(depth) = depth.checked_sub(1) else {
            let why = format!("objects within objects, more than {MOST_NESTED} deep");
            return Err(Error::status(WbemStatus::INVALID_OBJECT, why));
        };
        let object = spawn(&self.object(instance.class.as_str())?)?;
        let types = object::types(&object)?;
        for (name, value) in instance.properties() {
            let Some((name, of)) = types.iter().find(|(known, _)| known == name) else {
                let why = format!("{} has no property `{name}`", instance.class);
                return Err(Error::status(WbemStatus::INVALID_PROPERTY, why));
            };
            object::put(&object, name, *of, value.clone(), &|it| self.embed(it, depth))?;
        }
        Ok(object)
    }

    /// The time by the clock of the host, of the operating system that this namespace has.
    pub(super) fn clock(&self) -> Result<SimTime> {
        let found = self.query("SELECT LocalDateTime FROM Win32_OperatingSystem")?;
        let [system] = &found[..] else {
            return Err(senseless("Win32_OperatingSystem", "a host has one"));
        };
        match system.get("LocalDateTime") {
            Some(Value::DateTime(DateTime::Time(time))) => time.to_sim_time(),
            _ => None,
        }
        .ok_or_else(|| senseless("LocalDateTime", format!("{system:?} has no time after 2023")))
    }
}

/// A path as it is said to the namespace that it leads to. One that names a host names it there,
/// too: a host refuses what is another's.
fn within(path: &ObjectPath) -> String {
    match &path.namespace {
        Some(place) if place.host.is_some() => path.to_string(),
        _ => path.relative().to_string(),
    }
}

/// Objects within objects are built by recursion.
const MOST_NESTED: usize = 32;

fn of_parameter(name: &Name, error: Error) -> Error {
    match error {
        Error::Status { status, why } => {
            Error::status(status, format!("parameter `{name}`: {why}"))
        }
        other => other,
    }
}

fn spawn(class: &IWbemClassObject) -> Result<IWbemClassObject> {
    // SAFETY: There is nothing to give.
    unsafe { class.SpawnInstance(0) }.doing(|| "making an instance".to_owned())
}

/// Events as they come.
pub(in crate::wmi) struct Events {
    source: IEnumWbemClassObject,
}

impl Events {
    /// The next event, if there is one within this time.
    pub(in crate::wmi) fn next(&self, timeout: Duration) -> Result<Option<Instance>> {
        let waiting = || "waiting for an event".to_owned();
        let (events, state) = next::<1>(&self.source, timeout).doing(waiting)?;
        match (events.into_iter().next(), state) {
            (Some(event), _) => object::read(&event).map(Some),
            (None, More::Never) => Err(Error::Transport("there are no more events".into())),
            (None, _) => Ok(None),
        }
    }
}

/// No flag.
const PLAIN: WBEM_GENERIC_FLAG_TYPE = WBEM_GENERIC_FLAG_TYPE(0);

/// The call returns before its results are there, and keeps none that was handed over.
const AT_ONCE: WBEM_GENERIC_FLAG_TYPE =
    WBEM_GENERIC_FLAG_TYPE(WBEM_FLAG_FORWARD_ONLY.0 | WBEM_FLAG_RETURN_IMMEDIATELY.0);

/// Whether there is more to come.
enum More {
    /// There may be.
    Perhaps,
    /// The time was up first.
    Later,
    /// That was all.
    Never,
}

/// As many objects as there are within a time, up to a number.
fn next<const MOST: usize>(
    from: &IEnumWbemClassObject,
    timeout: Duration,
) -> windows::core::Result<(Vec<IWbemClassObject>, More)> {
    let mut objects = [const { None }; MOST];
    let mut count = 0;
    // SAFETY: There is room for as many objects as the slice says; `count` is filled.
    let state = unsafe { from.Next(milliseconds(timeout), &mut objects, &raw mut count) };
    // That the time is up is a success: what came until then is there.
    state.ok()?;
    let objects: Vec<_> = objects.into_iter().flatten().collect();
    let more = match state {
        HRESULT(0) => More::Perhaps,
        state if state.0 == WBEM_S_TIMEDOUT.0 => More::Later,
        _ => More::Never,
    };
    Ok((objects, more))
}

#[expect(clippy::disallowed_methods, reason = "a real host answers in real time")]
fn now() -> Instant {
    Instant::now()
}
