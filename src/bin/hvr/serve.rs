//! `hvr serve`: a lab as Windows hosts, until somebody ends it.

mod control;

mod end;

mod lab;

mod shown;

pub(crate) use control::{LINES, PATH};

use crate::secret::{self, Secret};
use crate::{Verdict, cli, style};
use control::Controlled;
use end::End;
use hyperv_replica::cim::Schema;
use hyperv_replica::cim::namespace::Namespace;
use hyperv_replica::model::WindowsBuild;
use hyperv_replica::sim::{Clock, HostHandle, Paced, Wall};
use hyperv_replica::wsman::auth::{Guard, Users};
use hyperv_replica::wsman::tls::{Fingerprint, Identity, Tls};
use hyperv_replica::wsman::{Endpoint, Host, HttpLimits, Limits, Server, random_ids};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Whose token lets somebody arrange the lab.
pub(crate) const CONTROLLER: &str = "control";

/// Serves the lab that the arguments name.
pub(crate) fn serve(
    args: &cli::Serve,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    // Before anybody is told that there is something to end.
    let end = End::new()?;
    let served = match Served::start(args) {
        Ok(served) => served,
        Err(why) => {
            style::error(err, &why)?;
            return Ok(Verdict::Broken);
        }
    };
    for note in &served.notes {
        style::note(err, note)?;
    }
    if args.json { shown::json(out, args, &served) } else { shown::table(out, args, &served) }?;
    out.flush()?;
    end.wait();
    served.server.shutdown();
    Ok(Verdict::Held)
}

/// A lab that is being served.
struct Served {
    server: Server,
    /// The hosts, and where each of them is.
    hosts: Vec<(Machine, SocketAddr)>,
    /// How time passes.
    clock: Clock,
    /// Who is let in.
    user: String,
    password: Secret,
    /// The certificate, with TLS.
    fingerprint: Option<Fingerprint>,
    control: Option<Controlling>,
    /// What the person who serves it should know.
    notes: Vec<String>,
}

/// Where a lab is arranged, and by whom.
struct Controlling {
    address: SocketAddr,
    token: Secret,
}

/// A host of the lab.
struct Machine {
    name: String,
    build: WindowsBuild,
}

impl Machine {
    /// What it calls itself: its name without a domain, in capitals.
    fn own_name(&self) -> String {
        self.name.split('.').next().unwrap_or_default().to_uppercase()
    }
}

impl Served {
    fn start(args: &cli::Serve) -> Result<Self, String> {
        refuse_exposure(args)?;
        let password = Secret::new(args.password.as_deref(), args.password_file.as_deref())?;
        let lab::Built { lab, notes } = lab::build(&args.script, args.journal.as_deref())?;
        let machines = machines(&lab);
        if machines.is_empty() {
            return Err(format!("`{}` has no host to serve", args.script.display()));
        }
        let identity = args.tls.then(|| identity(args, &machines)).transpose()?;
        let tls = identity.as_ref().map(Tls::new).transpose().map_err(|it| it.to_string())?;
        let tls = tls.map(Arc::new);
        let clock = Clock::new(lab, args.clock, WallClock::new());

        let users = Users::default().with(&args.user, password.text());
        let mut hosts = Vec::new();
        for (number, machine) in machines.iter().enumerate() {
            let listener = listener(args, number)?;
            let paced = clock.host(&machine.name);
            let paced = paced.ok_or_else(|| format!("there is no host `{}`", machine.name))?;
            let guard = Guard::new(machine.own_name(), users.clone());
            let host = Host::new(
                &machine.name,
                listener,
                endpoint(args, machine, &paced),
                Arc::new(guard),
            );
            hosts.push(match &tls {
                Some(tls) => host.encrypted(Arc::<Tls>::clone(tls)),
                None => host,
            });
        }
        let token = match args.control {
            None => None,
            Some(port) => {
                let token = Secret::generate();
                hosts.push(control(port, &token, &clock)?);
                Some(token)
            }
        };
        let limits = HttpLimits { connections: args.max_connections, ..HttpLimits::default() };
        let server = Server::start(hosts, limits).map_err(|it| it.to_string())?;

        let addresses: Vec<_> = server.addresses().map(|(_, address)| address).collect();
        let control = match token {
            None => None,
            Some(token) => {
                let token = match &args.token_file {
                    None => token,
                    Some(path) => token.written_to(path)?,
                };
                addresses.last().map(|address| Controlling { address: *address, token })
            }
        };
        Ok(Self {
            server,
            hosts: machines.into_iter().zip(addresses).collect(),
            clock,
            user: args.user.clone(),
            password,
            fingerprint: identity.as_ref().map(Identity::fingerprint),
            control,
            notes,
        })
    }
}

/// Nothing is said in clear where other machines listen.
fn refuse_exposure(args: &cli::Serve) -> Result<(), String> {
    let is_private = args.listen.to_canonical().is_loopback() || args.tls || args.sealed;
    if is_private {
        return Ok(());
    }
    Err(format!(
        "other machines can reach {}, and whoever listens there would learn what is said: use \
         `--tls`, or `--sealed` to take from them only what NTLM seals",
        args.listen
    ))
}

fn machines(lab: &hyperv_replica::sim::Lab) -> Vec<Machine> {
    lab.read(|world| {
        let hosts = world.hosts();
        hosts.map(|(_, it)| Machine { name: it.name.to_string(), build: it.build }).collect()
    })
}

/// Who the server is: as it is told, or somebody new.
fn identity(args: &cli::Serve, machines: &[Machine]) -> Result<Identity, String> {
    if let (Some(certificates), Some(key)) = (&args.cert, &args.key) {
        let (certificates, key) = (secret::read(certificates)?, secret::read(key)?);
        return Identity::from_pem(&certificates, &key).map_err(|it| it.to_string());
    }
    let mut names = vec!["localhost".to_owned(), IpAddr::from(Ipv4Addr::LOCALHOST).to_string()];
    names.push(args.listen.to_string());
    names.extend(machines.iter().map(|it| it.name.clone()));
    names.sort();
    names.dedup();
    let identity = Identity::generate(names).map_err(|it| it.to_string())?;
    if let Some(path) = &args.save_cert {
        let written = std::fs::write(path, identity.certificate_pem());
        written.map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
    }
    Ok(identity)
}

/// The port of the host with this number.
fn listener(args: &cli::Serve, number: usize) -> Result<TcpListener, String> {
    const HTTP: u16 = 5985;
    const HTTPS: u16 = 5986;
    let first = args.port.unwrap_or(if args.tls { HTTPS } else { HTTP });
    let number = u16::try_from(number).unwrap_or(u16::MAX);
    let port = match first {
        0 => Some(0),
        first => first.checked_add(number),
    };
    let port = port.ok_or_else(|| format!("there are not enough ports from {first} on"))?;
    bind(SocketAddr::new(args.listen, port))
}

fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).map_err(|error| {
        format!("cannot listen on {address}: {error}; `--port` chooses another, 0 one that is free")
    })
}

fn endpoint(
    args: &cli::Serve,
    machine: &Machine,
    host: &Paced<HostHandle>,
) -> Endpoint<Namespace<Paced<HostHandle>>> {
    let place = || Namespace::new(host.clone());
    let limits = Limits { envelope_bytes: args.max_envelope << 10, ..Limits::default() };
    let endpoint = Endpoint::new(machine.own_name(), random_ids())
        .with(r"root\virtualization\v2", Schema::virtualization(), place())
        .with(r"root\cimv2", Schema::virtualization(), place())
        .on_build(machine.build.to_wire().into())
        .prompt()
        .within(limits);
    if args.lenient { endpoint.lenient() } else { endpoint }
}

/// Control is for this machine alone.
fn control(port: u16, token: &Secret, clock: &Clock) -> Result<Host, String> {
    let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
    let listener = TcpListener::bind(address)
        .map_err(|error| format!("cannot listen on {address} for `--control`: {error}"))?;
    let users = Users::default().with(CONTROLLER, token.text());
    let guard = Guard::new(CONTROLLER, users);
    Ok(Host::new(CONTROLLER, listener, Controlled::new(clock.clone()), Arc::new(guard)))
}

/// The clock of this machine, which nothing else in the command reads.
struct WallClock {
    began: Instant,
}

impl WallClock {
    #[expect(clippy::disallowed_methods, reason = "those who are served live in real time")]
    fn new() -> Self {
        Self { began: Instant::now() }
    }
}

impl Wall for WallClock {
    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "those who are served live in real time")]
    fn wait(&self, time: Duration) {
        thread::sleep(time);
    }
}
