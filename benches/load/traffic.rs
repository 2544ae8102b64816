//! What clients ask, and what they note of the answers.

use super::Outcome;
use super::client::Connection;
use super::process::Served;
use hyperv_replica::script::id_of_name;
use hyperv_replica::wsman::auth::{Credentials, basic};
use std::time::{Duration, Instant};

const WMI: &str = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2";
const TRANSFER: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer";
const ENUMERATION: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";
const EVENTING: &str = "http://schemas.xmlsoap.org/ws/2004/08/eventing";
const WQL: &str = "http://schemas.microsoft.com/wbem/wsman/1/WQL";

/// How many virtual machines replicate.
pub(crate) const VMS: u64 = 20;

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Get,
    Query,
    Enumerate,
    /// All of these and more, in turns: jobs, and what nobody ends.
    Everything,
}

/// The virtual machine with this name.
pub(crate) fn query_for(name: &str) -> String {
    format!("SELECT * FROM Msvm_ComputerSystem WHERE ElementName = '{name}'")
}

/// Requests, each of them whole.
pub(crate) struct Traffic {
    served: std::net::SocketAddr,
    requests: Vec<Vec<u8>>,
}

impl Traffic {
    pub(crate) fn new(served: &Served, kind: Kind) -> Self {
        let credentials = Credentials::new(&served.user, served.password.as_str());
        let authorization = basic::header(&credentials);
        let vms = || (0..VMS).map(|number| format!("vm{number:02}"));
        let message = |action: &str, uri: &str, selectors: &[(&str, &str)], body: &str| {
            http(&authorization, &envelope(action, uri, selectors, body))
        };
        let (system, all) = (format!("{WMI}/Msvm_ComputerSystem"), format!("{WMI}/*"));
        let keys = |id: &str| {
            [("CreationClassName", "Msvm_ComputerSystem".to_owned()), ("Name", id.to_owned())]
        };
        let of_vm = |name: &str, action: &str, body: &str| {
            let keys = keys(&id_of_name(name).to_string());
            let keys: Vec<_> = keys.iter().map(|(name, key)| (*name, key.as_str())).collect();
            message(action, &system, &keys, body)
        };
        let enumerate = |uri: &str, inner: &str| {
            let body = format!("<n:Enumerate>{inner}</n:Enumerate>");
            message(&format!("{ENUMERATION}/Enumerate"), uri, &[], &body)
        };
        let filter = |wql: &str| format!("<w:Filter Dialect=\"{WQL}\">{wql}</w:Filter>");
        let optimized = "<w:OptimizeEnumeration/><w:MaxElements>1000</w:MaxElements>";
        let replicate = |name: &str, state: u16| {
            let input = format!(
                "<p:RequestReplicationStateChange_INPUT xmlns:p=\"{system}\"><p:RequestedState>{state}\
                 </p:RequestedState></p:RequestReplicationStateChange_INPUT>"
            );
            of_vm(name, &format!("{system}/RequestReplicationStateChange"), &input)
        };
        let get = vms().map(|it| of_vm(&it, &format!("{TRANSFER}/Get"), ""));
        let query =
            vms().map(|it| enumerate(&all, &(optimized.to_owned() + &filter(&query_for(&it)))));
        let lines = enumerate(&format!("{WMI}/Msvm_ReplicationRelationship"), optimized);
        let requests = match kind {
            Kind::Get => get.collect(),
            Kind::Query => query.collect(),
            Kind::Enumerate => vec![lines],
            Kind::Everything => {
                let mut requests: Vec<_> = get.chain(query).collect();
                requests.push(lines);
                // Paused and resumed, by jobs that are kept for a while.
                requests.extend(vms().map(|it| replicate(&it, 7)));
                requests.extend(vms().map(|it| replicate(&it, 3)));
                requests.push(enumerate(&format!("{WMI}/Msvm_ConcreteJob"), optimized));
                // Begun and never pulled.
                requests.push(enumerate(&system, ""));
                let delivery = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Pull";
                let events = filter(
                    "SELECT * FROM __InstanceModificationEvent WITHIN 5 WHERE TargetInstance ISA \
                     'Msvm_ConcreteJob'",
                );
                let body = format!(
                    "<e:Subscribe><e:Delivery Mode=\"{delivery}\"/><e:Expires>PT10S</e:Expires>{events}\
                     </e:Subscribe>"
                );
                requests.push(message(&format!("{EVENTING}/Subscribe"), &all, &[], &body));
                // And what is refused.
                requests.push(enumerate(&all, &filter("SELECT * FROM Msvm_Nothing")));
                requests
            }
        };
        Self { served: served.address, requests }
    }

    pub(crate) fn first_request(&self) -> Vec<u8> {
        self.requests.first().cloned().unwrap_or_default()
    }

    /// Asks again and again on one connection, beginning at another place for each number.
    pub(crate) fn ask_until(&self, until: Instant, number: u64) -> Outcome<Answers> {
        let mut connection = Connection::open(self.served)?;
        let mut answers = Answers::default();
        let first = usize::try_from(number)? * 7 % self.requests.len();
        for request in self.requests.iter().cycle().skip(first) {
            let asked = Instant::now();
            if asked >= until {
                break;
            }
            let (status, _) = connection.ask(request)?;
            answers.note(status, asked.elapsed());
        }
        Ok(answers)
    }
}

fn envelope(action: &str, uri: &str, selectors: &[(&str, &str)], body: &str) -> String {
    let selector =
        |(name, key): &(&str, &str)| format!("<w:Selector Name=\"{name}\">{key}</w:Selector>");
    let selectors = selectors.iter().map(selector).collect::<Vec<_>>().concat();
    let anonymous = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
    format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" xmlns:n=\"{ENUMERATION}\" \
         xmlns:e=\"{EVENTING}\" xmlns:w=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\"><s:Header>\
         <a:Action>{action}</a:Action><a:MessageID>uuid:7A5D0000-0000-4000-8000-000000000001\
         </a:MessageID><a:ReplyTo><a:Address>{anonymous}</a:Address></a:ReplyTo>\
         <w:ResourceURI>{uri}</w:ResourceURI><w:OperationTimeout>PT60S</w:OperationTimeout>\
         <w:SelectorSet>{selectors}</w:SelectorSet></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn http(authorization: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /wsman HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\n\
         Content-Type: application/soap+xml;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What was noted of answers.
#[derive(Default)]
pub(crate) struct Answers {
    times: Vec<Duration>,
    /// How many were no success.
    faults: usize,
}

impl Answers {
    pub(crate) fn note(&mut self, status: u16, time: Duration) {
        self.times.push(time);
        self.faults += usize::from(status != 200);
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        self.faults += other.faults;
    }

    pub(crate) fn count(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn expect_only_success(&self, what: &str) -> Outcome<()> {
        match (self.faults, self.count()) {
            (0, 1..) => Ok(()),
            (faults, count) => Err(format!("{what}: {faults} of {count} are faults").into()),
        }
    }

    /// The time within which so many of a thousand were answered.
    pub(crate) fn quantile(&mut self, thousandths: usize) -> Duration {
        self.times.sort_unstable();
        let at = (self.times.len() * thousandths).div_ceil(1000).saturating_sub(1);
        self.times.get(at).copied().unwrap_or_default()
    }
}
