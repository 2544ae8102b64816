//! The whole way: a service over the client, over a connection, over the server, over a host of a
//! lab; and back.

use hyperv_replica::cim::namespace::Namespace;
use hyperv_replica::cim::{CimClient, CimClientExt, CimService, Instance, Schema, Value};
use hyperv_replica::layer::{Faults, Linter, Recorder, Replay};
use hyperv_replica::prelude::*;
use hyperv_replica::sim::{HostHandle, Lab};
use hyperv_replica::wsman::auth::negotiate::Wrapping;
use hyperv_replica::wsman::auth::{Credentials, Guard, Users};
use hyperv_replica::wsman::tls::{Fingerprint, Identity, Tls, Trust};
use hyperv_replica::wsman::{
    Client, Endpoint, Host, HttpLimits, Options, Scheme, Server, Waiting, random_ids,
};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

/// Serves a host on a port of its own.
fn serve(host: &HostHandle, tls: Option<Tls>) -> Arc<Server> {
    let users = Users::default().with("admin", "secret");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = || Namespace::new(host.clone());
    let endpoint = Endpoint::new("TOKYO", random_ids())
        .with(r"root\virtualization\v2", Schema::virtualization(), place())
        .with(r"root\cimv2", Schema::virtualization(), place());
    let guard = Arc::new(Guard::new("TOKYO", users));
    let host = Host::new("tokyo", listener, endpoint, guard);
    let host = match tls {
        Some(tls) => host.encrypted(Arc::new(tls)),
        None => host,
    };
    Arc::new(Server::start(vec![host], HttpLimits::default()).unwrap())
}

/// How to reach it, when the lab's clock moves as it is told. The server lives as long as a client
/// that is told so.
fn options(server: &Arc<Server>, host: &HostHandle, scheme: &str) -> Options {
    let (_, address) = server.addresses().next().unwrap();
    let (host, server) = (host.clone(), Arc::clone(server));
    let tell = move |duration| {
        let _ = &server;
        host.sleep(duration).map_err(|it| hyperv_replica::cim::Error::malformed(it.to_string()))
    };
    let admin = Credentials::new(r"TOKYO\admin", "secret");
    Options {
        waiting: Waiting::Told(Arc::new(tell)),
        timeout: Duration::from_secs(20),
        ..Options::new(format!("{scheme}://{address}/wsman"), admin)
    }
}

fn lab() -> (Lab, VmId) {
    let lab = Lab::new(["tokyo", "osaka"]);
    let web = lab.vm("web").on("tokyo").running().create();
    (lab, web)
}

/// Creates a relationship, starts it and reads it, through the service, and compares with what the
/// host itself says.
fn protects(service: &dyn ReplicationService, host: &HostHandle, web: VmId) {
    service
        .wait(service.create_replication_relationship(web, Settings::to("osaka")).unwrap())
        .unwrap();
    service.wait(service.start_replication(web, InitialReplication::Network).unwrap()).unwrap();
    service.sleep(hours(1)).unwrap();
    let id = RelationshipId::primary(web);
    // What is read in process, where times have microseconds, too.
    let direct = CimService::new(Namespace::new(host));
    let found = service.relationship(id).unwrap();
    assert_eq!(found, direct.relationship(id).unwrap());
    assert_eq!(found.state, ReplicationState::Replicating);
    assert_eq!(service.vms().unwrap(), direct.vms().unwrap());
    assert_eq!(service.host().unwrap(), host.host().unwrap());
    assert_eq!(service.now().unwrap().ticks() / 10, host.now().unwrap().ticks() / 10);
    // Only the number of a refusal travels.
    assert_eq!(service.commit_failover(web).unwrap_err().code(), Some(ErrorCode::InvalidState));
}

#[test]
fn a_host_is_driven_over_sealed_connections() {
    for wrapping in [Wrapping::Spnego, Wrapping::Bare] {
        let (lab, web) = lab();
        let host = lab.host("tokyo");
        let server = serve(&host, None);
        let scheme = Scheme::Negotiate(wrapping);
        let options = Options { scheme, ..options(&server, &host, "http") };
        protects(&CimService::new(Client::new(options).unwrap()), &host, web);
    }
}

/// The layers stand over a client of the wire as over anything, change nothing by themselves, and
/// what they recorded answers again.
#[test]
fn the_layers_stand_over_the_wire() {
    let (lab, web) = lab();
    let host = lab.host("tokyo");
    let server = serve(&host, None);
    let service = CimService::new(Client::new(options(&server, &host, "http")).unwrap());
    let (faults, linter, recorder) = (Faults::new(), Linter::new(), Recorder::new());
    let _asked = faults.rule(|_| None);
    let under = linter.over("tokyo", faults.over("tokyo", &service));
    let recorded = recorder.over("tokyo", under).unwrap();
    protects(&recorded, &host, web);
    linter.assert_clean();
    let replay = Replay::of(recorder.recording());
    let again = replay.host("tokyo");
    again.wait(again.create_replication_relationship(web, Settings::to("osaka")).unwrap()).unwrap();
    again.wait(again.start_replication(web, InitialReplication::Network).unwrap()).unwrap();
    let id = RelationshipId::primary(web);
    assert_eq!(again.relationship(id).unwrap().state, ReplicationState::Replicating);
    assert!(again.vms().is_ok() && again.host().is_ok());
    assert_eq!(again.commit_failover(web).unwrap_err().code(), Some(ErrorCode::InvalidState));
    assert!(replay.is_over());
}

#[test]
fn a_host_is_driven_over_tls() {
    let identity = Identity::generate(["127.0.0.1", "tokyo"]).unwrap();
    let trusts =
        [Trust::Pinned(identity.fingerprint()), Trust::Authority(identity.certificate_pem())];
    for trust in trusts {
        for scheme in [Scheme::Basic, Scheme::default()] {
            let (lab, web) = lab();
            let host = lab.host("tokyo");
            let server = serve(&host, Some(Tls::new(&identity).unwrap()));
            let trust = trust.clone();
            let options = Options { scheme, trust, ..options(&server, &host, "https") };
            protects(&CimService::new(Client::new(options).unwrap()), &host, web);
        }
    }
}

#[test]
fn a_server_that_nobody_vouches_for_is_told_nothing() {
    let identity = Identity::generate(["127.0.0.1"]).unwrap();
    let other = Identity::generate(["127.0.0.1"]).unwrap();
    let elsewhere = Identity::generate(["tokyo"]).unwrap();
    let (lab, _) = lab();
    let host = lab.host("tokyo");
    let server = serve(&host, Some(Tls::new(&identity).unwrap()));
    let ask = |server: &Arc<Server>, trust| {
        let options = Options { trust, scheme: Scheme::Basic, ..options(server, &host, "https") };
        Client::new(options).and_then(|it| it.enumerate("Msvm_ReplicationService"))
    };
    assert!(ask(&server, Trust::System).is_err());
    let wrong = ask(&server, Trust::Pinned(Fingerprint([0; 32]))).unwrap_err();
    assert!(wrong.to_string().contains("cannot be reached"), "{wrong}");
    assert!(ask(&server, Trust::Authority(other.certificate_pem())).is_err());
    assert!(ask(&server, Trust::Authority("nonsense".to_owned())).is_err());
    assert!(ask(&server, Trust::DangerAnyone).is_ok());
    // One with another name is not who was asked for, whoever vouches.
    let server = serve(&host, Some(Tls::new(&elsewhere).unwrap()));
    assert!(ask(&server, Trust::Authority(elsewhere.certificate_pem())).is_err());
    assert!(ask(&server, Trust::Pinned(elsewhere.fingerprint())).is_ok());
    // And whoever speaks in clear to it hears nothing.
    let options = Options { timeout: Duration::from_secs(2), ..options(&server, &host, "http") };
    assert!(Client::new(options).unwrap().enumerate("Msvm_ReplicationService").is_err());
}

#[test]
fn an_identity_is_read_from_text() {
    let made = Identity::generate(["tokyo"]).unwrap();
    let text = made.certificate_pem();
    // The key of another certificate is none.
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let read = Identity::from_pem(&text, &other).unwrap();
    assert_eq!(read.fingerprint(), made.fingerprint());
    assert!(Tls::new(&read).is_err());
    assert!(Tls::new(&made).is_ok());
    assert!(Identity::from_pem("", &other).is_err());
    assert!(Identity::from_pem(&text, &text).is_err());
    assert_eq!(format!("{made:?}"), format!("Identity({})", made.fingerprint()));
}

#[test]
fn queries_over_the_wire_find_what_the_namespace_does() {
    let (lab, web) = lab();
    let host = lab.host("tokyo");
    for number in 0..600 {
        lab.vm(&format!("vm{number}")).on("tokyo").create();
    }
    let server = serve(&host, None);
    let client = Client::new(options(&server, &host, "http")).unwrap();
    let direct = Namespace::new(host.clone());
    // More than one reply has room for.
    for wql in [
        "SELECT * FROM Msvm_ComputerSystem",
        "SELECT ElementName FROM Msvm_ComputerSystem WHERE EnabledState = 2",
        "SELECT * FROM Msvm_ReplicationService",
        "SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'nobody'",
    ] {
        let (found, expected) = (client.query(wql).unwrap(), direct.query(wql).unwrap());
        assert_eq!(found.len(), expected.len(), "{wql}");
        for (found, expected) in found.iter().zip(&expected) {
            let paths = (found.path.as_ref().unwrap(), expected.path.as_ref().unwrap());
            assert!(paths.0.is_same_object(paths.1), "{} {}", paths.0, paths.1);
            for (name, value) in expected.properties() {
                // An array that is null is not there.
                let found = found.get(name.as_str()).unwrap_or(&Value::Null);
                assert_eq!(found, value, "{name} of {}", paths.1);
            }
        }
    }
    let vm = direct.query(&format!("SELECT * FROM Msvm_ComputerSystem WHERE Name = '{web}'"));
    let path = vm.unwrap()[0].path.clone().unwrap();
    let found = client.get(&path).unwrap();
    assert_eq!(found.get("ElementName"), Some(&Value::from("web")));
    for wql in ["SELECT * FROM Msvm_Nonsense", "SELECT", "SELECT Nonsense FROM Msvm_ConcreteJob"] {
        let errors = [client.query(wql), direct.query(wql)].map(|it| it.unwrap_err());
        assert_eq!(errors[0].wbem_status(), errors[1].wbem_status(), "{wql}: {errors:?}");
    }
}

#[test]
fn events_arrive_over_the_wire() {
    let (lab, web) = lab();
    let host = lab.host("tokyo");
    let server = serve(&host, None);
    let client = Client::new(options(&server, &host, "http")).unwrap();
    let wql = "SELECT * FROM __InstanceCreationEvent WITHIN 1 \
               WHERE TargetInstance ISA 'Msvm_ConcreteJob'";
    let mut events = client.subscribe(wql).unwrap();
    assert!(events.next(Duration::ZERO).unwrap().is_none());
    let _ = host.create_replication_relationship(web, Settings::to("osaka")).unwrap();
    let event = events.next(Duration::from_secs(10)).unwrap().expect("a job began");
    assert_eq!(event.class, *"__InstanceCreationEvent");
    let job = event.read::<&Box<Instance>>("TargetInstance").unwrap().unwrap();
    assert_eq!(job.class, *"Msvm_ConcreteJob");
    assert!(job.path.is_some());
    // Others may be asked while a subscription is open.
    assert!(client.now().is_ok());
}

/// The suite that every backend has to pass, over the wire.
#[cfg(feature = "conformance")]
#[test]
fn every_behaviour_is_the_same_over_the_wire() {
    use hyperv_replica::model::WindowsBuild;
    use hyperv_replica::testkit::{LabFixture, conformance};

    fn over_the_wire(host: &HostHandle) -> Box<dyn ReplicationService> {
        Box::new(CimService::new(Client::new(options(&serve(host, None), host, "http")).unwrap()))
    }
    let build = WindowsBuild::Server2022;
    let bare = conformance::run(&mut || Box::new(LabFixture::new(build)));
    let wire = conformance::run(&mut || {
        Box::new(LabFixture::new(build).decorated(|it| over_the_wire(&it)))
    });
    assert_eq!(bare.to_string(), wire.to_string());
}
