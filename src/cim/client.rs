//! What a client can ask of a WMI service, whatever carries it there.

use super::wql::{Associators, Query, References, Select};
use super::{Error, Instance, Method, Name, ObjectPath, Result, Value, WbemStatus};
use crate::model::SimTime;
use std::fmt;
use std::time::Duration;

/// A connection to a namespace of a WMI service: in this process, over WS-Management, over COM.
///
/// Object-safe and synchronous. It is not `Send`, because a COM connection is not. No method has a
/// default body; what can be said with these is in [`CimClientExt`].
///
/// Every method fails with [`Error::Transport`] when the service cannot be reached and with
/// [`Error::Malformed`] when its answer makes no sense; what else it fails with is a
/// [`WbemStatus`], named at the method.
pub trait CimClient: fmt::Debug {
    /// An instance by its path: `IWbemServices::GetObject`. A path without host and namespace is
    /// one of this namespace.
    ///
    /// # Errors
    /// `WBEM_E_NOT_FOUND`; `WBEM_E_INVALID_CLASS` if the class is not there, either.
    fn get(&self, path: &ObjectPath) -> Result<Instance>;

    /// What a query finds: `IWbemServices::ExecQuery`. Instances have their path.
    ///
    /// # Errors
    /// `WBEM_E_INVALID_QUERY`, `WBEM_E_INVALID_CLASS`.
    fn query(&self, wql: &str) -> Result<Vec<Instance>>;

    /// Calls a method of an instance, or of a class: `IWbemServices::ExecMethod`. Arguments are the
    /// properties of an instance of any class; those that are missing are not given.
    ///
    /// # Errors
    /// `WBEM_E_NOT_FOUND`, `WBEM_E_INVALID_METHOD`, `WBEM_E_INVALID_METHOD_PARAMETERS`. That the
    /// method refuses what it is asked for is no error: it says so by its return value.
    fn invoke(&self, path: &ObjectPath, method: &str, arguments: &Instance) -> Result<Reply>;

    /// The events that a query is about, from now on: `IWbemServices::ExecNotificationQuery`.
    ///
    /// # Errors
    /// `WBEM_E_INVALID_QUERY`, `WBEM_E_INVALID_CLASS`, `WBEM_E_QUOTA_VIOLATION`.
    fn subscribe(&self, wql: &str) -> Result<Box<dyn Subscription + '_>>;

    /// The service's time, by which a client waits.
    ///
    /// # Errors
    /// Only those of every method.
    fn now(&self) -> Result<SimTime>;

    /// Lets the service's time pass: a real one sleeps, a simulated one advances.
    ///
    /// # Errors
    /// Only those of every method.
    fn sleep(&self, duration: Duration) -> Result<()>;
}

/// Events as they come. Dropping it ends the subscription.
pub trait Subscription: fmt::Debug {
    /// The next event; `None` if there was none for that long by the service's time. Zero looks
    /// whether there is one already.
    ///
    /// # Errors
    /// As of [`CimClient`]; afterwards the subscription is over.
    fn next(&mut self, timeout: Duration) -> Result<Option<Instance>>;
}

/// What a method returned.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The return value. What a number means is the method's affair: 0 is done and 4096 is a job
    /// for most of Hyper-V's.
    pub value: u32,
    /// The out parameters. One that the method left empty is null.
    pub out: Instance,
}

impl Instance {
    /// The class of which WMI makes the parameters of a method.
    pub const PARAMETERS: &'static str = "__PARAMETERS";

    /// No parameters yet.
    pub fn parameters() -> Self {
        Self::new(Self::PARAMETERS)
    }
}

impl Method {
    /// The arguments as the method takes them: in the order and of the types of its parameters.
    /// What is missing stays missing.
    ///
    /// # Errors
    /// `WBEM_E_INVALID_METHOD_PARAMETERS` for an argument that is no parameter, or none to be
    /// given; `WBEM_E_TYPE_MISMATCH` for one that cannot be [cast](Value::cast).
    ///
    /// ```
    /// use hyperv_replica::cim::{Instance, Schema, Value};
    ///
    /// let service = Schema::virtualization().class("Msvm_ReplicationService").expect("declared");
    /// let start = service.method("StartReplication").expect("declared");
    /// let given = Instance::parameters().with("InitialReplicationType", 1_i32);
    /// let bound = start.bind(&given)?;
    /// assert_eq!(bound.get("InitialReplicationType"), Some(&Value::Uint16(1)));
    ///
    /// let error = start.bind(&Instance::parameters().with("Type", 1_i32)).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "WBEM_E_INVALID_METHOD_PARAMETERS (0x8004102F): StartReplication has no parameter `Type`",
    /// );
    /// # Ok::<(), hyperv_replica::cim::Error>(())
    /// ```
    pub fn bind(&self, arguments: &Instance) -> Result<Instance> {
        let is_given = |name: &Name| self.parameter(name.as_str()).is_some_and(|it| it.is_in);
        if let Some((name, _)) = arguments.properties().find(|(name, _)| !is_given(name)) {
            let why = format!("{} has no parameter `{name}`", self.name);
            return Err(Error::status(WbemStatus::INVALID_METHOD_PARAMETERS, why));
        }
        let mut bound = Instance::parameters();
        for parameter in &self.parameters {
            if let Some(value) = arguments.get(parameter.name.as_str()) {
                let value = value.clone().cast(parameter.of).map_err(|error| {
                    let why = format!("parameter `{}`: {error}", parameter.name);
                    Error::status(WbemStatus::TYPE_MISMATCH, why)
                })?;
                bound.set(&parameter.name, value);
            }
        }
        Ok(bound)
    }

    /// The reply with these out parameters, in the order of the declaration; those that are not
    /// given are null, because clients look each of them up.
    pub fn reply(&self, value: u32, mut out: Instance) -> Reply {
        let mut all = Instance::parameters();
        for parameter in self.parameters.iter().filter(|it| it.is_out) {
            let value = out.remove(parameter.name.as_str()).unwrap_or(Value::Null);
            all.set(&parameter.name, value);
        }
        Reply { value, out: all }
    }
}

/// What can be asked of every [`CimClient`].
pub trait CimClientExt: CimClient {
    /// What a query finds that was built, not written.
    ///
    /// # Errors
    /// As of [`CimClient::query`].
    fn find(&self, query: impl Into<Query>) -> Result<Vec<Instance>> {
        self.query(&query.into().to_string())
    }

    /// All instances of a class and of those that extend it.
    ///
    /// # Errors
    /// As of [`CimClient::query`].
    fn enumerate(&self, class: &str) -> Result<Vec<Instance>> {
        self.find(Select::all(class))
    }

    /// What associations of a class link with an object: all of a class of its own, or whatever.
    ///
    /// # Errors
    /// As of [`CimClient::query`].
    fn associators(
        &self,
        source: &ObjectPath,
        assoc_class: &str,
        result_class: Option<&str>,
    ) -> Result<Vec<Instance>> {
        self.find(Associators {
            assoc_class: Some(assoc_class.into()),
            result_class: result_class.map(Name::from),
            ..Associators::of(source.clone())
        })
    }

    /// The associations of a class that link an object.
    ///
    /// # Errors
    /// As of [`CimClient::query`].
    fn references(&self, source: &ObjectPath, result_class: &str) -> Result<Vec<Instance>> {
        self.find(References {
            result_class: Some(result_class.into()),
            ..References::of(source.clone())
        })
    }
}

impl<T: CimClient + ?Sized> CimClientExt for T {}

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<T: CimClient + ?Sized> CimClient for $pointer {
            fn get(&self, path: &ObjectPath) -> Result<Instance> { (**self).get(path) }
            fn query(&self, wql: &str) -> Result<Vec<Instance>> { (**self).query(wql) }
            fn invoke(
                &self,
                path: &ObjectPath,
                method: &str,
                arguments: &Instance,
            ) -> Result<Reply> {
                (**self).invoke(path, method, arguments)
            }
            fn subscribe(&self, wql: &str) -> Result<Box<dyn Subscription + '_>> {
                (**self).subscribe(wql)
            }
            fn now(&self) -> Result<SimTime> { (**self).now() }
            fn sleep(&self, duration: Duration) -> Result<()> { (**self).sleep(duration) }
        }
    )+};
}
forward!(&T, Box<T>, std::rc::Rc<T>, std::sync::Arc<T>);
