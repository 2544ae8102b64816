//! The server: two hosts, of which one is served.

use super::Outcome;
use super::traffic::VMS;
use hyperv_replica::cim::{Schema, namespace::Namespace};
use hyperv_replica::prelude::*;
use hyperv_replica::script::id_of_name;
use hyperv_replica::sim::{Clock, Lab, Wall};
use hyperv_replica::wsman::auth::{Guard, OsEntropy, Password, Users};
use hyperv_replica::wsman::{Endpoint, Host, HttpLimits, Server, random_ids};
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// By which this program is asked to be the server; the pace stands behind it.
pub(crate) const ARGUMENT: &str = "--serve";
pub(crate) const USER: &str = "admin";

struct Here(Instant);

impl Wall for Here {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
    fn wait(&self, time: Duration) {
        thread::sleep(time);
    }
}

/// Serves until the standard input ends, which it does when whoever started this is gone.
pub(crate) fn serve(pace: &str) -> Outcome<()> {
    let lab = Lab::new(["tokyo", "osaka"]);
    let tokyo = lab.host("tokyo");
    for number in 0..VMS {
        let name = format!("vm{number:02}");
        let vm = lab.vm(&name).id(id_of_name(&name)).on("tokyo").running().create();
        tokyo.wait(tokyo.create_replication_relationship(vm, Settings::to("osaka"))?)?;
        tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network)?)?;
    }
    lab.advance(hours(1));

    let clock = Clock::new(lab, pace.parse()?, Here(Instant::now()));
    let host = clock.host("tokyo").ok_or("there is no such host")?;
    let namespace = Namespace::new(host);
    let endpoint = Endpoint::new("TOKYO", random_ids())
        .with(r"root\virtualization\v2", Schema::virtualization(), namespace)
        .prompt();
    let password = Password::generate(&mut OsEntropy);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{} {}", listener.local_addr()?, password.reveal());
    let guard = Guard::new("tokyo", Users::default().with(USER, password));
    let limits = HttpLimits { connections: 512, ..HttpLimits::default() };
    let host = Host::new("tokyo", listener, endpoint, Arc::new(guard));
    let server = Server::start(vec![host], limits)?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    server.shutdown();
    Ok(())
}
