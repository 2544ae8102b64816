//! The simulator behind COM, for whoever thinks it is a host: each behaviour of the suite goes
//! through the backend, the interfaces and back.

use crate::bridge::Host;
use crate::table::client;
use hyperv_replica::ReplicationService;
use hyperv_replica::cim::namespace::Namespace;
use hyperv_replica::cim::{
    CimClient, CimService, Error, Instance, ObjectPath, Reply, Result, Schema, Subscription, Value,
};
use hyperv_replica::model::time::minutes;
use hyperv_replica::model::{SimTime, WindowsBuild};
use hyperv_replica::sim::{HostHandle, Lab};
use hyperv_replica::testkit::LabFixture;
use hyperv_replica::testkit::conformance::{self, BEHAVIOURS};
use hyperv_replica::wmi::{Client, Options};
use std::time::Duration;

/// A simulated host over COM. What COM does not carry, the passing of its virtual time, is its own.
#[derive(Debug)]
struct OverCom {
    client: Client,
    host: HostHandle,
}

impl OverCom {
    fn new(host: HostHandle) -> Self {
        let answers = Host::new(Namespace::new(host.clone()), Schema::virtualization());
        let client = client(&answers, Options::local()).expect("it connects");
        Self { client, host }
    }
}

impl CimClient for OverCom {
    fn get(&self, path: &ObjectPath) -> Result<Instance> {
        self.client.get(path)
    }
    fn query(&self, wql: &str) -> Result<Vec<Instance>> {
        self.client.query(wql)
    }
    fn invoke(&self, path: &ObjectPath, method: &str, arguments: &Instance) -> Result<Reply> {
        self.client.invoke(path, method, arguments)
    }
    fn subscribe(&self, wql: &str) -> Result<Box<dyn Subscription + '_>> {
        self.client.subscribe(wql)
    }
    fn now(&self) -> Result<SimTime> {
        CimClient::now(&Namespace::new(&self.host))
    }
    fn sleep(&self, duration: Duration) -> Result<()> {
        CimClient::sleep(&Namespace::new(&self.host), duration)
    }
}

fn over_com(host: HostHandle) -> Box<dyn ReplicationService> {
    Box::new(CimService::new(OverCom::new(host)))
}

#[test]
fn the_simulator_behaves_over_com() {
    let report = conformance::run(&mut || {
        Box::new(LabFixture::new(WindowsBuild::Server2022).decorated(over_com))
    });
    assert!(report.is_good(), "{report}");
    assert_eq!(report.entries.len(), BEHAVIOURS.len());
    println!("{report}");
}

/// What is compared is everything that the namespace says, so that nothing is lost on the way that
/// the suite does not look at.
#[test]
fn instances_are_the_same_on_both_ends() {
    let lab = Lab::new(["tokyo", "osaka"]);
    let web = lab.vm("web \u{2713}").on("tokyo").running().create();
    let tokyo = lab.host("tokyo");
    let settings = hyperv_replica::model::Settings::to("osaka");
    lab.vm("db").on("tokyo").create();
    let job = tokyo.call(&hyperv_replica::model::Call::CreateReplicationRelationship {
        vm: web,
        settings: settings.into(),
    });
    let _started = job.expect("it is accepted");
    lab.advance(minutes(5));
    let (here, there) = (Namespace::new(tokyo.clone()), OverCom::new(tokyo));
    let mut seen = 0;
    for class in Schema::virtualization().classes() {
        let wql = format!("SELECT * FROM {}", class.name);
        let (here, there) = (here.query(&wql), there.query(&wql));
        let status = |it: &Result<Vec<Instance>>| it.as_ref().err().map(Error::wbem_status);
        assert_eq!(status(&here), status(&there), "{wql}");
        if let (Ok(here), Ok(there)) = (here, there) {
            assert_eq!(here, there, "{wql}");
            seen += here.len();
        }
    }
    assert!(seen > 30, "{seen} instances");
}

#[test]
fn events_of_the_simulator() {
    let lab = Lab::new(["tokyo"]);
    let web = lab.vm("web").on("tokyo").create();
    let there = OverCom::new(lab.host("tokyo"));
    let wql = "SELECT * FROM __InstanceModificationEvent WITHIN 1 \
               WHERE TargetInstance ISA 'Msvm_ComputerSystem'";
    let mut events = there.subscribe(wql).unwrap();
    assert_eq!(events.next(minutes(1)).unwrap(), None);
    let vm = there
        .query(&format!("SELECT * FROM Msvm_ComputerSystem WHERE Name = '{web}'"))
        .unwrap()
        .remove(0);
    let path = vm.path.as_ref().unwrap();
    let on = Instance::parameters().with("RequestedState", 2_u16);
    let reply = there.invoke(path, "RequestStateChange", &on).unwrap();
    assert!(matches!(reply.value, 0 | 4096), "{reply:?}");
    let event = events.next(minutes(10)).unwrap().expect("it is running now");
    assert_eq!(event.class, *"__InstanceModificationEvent");
    let Some(Value::Object(now)) = event.get("TargetInstance") else { panic!("{event:?}") };
    let Some(Value::Object(was)) = event.get("PreviousInstance") else { panic!("{event:?}") };
    let state = |it: &Instance| it.get("EnabledState").cloned();
    assert_ne!(state(was), state(now));
    assert_eq!(now.get("Name"), Some(&Value::from(web.to_string())));
}
