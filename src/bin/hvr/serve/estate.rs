//! The hosts of a lab as they are served: each behind a port that stays its own, also while it is
//! not there.

use super::listener;
use crate::cli;
use hyperv_replica::cim::Schema;
use hyperv_replica::cim::namespace::Namespace;
use hyperv_replica::layer::{Faults, Faulty};
use hyperv_replica::model::{HostId, WindowsBuild};
use hyperv_replica::sim::{Clock, HostHandle, Paced};
use hyperv_replica::wsman::auth::{Guard, Users};
use hyperv_replica::wsman::tls::Tls;
use hyperv_replica::wsman::{
    Endpoint, Host, HttpLimits, Limits, Request, Respond, Response, Server, random_ids,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The number of a host that is not there: it answers as one that is down.
const GONE: HostId = HostId(u16::MAX);

/// A host of the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Machine {
    id: HostId,
    name: String,
    build: WindowsBuild,
}

impl Machine {
    /// What it calls itself: its name without a domain, in capitals.
    fn own_name(&self) -> String {
        self.name.split('.').next().unwrap_or_default().to_uppercase()
    }

    fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// What is the same for every host.
#[derive(Debug)]
pub(super) struct Plan {
    /// Where to listen, and from which port on.
    pub(super) listen: IpAddr,
    pub(super) port: u16,
    /// Who is let in.
    pub(super) users: Users,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) is_lenient: bool,
    pub(super) limits: Limits,
}

impl Plan {
    pub(super) fn new(args: &cli::Serve, users: Users, tls: Option<Arc<Tls>>) -> Self {
        const HTTP: u16 = 5985;
        const HTTPS: u16 = 5986;
        let port = args.port.unwrap_or(if args.tls { HTTPS } else { HTTP });
        let limits = Limits { envelope_bytes: args.max_envelope << 10, ..Limits::default() };
        Self { listen: args.listen, port, users, tls, is_lenient: args.lenient, limits }
    }

    fn endpoint(
        &self,
        machine: &Machine,
        host: &Paced<HostHandle>,
        faults: &Faults,
    ) -> LabEndpoint {
        let place = || Namespace::new(faults.over(&machine.name, host.clone()));
        let endpoint = Endpoint::new(machine.own_name(), random_ids())
            .with(r"root\virtualization\v2", Schema::virtualization(), place())
            .with(r"root\cimv2", Schema::virtualization(), place())
            .on_build(machine.build.to_wire().into())
            .prompt()
            .within(self.limits);
        if self.is_lenient { endpoint.lenient() } else { endpoint }
    }
}

type LabEndpoint = Endpoint<Namespace<Faulty<Paced<HostHandle>>>>;

/// What keeps answers at once and changes of faults apart.
///
/// A fault may be that a call takes its time, which nobody may do on a thread that connections
/// share. So as long as there is a fault, and while one may be armed, nothing is answered at once.
#[derive(Clone, Debug, Default)]
struct Gate {
    faults: Faults,
    arming: Arc<RwLock<()>>,
}

impl Gate {
    /// Does what takes no time unless a fault says so; `None` if one may.
    fn at_once<T>(&self, answer: impl FnOnce() -> Option<T>) -> Option<T> {
        let quiet = self.arming.try_read().ok()?;
        let answer = if self.faults.is_empty() { answer() } else { None };
        drop(quiet);
        answer
    }

    fn alone<T>(&self, arm: impl FnOnce() -> T) -> T {
        let _alone = self.arming.write().unwrap_or_else(PoisonError::into_inner);
        arm()
    }
}

/// What answers on the port of a host: that host, while it is in the lab.
#[derive(Clone, Debug)]
struct Door {
    behind: Arc<RwLock<Tenant>>,
    gate: Gate,
    max_body_bytes: usize,
}

#[derive(Clone, Debug)]
struct Tenant {
    machine: Machine,
    endpoint: Arc<LabEndpoint>,
}

impl Door {
    fn tenant(&self) -> Tenant {
        self.behind.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn let_to(&self, tenant: Tenant) {
        *self.behind.write().unwrap_or_else(PoisonError::into_inner) = tenant;
    }
}

impl Respond for Door {
    fn path(&self) -> &'static str {
        "/wsman"
    }

    fn takes(&self, content_type: &str) -> bool {
        self.tenant().endpoint.takes(content_type)
    }

    fn max_body_bytes(&self) -> usize {
        self.max_body_bytes
    }

    fn identify(&self, body: &[u8]) -> Option<Response> {
        self.tenant().endpoint.identify(body)
    }

    fn answer(&self, request: Request<'_>) -> Response {
        // It may take its time to answer, and somebody else come in meanwhile.
        self.tenant().endpoint.answer(request)
    }

    fn answer_at_once(&self, request: Request<'_>) -> Option<Response> {
        self.gate.at_once(|| self.tenant().endpoint.answer_at_once(request))
    }
}

/// The hosts of a lab, and the server that serves them.
#[derive(Debug)]
pub(super) struct Estate {
    clock: Clock,
    gate: Gate,
    plan: Plan,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// `None` before it is started and when it has ended.
    server: Option<Server>,
    doors: Vec<(Door, SocketAddr)>,
    /// Hosts for which there was no port.
    unserved: Vec<String>,
}

/// A host of the lab, and where it is served.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) name: Arc<str>,
    pub(super) address: SocketAddr,
}

impl Estate {
    pub(super) fn new(clock: Clock, faults: Faults, plan: Plan) -> Arc<Self> {
        let gate = Gate { faults, ..Gate::default() };
        Arc::new(Self { clock, gate, plan, kept: Mutex::default() })
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What clients meet, and whoever arranges the lab.
    pub(super) fn faults(&self) -> &Faults {
        &self.gate.faults
    }

    /// Does what may arm faults.
    pub(super) fn alone<T>(&self, arm: impl FnOnce() -> T) -> T {
        self.gate.alone(arm)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn machines(&self) -> Vec<Machine> {
        self.clock.lab().read(|world| {
            let machine = |(id, it): (HostId, hyperv_replica::model::Host)| Machine {
                id,
                name: it.name.to_string(),
                build: it.build,
            };
            world.hosts().map(machine).collect()
        })
    }

    /// Serves the hosts of the lab, and whatever else there is; where that is.
    pub(super) fn start(
        &self,
        more: Vec<Host>,
        limits: HttpLimits,
    ) -> Result<Vec<SocketAddr>, String> {
        let mut kept = self.kept();
        let opened: Result<Vec<_>, String> =
            self.machines().iter().enumerate().map(|(at, it)| self.open(it, at)).collect();
        let (doors, mut hosts): (Vec<_>, Vec<_>) = opened?.into_iter().unzip();
        hosts.extend(more);
        let server = Server::start(hosts, limits).map_err(|it| it.to_string())?;
        let mut addresses = server.addresses().map(|(_, address)| address);
        kept.doors = doors.into_iter().zip(addresses.by_ref()).collect();
        let rest = addresses.collect();
        kept.server = Some(server);
        Ok(rest)
    }

    fn tenant(&self, machine: Machine) -> Tenant {
        let paced = self.clock.host_by_id(machine.id);
        let endpoint = Arc::new(self.plan.endpoint(&machine, &paced, self.faults()));
        Tenant { machine, endpoint }
    }

    /// The door of a host that has none yet, with this number.
    fn open(&self, machine: &Machine, number: usize) -> Result<(Door, Host), String> {
        let door = Door {
            behind: Arc::new(RwLock::new(self.tenant(machine.clone()))),
            gate: self.gate.clone(),
            max_body_bytes: self.plan.limits.envelope_bytes as usize,
        };
        let listener = listener(&self.plan, number)?;
        let guard = Guard::new(machine.own_name(), self.plan.users.clone());
        let host = Host::new(&machine.name, listener, door.clone(), Arc::new(guard));
        let host = match &self.plan.tls {
            Some(tls) => host.encrypted(Arc::<Tls>::clone(tls)),
            None => host,
        };
        Ok((door, host))
    }

    /// Serves the lab as it has become: hosts that joined, and none that is no longer there. The
    /// new ones, or why one is not served.
    pub(super) fn keep_up(&self) -> Vec<Result<Place, String>> {
        let mut kept = self.kept();
        let machines = self.machines();
        for (door, _) in &kept.doors {
            let before = door.tenant().machine;
            let now = machines.iter().find(|it| it.is_called(&before.name));
            let now = now.cloned().unwrap_or_else(|| Machine { id: GONE, ..before.clone() });
            // It may have got another Windows, or another number in a lab that began anew.
            if now != before {
                door.let_to(self.tenant(now));
            }
        }
        let mut news = Vec::new();
        for machine in &machines {
            if kept.doors.iter().any(|(door, _)| door.tenant().machine.is_called(&machine.name)) {
                continue;
            }
            let added = self.add(&mut kept, machine);
            // That one is not served is said once, however often it is tried.
            let is_news = added.is_ok() || !kept.unserved.contains(&machine.name);
            kept.unserved.retain(|it| *it != machine.name);
            if added.is_err() {
                kept.unserved.push(machine.name.clone());
            }
            news.extend(is_news.then_some(added));
        }
        news
    }

    fn add(&self, kept: &mut Kept, machine: &Machine) -> Result<Place, String> {
        let why = |why: String| format!("{} is not served: {why}", machine.name);
        let (door, host) = self.open(machine, kept.doors.len()).map_err(why)?;
        let server = kept.server.as_mut().ok_or_else(|| why("the server ends".to_owned()))?;
        let address = server.add(host).map_err(|it| why(it.to_string()))?;
        let place = Place { name: machine.name.as_str().into(), address };
        kept.doors.push((door, address));
        Ok(place)
    }

    /// The hosts that are in the lab, and where each is served.
    pub(super) fn places(&self) -> Vec<Place> {
        let kept = self.kept();
        let tenants = kept.doors.iter().map(|(door, address)| (door.tenant().machine, *address));
        let there = tenants.filter(|(machine, _)| machine.id != GONE);
        there.map(|(it, address)| Place { name: it.name.into(), address }).collect()
    }

    /// Where clients on this machine reach it.
    pub(super) fn url(&self, place: &Place) -> String {
        let scheme = if self.plan.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/wsman", reached(place.address))
    }

    /// Takes no more requests.
    pub(super) fn close(&self) {
        // Whoever is being answered may want to know which hosts there are.
        let server = self.kept().server.take();
        if let Some(server) = server {
            server.shutdown();
        }
    }
}

/// An address at which this machine reaches what listens there.
pub(super) fn reached(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(it) if it.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(it) if it.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
