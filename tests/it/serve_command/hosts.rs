//! Hosts that join and leave a lab while it is served.

use super::{Served, TWO_SITES, folder, hvr, names, vm};
use hyperv_replica::cim::CimService;
use hyperv_replica::prelude::*;
use hyperv_replica::wsman::auth::Credentials;
use hyperv_replica::wsman::{Client, Options};
use serde_json::Value;

/// What control tells of the hosts: name and address of each, and the names of those that are new.
fn told_hosts(served: &Served, lines: &[&str]) -> (Vec<(String, String)>, Vec<String>) {
    let (status, out, err) = served.ctl(&[&["--json"], lines].concat());
    assert_eq!((status, &*err), (0, ""), "{out}");
    let json: Value = serde_json::from_str(&out).unwrap();
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let hosts = json["hosts"].as_array().unwrap();
    let new = hosts.iter().filter(|it| it["is_new"] == true).map(|it| text(&it["name"]));
    (hosts.iter().map(|it| (text(&it["name"]), text(&it["url"]))).collect(), new.collect())
}

fn url_of(hosts: &[(String, String)], name: &str) -> String {
    hosts.iter().find(|(it, _)| it == name).expect("it is served").1.clone()
}

fn client(served: &Served, url: &str) -> CimService<Client> {
    let options = Options::new(url, Credentials::new("admin", served.password()));
    CimService::new(Client::new(options).unwrap())
}

#[test]
fn a_host_that_joins_is_served_at_once() {
    let args = ["--clock", "manual", "--control"];
    let served = Served::start(&folder("joins"), TWO_SITES, &args);
    let out = served.told(&["host nara", "vm till on nara running"]);
    let table = out.split_once("host   address\n").expect("a table").1;
    assert!(table.contains("\nnara   http://127.0.0.1:"), "{out}");
    let (hosts, new) = told_hosts(&served, &["hosts"]);
    assert_eq!(hosts.iter().map(|it| &*it.0).collect::<Vec<_>>(), ["tokyo", "osaka", "nara"]);
    assert_eq!(new, [""; 0]);
    assert_eq!(url_of(&hosts, "osaka"), served.url("osaka"));
    let out = served.told(&["hosts"]);
    assert!(out.starts_with("host   address\ntokyo  http://"), "{out}");

    let nara = client(&served, &url_of(&hosts, "nara"));
    assert_eq!(nara.host().unwrap().name, "nara".into());
    assert_eq!(names(&nara), ["till"]);
    // It is a host like any other: to replicate to, and from.
    let till = vm(&nara, "till");
    let created = nara.create_replication_relationship(till, Settings::to("nara")).unwrap_err();
    assert!(created.code().is_some(), "not to itself: {created}");
    // A host of a fork is nobody's.
    let (_, new) = told_hosts(&served, &["fork what-if", "host kobe", "hosts"]);
    assert_eq!(new, [""; 0]);
}

/// An address stays that of a name, whatever becomes of the host.
#[test]
fn a_host_that_is_gone_does_not_answer_for_another() {
    let args = ["--clock", "manual", "--control"];
    let served = Served::start(&folder("leaves"), TWO_SITES, &args);
    let (hosts, new) = told_hosts(&served, &["host nara", "vm till on nara"]);
    assert_eq!(new, ["nara"]);
    let address = url_of(&hosts, "nara");
    let nara = client(&served, &address);
    assert_eq!(names(&nara), ["till"]);

    // Now kobe is the third, as nara was.
    let (hosts, new) = told_hosts(&served, &["reset", "host kobe build=14393", "vm desk on kobe"]);
    assert_eq!(new, ["kobe"]);
    assert_eq!(hosts.iter().map(|it| &*it.0).collect::<Vec<_>>(), ["tokyo", "osaka", "kobe"]);
    let gone = nara.vms().unwrap_err();
    assert!(matches!(gone, Error::Transport { .. }), "{gone}");
    let kobe = client(&served, &url_of(&hosts, "kobe"));
    assert_eq!(names(&kobe), ["desk"]);
    assert_eq!(names(&served.host("tokyo")).len(), 5, "others are served as before");

    // And back where it was.
    let (again, new) = told_hosts(&served, &["reset", "host nara", "vm shop on nara"]);
    assert_eq!(new, [""; 0], "it has had an address");
    assert_eq!(url_of(&again, "nara"), address);
    assert_eq!(names(&nara), ["shop"]);
    assert!(kobe.vms().is_err());
}

/// A host that cannot be served is there, and that it is not served is told.
#[test]
fn a_port_that_is_taken_is_told() {
    let folder = folder("taken");
    // Ports below the one that is taken, for the hosts that are there.
    let taken = (0..50).find_map(|_| {
        let it = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = it.local_addr().unwrap().port();
        let below = [port - 1, port - 2].map(|it| std::net::TcpListener::bind(("127.0.0.1", it)));
        below.iter().all(Result::is_ok).then_some((it, port))
    });
    let (_taken, port) = taken.expect("three free ports in a row");
    let first = (port - 2).to_string();
    let mut served = hvr();
    served.args(["serve", TWO_SITES, "--json", "--port", &first, "--control"]);
    let served = Served::of(served.current_dir(&folder), &folder);
    let (status, out, err) = served.ctl(&["host nara"]);
    assert_eq!(status, 1, "{out}");
    assert!(
        err.contains(&format!("nara is not served: cannot listen on 127.0.0.1:{port}")),
        "{err}"
    );
    served.told(&["expect tokyo print running"]);
}
