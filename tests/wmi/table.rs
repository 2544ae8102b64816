//! A service of a few classes of its own, whose only talent is to give back what it got.

use crate::bridge::Host;
use hyperv_replica::cim::{
    CimClient, CimType, Error, Instance, KeyValue, ObjectPath, Reply, Result, Schema, Subscription,
    Value, WbemStatus,
};
use hyperv_replica::model::SimTime;
use hyperv_replica::wmi::{Client, Options};
use std::fmt::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

/// The schema: `Test_Echo.Echo` has a parameter of each type, alone and as an array.
pub(crate) fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| Schema::parse(&[&mof()]).expect("it is MOF"))
}

fn mof() -> String {
    let mut parameters = String::new();
    for of in CimType::ALL {
        let name = of.name();
        let of = match of {
            CimType::Reference => "Test_Point ref",
            CimType::Object => "Test_Point",
            _ => name,
        };
        write!(parameters, "[In, Out] {of} One_{name}, [In, Out] {of} Many_{name}[], ").unwrap();
    }
    format!(
        "class Test_Point {{ [Key] string InstanceID; sint32 X; uint16 Ys[]; Test_Point Inner; }};
         class Test_Echo {{
             [Key] string Name;
             uint32 Echo({parameters} [In, Out] string Nothing);
             sint32 Fail();
         }};
         class Test_Event {{ Test_Point TargetInstance; uint64 TIME_CREATED; }};
         class Win32_OperatingSystem {{ [Key] string Name; datetime LocalDateTime; }};"
    )
}

pub(crate) fn point(id: &str, x: i32) -> Instance {
    Instance::new("Test_Point")
        .with("InstanceID", id)
        .with("X", x)
        .with("Ys", vec![0_u16, u16::MAX])
        .with("Inner", Value::Null)
}

pub(crate) fn echo() -> ObjectPath {
    ObjectPath::class("Test_Echo").with("Name", "only one")
}

/// The service. What it was asked to do is in `heard`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// The arguments of each call of `Echo`.
    pub(crate) heard: Arc<Mutex<Vec<Instance>>>,
    /// What subscriptions tell.
    pub(crate) events: Arc<Mutex<Option<Receiver<Instance>>>>,
    /// Whoever holds it keeps `Test_Point.InstanceID="slow"` from being found.
    pub(crate) slow: Arc<Mutex<()>>,
}

impl Table {
    pub(crate) fn heard(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.heard.lock().unwrap()
    }

    /// A client that reaches it over COM, and the host behind which it is.
    pub(crate) fn over_com(&self, options: Options) -> (Client, Host) {
        let host = Host::new(self.clone(), schema());
        (client(&host, options).expect("it connects"), host)
    }
}

pub(crate) fn client(host: &Host, options: Options) -> Result<Client> {
    let host = host.clone();
    Client::connect_through(options, move || Ok(host.locator()))
}

impl CimClient for Table {
    fn get(&self, path: &ObjectPath) -> Result<Instance> {
        match path.key("InstanceID").and_then(KeyValue::as_str) {
            Some("slow") => {
                drop(self.slow.lock().unwrap());
                Ok(point("slow", 1).at(path.clone()))
            }
            Some("lost") => Err(Error::Transport("the line is dead".into())),
            Some(id) if !id.is_empty() => Ok(point(id, 7).at(path.clone())),
            _ => Err(Error::status(WbemStatus::NOT_FOUND, format!("there is no {path}"))),
        }
    }

    fn query(&self, wql: &str) -> Result<Vec<Instance>> {
        let place = |id: &str| {
            let path = ObjectPath::class("Test_Point").with("InstanceID", id);
            path.on("TABLE", r"root\test")
        };
        let system = Instance::new("Win32_OperatingSystem");
        let ids = (0..200).map(|it| it.to_string());
        match wql {
            "SELECT * FROM Test_Point" => {
                Ok((0..).zip(ids).map(|(x, id)| point(&id, x).at(place(&id))).collect())
            }
            "SELECT X FROM Test_Point" => {
                Ok((0..3).map(|x| Instance::new("Test_Point").with("X", x)).collect())
            }
            "SELECT LocalDateTime FROM Win32_OperatingSystem" => {
                let noon = "20260101130000.000000+060";
                let noon = Value::from_text(CimType::DateTime, noon).expect("a datetime");
                Ok(vec![system.with("LocalDateTime", noon)])
            }
            _ => Err(Error::status(WbemStatus::INVALID_QUERY, "line 1: what is that?")),
        }
    }

    fn invoke(&self, path: &ObjectPath, method: &str, arguments: &Instance) -> Result<Reply> {
        if method == "Fail" {
            return Ok(Reply { value: 0x8007_0005, out: Instance::parameters() });
        }
        if *path != echo() {
            return Err(Error::status(WbemStatus::NOT_FOUND, format!("there is no {path}")));
        }
        self.heard().push(arguments.clone());
        Ok(Reply { value: 4096, out: arguments.clone() })
    }

    fn subscribe(&self, _: &str) -> Result<Box<dyn Subscription + '_>> {
        let refuse = || Error::status(WbemStatus::QUOTA_VIOLATION, "somebody listens already");
        let events = self.events.lock().unwrap().take().ok_or_else(refuse)?;
        Ok(Box::new(Events(events)))
    }

    fn now(&self) -> Result<SimTime> {
        unreachable!("COM has no clock")
    }

    fn sleep(&self, _: Duration) -> Result<()> {
        unreachable!("COM does not sleep")
    }
}

#[derive(Debug)]
struct Events(Receiver<Instance>);

impl Subscription for Events {
    fn next(&mut self, timeout: Duration) -> Result<Option<Instance>> {
        match self.0.recv_timeout(timeout) {
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Error::status(WbemStatus::SHUTTING_DOWN, "there will be no more events"))
            }
        }
    }
}
