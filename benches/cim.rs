//! What the wire vocabulary costs: instances as text, queries, their test of an instance, and a
//! service as its namespace.
//!
//! Each group has a floor beside it, measured in the same run: copying the text, or touching each
//! property once. What a service can answer is bounded by these, so that they are watched.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hyperv_replica::cim::text::{self, Form, Reader};
use hyperv_replica::cim::wql::{self, Query};
use hyperv_replica::cim::{
    CimClient, CimClientExt, CimService, DateTime, Instance, ObjectPath, Schema, Value,
    namespace::Namespace,
};
use hyperv_replica::model::Call;
use hyperv_replica::prelude::*;
use hyperv_replica::sim::{HostHandle, Lab};
use std::hint::black_box;

/// Settings as a management client hands them in: every property, set or null.
fn settings(schema: &Schema) -> Instance {
    let class = schema.class("Msvm_ReplicationSettingData").expect("declared");
    let empty = class.properties.iter().fold(Instance::new(&class.name), |it, property| {
        it.with(&property.name, property.default.clone().unwrap_or(Value::Null))
    });
    let evening: DateTime = "00000000183000.000000:000".parse().expect("an interval");
    let disks = (0..4).map(|i| format!(r"\\TOKYO\root\virtualization\v2:Disk.InstanceID={i}"));
    empty
        .with("InstanceID", r"Microsoft:1F2E3D4C-0000-4000-8000-0000000000A5\HVR\0")
        .with("ElementName", "web")
        .with("VirtualSystemIdentifier", "1F2E3D4C-0000-4000-8000-0000000000A5")
        .with("AuthenticationType", 1_u16)
        .with("RecoveryConnectionPoint", "osaka.contoso.com")
        .with("RecoveryServerPortNumber", 80_u16)
        .with("CompressionEnabled", true)
        .with("ReplicationInterval", 300_u16)
        .with("RecoveryHistory", 24_u16)
        .with("AutoResynchronizeIntervalStart", evening)
        .with("IncludedDisks", disks.collect::<Vec<_>>())
}

fn texts(c: &mut Criterion) {
    let schema = Schema::virtualization();
    let settings = settings(schema);
    for form in [Form::CimDtd20, Form::WmiDtd20] {
        let written = text::write(&settings, schema, form);
        let mut group = c.benchmark_group(format!("settings as text, {form:?}"));
        group.throughput(Throughput::Bytes(written.len() as u64));
        group.bench_function("floor: copy", |b| b.iter(|| black_box(&written).clone()));
        group.bench_function("write", |b| b.iter(|| text::write(&settings, schema, form)));
        let reader = Reader::new(schema).of_class("Msvm_ReplicationSettingData");
        group.bench_function("read", |b| b.iter(|| reader.read(black_box(&written))));
        group.finish();
    }
}

fn queries(c: &mut Criterion) {
    const KEY: &str = "SELECT * FROM Msvm_ComputerSystem WHERE Name = \
                       '1F2E3D4C-0000-4000-8000-0000000000A5'";
    const RUNNING: &str = "SELECT * FROM Msvm_ComputerSystem WHERE Description = \
                           \"Microsoft Virtual Machine\" AND (EnabledState != 0 AND \
                           EnabledState != 3 AND EnabledState != 32769)";
    let schema = Schema::virtualization();
    let class = schema.class("Msvm_ComputerSystem").expect("declared");
    let empty = class
        .properties
        .iter()
        .fold(Instance::new(&class.name), |it, property| it.with(&property.name, Value::Null));
    let vm = empty
        .with("Name", "1F2E3D4C-0000-4000-8000-0000000000A5")
        .with("Description", "Microsoft Virtual Machine")
        .with("EnabledState", 2_u16);
    let mut group = c.benchmark_group("query");
    for (name, text) in [("by key", KEY), ("running", RUNNING)] {
        group.bench_function(format!("parse, {name}"), |b| {
            b.iter(|| wql::parse(black_box(text), schema));
        });
        let Ok(Query::Select(select)) = wql::parse(text, schema) else { return };
        group.bench_function(format!("test an instance, {name}"), |b| {
            b.iter(|| select.selects(black_box(&vm), schema));
        });
    }
    group.bench_function("floor: touch each property", |b| {
        b.iter(|| black_box(&vm).properties().filter(|(_, value)| value.is_null()).count());
    });
    group.finish();
}

fn paths(c: &mut Criterion) {
    const PATH: &str = r#"\\TOKYO\root\virtualization\v2:Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="1F2E3D4C-0000-4000-8000-0000000000A5""#;
    let path: ObjectPath = PATH.parse().expect("a path");
    let mut group = c.benchmark_group("path");
    group.bench_function("parse", |b| b.iter(|| black_box(PATH).parse::<ObjectPath>()));
    group.bench_function("print", |b| b.iter(|| black_box(&path).to_string()));
    group.finish();
    c.bench_function("schema, from MOF", |b| b.iter(|| Schema::parse(Schema::VIRTUALIZATION)));
}

/// A host with so many virtual machines, as its namespace.
fn crowd(vms: u32) -> (Lab, VmId, Namespace<HostHandle>) {
    let lab = Lab::new(["tokyo"]);
    let create = |i| lab.vm(&format!("vm-{i}")).on("tokyo").create();
    let last = (0..vms).map(create).fold(None, |_, vm| Some(vm));
    let tokyo = Namespace::new(lab.host("tokyo"));
    (lab, last.expect("there is one"), tokyo)
}

fn namespace(c: &mut Criterion) {
    const VMS: u32 = 10_000;
    let (lab, vm, tokyo) = crowd(VMS);
    let mut group = c.benchmark_group("namespace of 10 000 virtual machines");
    let path = ObjectPath::class("Msvm_ComputerSystem").with("Name", vm.to_string());
    let by_key = format!("SELECT * FROM Msvm_ComputerSystem WHERE Name = '{vm}'");
    let by_name = "SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'vm-77'";
    let handle = lab.host("tokyo");
    group.bench_function("floor: one record", |b| b.iter(|| handle.vm(black_box(vm))));
    group.bench_function("get", |b| b.iter(|| tokyo.get(black_box(&path))));
    group.bench_function("query by key", |b| b.iter(|| tokyo.query(black_box(&by_key))));
    group.sample_size(10);
    group.bench_function("floor: every record", |b| b.iter(|| handle.vms()));
    group.bench_function("query by name", |b| b.iter(|| tokyo.query(black_box(by_name))));
    group.bench_function("enumerate", |b| b.iter(|| tokyo.enumerate("Msvm_ComputerSystem")));
    group.finish();
}

/// A refused call, so that the world stays as it is: a method against the call that it makes.
fn method(c: &mut Criterion) {
    let (lab, vm, tokyo) = crowd(1);
    let handle = lab.host("tokyo");
    let service = ObjectPath::class("Msvm_ReplicationService").with("Name", "replicasvc");
    let path = ObjectPath::class("Msvm_ComputerSystem").with("Name", vm.to_string());
    let commit = Instance::parameters().with("ComputerSystem", path.clone());
    let settings =
        text::write(&settings(Schema::virtualization()), Schema::virtualization(), Form::CimDtd20);
    let modify = commit.clone().with("ReplicationSettingData", settings);
    let call = Call::CommitFailover { vm };
    let mut group = c.benchmark_group("method");
    group.bench_function("floor: the call itself", |b| b.iter(|| handle.call(black_box(&call))));
    for (method, arguments) in [("CommitFailover", commit), ("ModifyReplicationSettings", modify)] {
        group.bench_function(method, |b| {
            b.iter(|| tokyo.invoke(&service, method, black_box(&arguments)));
        });
    }
    group.finish();
}

/// A call and reads through both mirrors, each beside the same asked of the host directly.
fn mirrors(c: &mut Criterion) {
    let lab = Lab::new(["tokyo", "osaka"]);
    let web = lab.vm("web").on("tokyo").running().create();
    for number in 0..1000 {
        lab.vm(&format!("vm{number}")).on("tokyo").create();
    }
    let direct = lab.host("tokyo");
    let over = CimService::new(Namespace::new(direct.clone()));
    let id = RelationshipId::primary(web);
    let _ = over.revert_failover(web); // The name of the host is asked for once.
    let schema = Schema::virtualization();

    let mut group = c.benchmark_group("both mirrors, a call with a reference, refused");
    group.bench_function("floor: direct", |b| b.iter(|| direct.commit_failover(web)));
    group.bench_function("over", |b| b.iter(|| over.commit_failover(web)));
    group.finish();

    let mut group = c.benchmark_group("both mirrors, a call with settings, refused");
    let call = |host: &dyn ReplicationService| {
        host.modify_replication_settings(web, Settings::to("osaka"))
    };
    group.bench_function("floor: direct", |b| b.iter(|| call(&direct)));
    group.bench_function("over", |b| b.iter(|| call(&over)));
    // Where it goes: the text that the call is handed in as, written and read.
    let shown = over.client().get(&path_of_settings(id)).expect("settings");
    let written = text::write(&shown, schema, Form::CimDtd20);
    group.bench_function("of that, the text written", |b| {
        b.iter(|| text::write(&shown, schema, Form::CimDtd20));
    });
    let reader = Reader::new(schema).of_class("Msvm_ReplicationSettingData");
    group.bench_function("of that, the text read", |b| b.iter(|| reader.read(&written)));
    group.finish();

    let mut group = c.benchmark_group("both mirrors, a relationship");
    group.bench_function("floor: direct", |b| b.iter(|| direct.relationship(id)));
    group.bench_function("over", |b| b.iter(|| over.relationship(id)));
    // Where it goes: the instance with every property that its class has.
    let path = ObjectPath::class("Msvm_ReplicationRelationship").with("InstanceID", id.to_string());
    group.bench_function("of that, the instance", |b| b.iter(|| over.client().get(&path)));
    group.finish();

    let mut group = c.benchmark_group("both mirrors, 1000 virtual machines");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("floor: direct", |b| b.iter(|| direct.vms()));
    group.bench_function("over", |b| b.iter(|| over.vms()));
    let rows = "Msvm_ComputerSystem";
    group.bench_function("of that, the instances", |b| b.iter(|| over.client().enumerate(rows)));
    group.finish();
}

fn path_of_settings(id: RelationshipId) -> ObjectPath {
    ObjectPath::class("Msvm_ReplicationSettingData").with("InstanceID", id.to_string())
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = texts, queries, paths, namespace, method, mirrors
}
criterion_main!(benches);
