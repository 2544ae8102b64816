//! WS-Management, as clients and servers speak it.

mod enumerate;
mod events;
mod garbage;
mod object;
mod server;

mod auth;
mod auth_guard;
mod client;
mod client_responder;
mod client_stack;

use hyperv_replica::cim::namespace::Namespace;
use hyperv_replica::cim::{CimClientExt, Schema};
use hyperv_replica::model::VmId;
use hyperv_replica::sim::{HostHandle, Lab};
use hyperv_replica::wsman::{Endpoint, Limits, Request, Response};
use std::time::Duration;

const NAMESPACE: &str = r"root\virtualization\v2";

/// A host with an endpoint, and one virtual machine that replicates nowhere yet.
struct Bench {
    lab: Lab,
    web: VmId,
    endpoint: Endpoint<Namespace<HostHandle>>,
}

/// Numbers that anybody guesses, so that a reply is the same each time.
fn counted() -> impl FnMut() -> u128 + Send + 'static {
    let mut last = 0;
    move || {
        last += 1;
        last
    }
}

impl Bench {
    fn new() -> Self {
        let lab = Lab::new(["tokyo", "osaka"]);
        let web = lab.vm("web").on("tokyo").running().create();
        let client = Namespace::new(lab.host("tokyo"));
        let endpoint = Endpoint::new("TOKYO", counted());
        let endpoint = endpoint.with(NAMESPACE, Schema::virtualization(), client);
        Self { lab, web, endpoint }
    }

    fn lenient() -> Self {
        let Self { lab, web, endpoint } = Self::new();
        Self { lab, web, endpoint: endpoint.lenient() }
    }

    fn within(limits: Limits) -> Self {
        let Self { lab, web, endpoint } = Self::new();
        Self { lab, web, endpoint: endpoint.within(limits) }
    }

    /// A request of `fixtures/wsman`, which say whose it is by their names.
    fn fixture(&self, name: &str) -> String {
        let path = format!("{}/fixtures/wsman/{name}.xml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let settings = Namespace::new(self.lab.host("tokyo"))
            .enumerate("Msvm_ReplicationServiceSettingData")
            .unwrap();
        let settings: &str = settings[0].read("InstanceID").unwrap().unwrap();
        // One client writes GUIDs in lower case.
        let web = self.web.to_string();
        let web = if name.starts_with("libvirt") { web.to_lowercase() } else { web };
        text.replace("{web}", &web).replace("{settings}", settings)
    }

    fn answer(&self, body: &[u8]) -> Response {
        self.answer_at(body, Duration::ZERO, "admin")
    }

    fn answer_at(&self, body: &[u8], now: Duration, user: &str) -> Response {
        self.endpoint.answer(Request { user, body, now })
    }

    /// What a fixture is answered with: the status, and the body of the envelope.
    fn ask(&self, name: &str) -> (u16, String) {
        self.say(&self.fixture(name))
    }

    fn say(&self, request: &str) -> (u16, String) {
        let response = self.answer(request.as_bytes());
        assert_eq!(response.content_type, "application/soap+xml;charset=UTF-8");
        let text = String::from_utf8(response.body).unwrap();
        (response.status, body(&text).to_owned())
    }

    /// What a fixture is answered with, if it is no fault.
    fn ok(&self, name: &str) -> String {
        let (status, body) = self.ask(name);
        assert_eq!(status, 200, "{body}");
        body
    }

    /// What a fixture is refused with.
    fn fault(&self, name: &str) -> String {
        let (status, body) = self.ask(name);
        assert_eq!(status, 500, "{body}");
        body
    }

    /// What a fixture that goes on with an enumeration is answered with.
    fn go_on(&self, name: &str, context: &str) -> (u16, String) {
        self.say(&self.fixture(name).replace("{context}", context))
    }
}

fn body(envelope: &str) -> &str {
    let start = envelope.find("<s:Body>").map_or(0, |it| it + "<s:Body>".len());
    let end = envelope.find("</s:Body>").unwrap_or(envelope.len());
    &envelope[start..end]
}

/// The text of the first element with a name.
fn text<'a>(xml: &'a str, element: &str) -> &'a str {
    let start = xml.find(&format!("<{element}>")).unwrap_or_else(|| panic!("{element} in {xml}"));
    let rest = &xml[start + element.len() + 2..];
    &rest[..rest.find('<').unwrap_or(rest.len())]
}

#[track_caller]
fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}\n\nin {text}");
    }
}
