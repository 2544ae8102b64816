//! What WS-Management costs: a request read, answered and written, in this process.
//!
//! The floor beside it, measured in the same run, is the answer without the protocol. The mark is
//! that of a simple Get: 10 000 a second on one core, which is 100 µs each.

use criterion::{Criterion, criterion_group, criterion_main};
use hyperv_replica::cim::namespace::Namespace;
use hyperv_replica::cim::{CimClient, CimClientExt, ObjectPath, Schema};
use hyperv_replica::model::VmId;
use hyperv_replica::sim::{HostHandle, Lab};
use hyperv_replica::wsman::{Endpoint, Request, Response, random_ids};
use std::hint::black_box;
use std::time::Duration;

fn host(vms: usize) -> (Namespace<HostHandle>, VmId) {
    let lab = Lab::new(["tokyo"]);
    let web = lab.vm("web").on("tokyo").running().create();
    for i in 1..vms {
        lab.vm(&format!("vm{i}")).on("tokyo").create();
    }
    (Namespace::new(lab.host("tokyo")), web)
}

fn fixture(name: &str, web: VmId) -> String {
    let path = format!("{}/fixtures/wsman/{name}.xml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a fixture");
    text.replace("{web}", &web.to_string())
}

fn ask(endpoint: &Endpoint<Namespace<HostHandle>>, body: &[u8]) -> Response {
    endpoint.answer(Request { user: "admin", body, now: Duration::ZERO })
}

fn requests(c: &mut Criterion) {
    let namespace = r"root\virtualization\v2";
    let (client, web) = host(1);
    let endpoint = Endpoint::new("TOKYO", random_ids());
    let endpoint = endpoint.with(namespace, Schema::virtualization(), client.clone());
    let mut group = c.benchmark_group("wsman");
    let path = ObjectPath::class("Msvm_ComputerSystem").with("Name", web.to_string());
    group.bench_function("floor: Get without the protocol", |b| {
        b.iter(|| client.get(black_box(&path)));
    });
    for name in ["openwsman-get", "omicli-enumerate", "pypsrp-start", "wsl-identify"] {
        let request = fixture(name, web);
        assert_eq!(ask(&endpoint, request.as_bytes()).status, 200, "{name}");
        group.bench_function(name, |b| b.iter(|| ask(&endpoint, black_box(request.as_bytes()))));
    }
    group.finish();

    let (client, web) = host(1000);
    let endpoint = Endpoint::new("TOKYO", random_ids());
    let endpoint = endpoint.with(namespace, Schema::virtualization(), client.clone());
    let request = fixture("omicli-enumerate", web);
    let mut group = c.benchmark_group("wsman, a thousand virtual machines");
    group.bench_function("floor: enumerate without the protocol", |b| {
        b.iter(|| client.enumerate("Msvm_ComputerSystem"));
    });
    group.bench_function("omicli-enumerate", |b| {
        b.iter(|| ask(&endpoint, black_box(request.as_bytes())));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = requests
}
criterion_main!(benches);
