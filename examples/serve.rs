//! Serves two simulated hosts to whoever speaks WS-Management, for as long as a command runs.
//!
//! ```sh
//! cargo run --features wsman --example serve -- sh -c 'curl -sS -u "$HVR_USER:$HVR_PASSWORD" \
//!     -H "Content-Type: application/soap+xml" -d @request.xml "$HVR_TOKYO"'
//! ```
//!
//! The command finds the hosts in `HVR_TOKYO` and `HVR_OSAKA`, and who is let in in `HVR_USER` and
//! `HVR_PASSWORD`. Whoever polls a job never waits: time leaps to the next event. Ends as the command
//! does.

use hyperv_replica::cim::{Schema, namespace::Namespace};
use hyperv_replica::sim::{Clock, Lab, Pace, Wall};
use hyperv_replica::wsman::auth::{Guard, OsEntropy, Password, Users};
use hyperv_replica::wsman::{Endpoint, Host, HttpLimits, Server, random_ids};
use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

const USER: &str = "admin";

/// Nobody waits: time leaps.
struct NoWall;

impl Wall for NoWall {
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
    fn wait(&self, _: Duration) {}
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let mut command = Command::new(words.next().ok_or("expected a command to run")?);
    command.args(words);

    let lab = Lab::new(["tokyo", "osaka"]);
    lab.vm("web").on("tokyo").running().create();
    let clock = Clock::new(lab, Pace::Jump, NoWall);

    let password = Password::generate(&mut OsEntropy);
    command.env("HVR_USER", USER).env("HVR_PASSWORD", password.reveal());
    let users = Users::default().with(USER, password);
    let mut hosts = Vec::new();
    for name in ["tokyo", "osaka"] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let url = format!("http://{}/wsman", listener.local_addr()?);
        command.env(format!("HVR_{}", name.to_uppercase()), url);
        let namespace = Namespace::new(clock.host(name).ok_or("there is no such host")?);
        let endpoint = Endpoint::new(name.to_uppercase(), random_ids()).with(
            r"root\virtualization\v2",
            Schema::virtualization(),
            namespace,
        );
        let guard = Arc::new(Guard::new(name, users.clone()));
        hosts.push(Host::new(name, listener, endpoint, guard));
    }
    let server = Server::start(hosts, HttpLimits::default())?;
    let status = command.status()?;
    server.shutdown();
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
