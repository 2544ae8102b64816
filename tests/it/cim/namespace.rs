//! A lab's host as `root\virtualization\v2`: what is there, what queries find, what methods do.

mod builds;
mod events;
mod methods;
mod model;
mod queries;

use hyperv_replica::cim::namespace::Namespace;
use hyperv_replica::cim::*;
use hyperv_replica::engine::HostSpec;
use hyperv_replica::model::{
    Adapter, AdapterId, DiskId, FailoverNetworkAdapterSettings, IpProtocol, WindowsBuild,
};
use hyperv_replica::prelude::{
    InitialReplication, RelationshipId, ReplicationServiceExt, Settings, VmId, hours, minutes,
};
use hyperv_replica::sim::{HostHandle, Lab};

type Host = Namespace<HostHandle>;

const _: () = {
    const fn send_sync<T: Send + Sync>() {}
    send_sync::<Host>();
};

/// `web` of tokyo is replicated to osaka, with three recovery points an hour; `db` of tokyo is not
/// replicated.
struct Site {
    lab: Lab,
    tokyo: Host,
    osaka: Host,
    web: VmId,
    db: VmId,
}

impl Site {
    fn new() -> Self {
        Self::of_build(WindowsBuild::Server2022)
    }

    fn of_build(build: WindowsBuild) -> Self {
        let lab = Lab::with_seed(0);
        for name in ["tokyo.contoso.com", "osaka"] {
            lab.add_host(&HostSpec { build, ..HostSpec::trusting(name) });
        }
        let tokyo = lab.host("tokyo.contoso.com");
        let vm = |name| lab.vm(name).on("tokyo.contoso.com").running();
        let web = vm("web").adapter(Adapter::synthetic(AdapterId(0))).create();
        let db = vm("db").create();
        let settings = Settings { recovery_history: 3, ..Settings::to("osaka") };
        tokyo.wait(tokyo.create_replication_relationship(web, settings).unwrap()).unwrap();
        tokyo.wait(tokyo.start_replication(web, InitialReplication::Network).unwrap()).unwrap();
        lab.advance(hours(5));
        let osaka = Namespace::new(lab.host("osaka"));
        Self { lab, tokyo: Namespace::new(tokyo), osaka, web, db }
    }

    /// With one of everything: `db` is replicated with one disk, `web` has settings for its adapter,
    /// and a job is at work on it.
    fn crowded() -> Self {
        let site = Self::new();
        let (tokyo, osaka) = (site.lab.host("tokyo.contoso.com"), site.lab.host("osaka"));
        let settings = Settings { included_disks: Some(vec![DiskId(0)]), ..Settings::to("osaka") };
        tokyo.wait(tokyo.create_replication_relationship(site.db, settings).unwrap()).unwrap();
        site.lab.advance(minutes(10)); // Finished jobs stay for five minutes.
        let taken = FailoverNetworkAdapterSettings {
            adapter: AdapterId(0),
            protocol: IpProtocol::V4,
            dhcp: true,
            addresses: Vec::new(),
            subnets: Vec::new(),
            gateways: Vec::new(),
            dns_servers: Vec::new(),
        };
        let _ = osaka.set_failover_network_adapter_settings(site.web, vec![taken]).unwrap();
        let _ = osaka.suspend_replication(RelationshipId::primary(site.web)).unwrap();
        site
    }

    /// With its whole path on tokyo.
    fn on_tokyo(path: &ObjectPath) -> ObjectPath {
        path.clone().on("tokyo.contoso.com", r"root\virtualization\v2")
    }
}

fn vm_path(vm: VmId) -> ObjectPath {
    ObjectPath::class("Msvm_ComputerSystem")
        .with("CreationClassName", "Msvm_ComputerSystem")
        .with("Name", vm.to_string())
}

fn by_id(class: &str, id: impl Into<String>) -> ObjectPath {
    ObjectPath::class(class).with("InstanceID", id.into())
}

/// `…\HVR\0`, unless on Windows Server 2012.
fn hvr(vm: VmId, index: u8) -> String {
    format!(r"Microsoft:{vm}\HVR\{index}")
}

#[track_caller]
fn one<T: std::fmt::Debug>(all: Vec<T>) -> T {
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().expect("there is one")
}

#[track_caller]
fn text<'a>(it: &'a Instance, property: &str) -> &'a str {
    it.read::<&str>(property).unwrap().unwrap_or_else(|| panic!("{property} of {it:?}"))
}

#[track_caller]
fn number(it: &Instance, property: &str) -> i128 {
    let value = it.get(property).unwrap_or_else(|| panic!("{property} of {it:?}"));
    value.as_integer().unwrap_or_else(|| panic!("{property} is {value:?}"))
}

#[track_caller]
fn is_null(it: &Instance, property: &str) -> bool {
    it.get(property).unwrap_or_else(|| panic!("{property} of {it:?}")).is_null()
}

fn names(all: &[Instance]) -> Vec<&str> {
    all.iter().map(|it| text(it, "ElementName")).collect()
}

fn status<T: std::fmt::Debug>(result: Result<T>) -> WbemStatus {
    result.unwrap_err().wbem_status().expect("an answer of the service")
}
