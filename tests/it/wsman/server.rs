//! The server on a port, as bytes on a socket.

use super::{Bench, NAMESPACE, assert_has, counted, text};
use hyper::{HeaderMap, Response, StatusCode};
use hyperv_replica::cim::namespace::Namespace;
use hyperv_replica::cim::{CimClient, Instance, ObjectPath, Reply, Result, Schema, Subscription};
use hyperv_replica::model::SimTime;
use hyperv_replica::sim::HostHandle;
use hyperv_replica::wsman::{
    Authenticate, Authenticator, Endpoint, Host, HttpLimits, Peer, Request, Respond,
    Response as Answer, Server, ServerError, Verdict, random_ids,
};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Lets in who says the word, and says how many requests a connection has made.
#[derive(Debug)]
struct Word {
    is_sealed: bool,
}

struct Listening {
    requests: u32,
}

impl Authenticate for Word {
    fn connection(&self, peer: Peer) -> Box<dyn Authenticator> {
        assert!(peer.address.ip().is_loopback() && !peer.is_encrypted);
        Box::new(Listening { requests: 0 })
    }
    fn is_sealed(&self) -> bool {
        self.is_sealed
    }
}

impl Authenticator for Listening {
    fn check(&mut self, headers: &HeaderMap, body: Vec<u8>) -> Verdict {
        self.requests += 1;
        if headers.get("authorization").is_some_and(|it| it == "Sesame") {
            return Verdict::Granted { user: "admin".into(), body };
        }
        let mut answer = Response::new(b"who?".to_vec());
        *answer.status_mut() = StatusCode::UNAUTHORIZED;
        answer.headers_mut().insert("www-authenticate", "Sesame".parse().unwrap());
        Verdict::Answer(answer)
    }
    fn seal(&mut self, mut response: Response<Vec<u8>>) -> Response<Vec<u8>> {
        response.headers_mut().insert("x-requests", self.requests.into());
        response
    }
}

const OPEN: Word = Word { is_sealed: false };

fn loopback() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn served(bench: &Bench, limits: HttpLimits) -> (Server, SocketAddr) {
    let endpoint = Endpoint::new("TOKYO", random_ids());
    let client = Namespace::new(bench.lab.host("tokyo"));
    let endpoint = endpoint.with(NAMESPACE, Schema::virtualization(), client);
    let host = Host::new("tokyo", loopback(), endpoint, Arc::new(OPEN));
    let server = Server::start(vec![host], limits).unwrap();
    let address = server.addresses().next().unwrap().1;
    (server, address)
}

/// One connection, which nobody waits on for ever.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self(BufReader::new(stream))
    }

    fn send(&mut self, bytes: &[u8]) {
        // The other side may close before it has heard everything.
        let _ = self.0.get_mut().write_all(bytes);
    }

    /// The status, the head and the body of the next response; `None` if the connection is closed.
    fn read(&mut self) -> Option<(u16, String, String)> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head).unwrap_or(0) == 0 {
                return None;
            }
        }
        let head = head.to_lowercase();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let length = head.split("content-length: ").nth(1).map_or("0", |it| it.trim_start());
        let length = length.split("\r\n").next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        Some((status, head, String::from_utf8(body).unwrap()))
    }

    fn post(&mut self, headers: &str, body: &str) -> (u16, String, String) {
        self.send(request(headers, body).as_bytes());
        self.read().expect("a response")
    }
}

const SOAP: &str = "Content-Type: application/soap+xml;charset=UTF-8\r\n";
const LET_IN: &str =
    "Content-Type: application/soap+xml;charset=UTF-8\r\nAuthorization: Sesame\r\n";

fn request(headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST /wsman HTTP/1.1\r\nHost: tokyo\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
}

#[test]
fn requests_of_a_connection_are_judged_one_after_the_other() {
    let bench = Bench::new();
    let (server, address) = served(&bench, HttpLimits::default());
    let body = bench.fixture("openwsman-get");
    let mut connection = Connection::to(address);
    let (status, head, answer) = connection.post(SOAP, &body);
    assert_eq!((status, answer.as_str()), (401, "who?"));
    assert_has(&head, &["www-authenticate: sesame\r\n"]);
    assert!(!head.contains("x-requests"), "{head}");
    for requests in 2..4 {
        let (status, head, answer) = connection.post(LET_IN, &body);
        assert_eq!(status, 200, "{answer}");
        let requests = format!("x-requests: {requests}\r\n");
        assert_has(&head, &["content-type: application/soap+xml;charset=utf-8\r\n", &requests]);
        assert_has(&answer, &[&bench.web.to_string()]);
    }
    // Some begin with a request that is empty.
    assert_eq!(connection.post("Authorization: Sesame\r\n", "").0, 200);
    let fault = bench.fixture("openwsman-get-no-class");
    assert_eq!(connection.post(LET_IN, &fault).0, 500);
    server.shutdown();
}

/// MS-WSMV, 3.1.4.1.19: a header of its own says that there are no credentials.
#[test]
fn anybody_may_ask_what_it_is() {
    let bench = Bench::new();
    let (_server, address) = served(&bench, HttpLimits::default());
    let headers = format!("{SOAP}WSMANIDENTIFY: unauthenticated\r\n");
    let mut connection = Connection::to(address);
    let (status, _, answer) = connection.post(&headers, &bench.fixture("wsl-identify"));
    assert_eq!(status, 200);
    assert_has(&answer, &["OS: 0.0.0 SP: 0.0"]);
    assert_eq!(connection.post(&headers, &bench.fixture("openwsman-get")).0, 401);
    assert_eq!(connection.post(SOAP, &bench.fixture("wsl-identify")).0, 401);
}

#[test]
fn what_is_no_request_is_a_status() {
    let bench = Bench::new();
    let (_server, address) = served(&bench, HttpLimits::default());
    let ask = |text: &str| {
        let mut connection = Connection::to(address);
        connection.send(text.as_bytes());
        let (status, head, _) = connection.read().expect("a response");
        assert!(!head.contains("access-control"), "{head}");
        status
    };
    let rest = "HTTP/1.1\r\nHost: tokyo\r\n";
    assert_eq!(ask(&format!("GET /wsman {rest}\r\n")), 405);
    let origin = "Origin: http://elsewhere.example\r\nAccess-Control-Request-Method: POST\r\n";
    assert_eq!(ask(&format!("OPTIONS /wsman {rest}{origin}\r\n")), 405);
    assert_eq!(ask(&format!("POST /other {rest}{LET_IN}Content-Length: 0\r\n\r\n")), 404);
    assert_eq!(ask(&request("Content-Type: text/plain\r\n", "x")), 415);
    assert_eq!(ask("nonsense\r\n\r\n"), 400);
    assert_eq!(ask(&format!("POST /wsman/ {rest}{LET_IN}Content-Length: 0\r\n\r\n")), 200);
    // Too large: said before it is sent, or found out.
    assert_eq!(ask(&format!("POST /wsman {rest}{LET_IN}Content-Length: 9999999\r\n\r\n")), 413);
    let chunk = format!("80000\r\n{}\r\n", "x".repeat(0x8_0000));
    let chunked = format!("POST /wsman {rest}{LET_IN}Transfer-Encoding: chunked\r\n\r\n{chunk}");
    assert_eq!(ask(&chunked), 413);
    assert_eq!(ask(&format!("GET /wsman {rest}X: {}\r\n\r\n", "x".repeat(20_000))), 431);
    assert_eq!(ask(&format!("GET /wsman {rest}{}\r\n", "X: y\r\n".repeat(100))), 431);
}

const SHORT: Duration = Duration::from_millis(300);

/// A client that is slow, or gone, holds nobody up for long.
#[test]
fn slow_clients_are_cut_off() {
    let bench = Bench::new();
    let limits = HttpLimits {
        connections: 1,
        head: SHORT,
        body: SHORT,
        stalled: SHORT,
        ..HttpLimits::default()
    };
    let (_server, address) = served(&bench, limits);
    // Half a head, and nothing at all.
    for half in ["POST /wsman HT", ""] {
        let mut connection = Connection::to(address);
        connection.send(half.as_bytes());
        assert!(connection.read().is_none_or(|(status, _, _)| status == 408));
    }
    let mut connection = Connection::to(address);
    connection.send(
        format!("POST /wsman HTTP/1.1\r\nHost: t\r\n{LET_IN}Content-Length: 9\r\n\r\nhalf")
            .as_bytes(),
    );
    assert_eq!(connection.read().unwrap().0, 408);
    drop(connection);
    // One that asks and never reads; the next client waits for its place, and gets it.
    let mut deaf = Connection::to(address);
    let asks = request(LET_IN, &bench.fixture("windows-get-class")).repeat(500);
    deaf.0.get_mut().set_write_timeout(Some(SHORT)).unwrap();
    deaf.send(asks.as_bytes());
    let mut next = Connection::to(address);
    assert_eq!(next.post(LET_IN, &bench.fixture("openwsman-get")).0, 200);
}

#[test]
fn nobody_is_served_in_clear_text_elsewhere() {
    let start = |word: Word| {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let endpoint: Endpoint<Namespace<HostHandle>> = Endpoint::new("TOKYO", counted());
        Server::start(
            vec![Host::new("tokyo", listener, endpoint, Arc::new(word))],
            HttpLimits::default(),
        )
    };
    let error = start(OPEN).unwrap_err();
    assert!(matches!(&error, ServerError::Exposed { name, .. } if name == "tokyo"));
    assert_has(&error.to_string(), &["clear text on 0.0.0.0:", "loopback", "TLS"]);
    start(Word { is_sealed: true }).unwrap();
}

#[test]
fn each_host_has_its_own_port() {
    let bench = Bench::new();
    let host = |name: &str| {
        let endpoint = Endpoint::new(name, random_ids());
        let client = Namespace::new(bench.lab.host(name));
        let endpoint = endpoint.with(NAMESPACE, Schema::virtualization(), client);
        Host::new(name, loopback(), endpoint, Arc::new(OPEN))
    };
    let server = Server::start(vec![host("tokyo"), host("osaka")], HttpLimits::default()).unwrap();
    let addresses: Vec<_> = server.addresses().collect();
    assert_eq!(addresses.iter().map(|it| it.0).collect::<Vec<_>>(), ["tokyo", "osaka"]);
    // Only one of them has the virtual machine.
    let get = bench.fixture("openwsman-get");
    let status = |at: usize| Connection::to(addresses[at].1).post(LET_IN, &get).0;
    assert_eq!([status(0), status(1)], [200, 500]);
}

/// A service whose events come when a test says so.
#[derive(Debug)]
struct Gated {
    inner: Namespace<HostHandle>,
    gate: Arc<Mutex<Receiver<()>>>,
    waiting: SyncSender<()>,
}

#[derive(Debug)]
struct Gate<'a>(&'a Gated);

impl Subscription for Gate<'_> {
    fn next(&mut self, timeout: Duration) -> Result<Option<Instance>> {
        if timeout.is_zero() {
            return Ok(None);
        }
        self.0.waiting.send(()).unwrap();
        self.0.gate.lock().unwrap().recv().unwrap();
        Ok(Some(Instance::new("__InstanceModificationEvent")))
    }
}

impl CimClient for Gated {
    fn get(&self, path: &ObjectPath) -> Result<Instance> {
        self.inner.get(path)
    }
    fn query(&self, wql: &str) -> Result<Vec<Instance>> {
        self.inner.query(wql)
    }
    fn invoke(&self, path: &ObjectPath, method: &str, arguments: &Instance) -> Result<Reply> {
        self.inner.invoke(path, method, arguments)
    }
    fn subscribe(&self, _: &str) -> Result<Box<dyn Subscription + '_>> {
        Ok(Box::new(Gate(self)))
    }
    fn now(&self) -> Result<SimTime> {
        self.inner.now()
    }
    fn sleep(&self, duration: Duration) -> Result<()> {
        self.inner.sleep(duration)
    }
}

/// What is answered at once is what is answered, and what may wait is not answered so, however it is
/// spelled.
#[test]
fn what_may_wait_is_not_answered_at_once() {
    let (bench, twin) = (Bench::new(), Bench::new());
    let ask = |body: &str| bench.endpoint.answer_at_once(at_first(body));
    let get = bench.fixture("openwsman-get");
    assert_eq!(ask(&get), None, "its services may have to ask elsewhere");
    let Bench { lab, web, endpoint } = bench;
    let bench = Bench { lab, web, endpoint: endpoint.prompt() };
    let ask = |body: &str| bench.endpoint.answer_at_once(at_first(body));
    assert_eq!(ask(&get), Some(twin.answer(get.as_bytes())));
    assert_eq!(ask("<"), Some(twin.answer(b"<")));
    let pull = bench.fixture("openwsman-pull-events");
    for spelled in ["/Pull<", "/Pu&#108;l<", "/<![CDATA[Pull]]><", "/Pull \n<"] {
        let pull = pull.replace("/Pull<", spelled);
        assert_has(&pull, &[spelled]);
        assert_eq!(ask(&pull), None, "{spelled}");
    }
}

fn at_first(body: &str) -> Request<'_> {
    Request { user: "admin", body: body.as_bytes(), now: Duration::ZERO }
}

/// What responds badly: by a panic, on whichever thread.
#[derive(Debug)]
struct Broken;

impl Respond for Broken {
    fn path(&self) -> &'static str {
        "/wsman"
    }
    fn takes(&self, _: &str) -> bool {
        true
    }
    fn max_body_bytes(&self) -> usize {
        1024
    }
    fn identify(&self, _: &[u8]) -> Option<Answer> {
        None
    }
    fn answer(&self, _: Request<'_>) -> Answer {
        panic!("a bug on a thread that may wait")
    }
    fn answer_at_once(&self, request: Request<'_>) -> Option<Answer> {
        assert!(request.body != b"now", "a bug on a thread that is shared");
        None
    }
}

#[test]
fn a_bug_costs_one_answer() {
    let host = Host::new("tokyo", loopback(), Broken, Arc::new(OPEN));
    let server = Server::start(vec![host], HttpLimits::default()).unwrap();
    let mut connection = Connection::to(server.addresses().next().unwrap().1);
    for body in ["now", "later", "now"] {
        assert_eq!(connection.post(LET_IN, body).0, 500, "{body}");
    }
}

/// A request that waits for an event holds up nobody else, and a server that shuts down lets it end.
#[test]
fn waiting_holds_up_nobody() {
    waits_alone(|it| it);
    waits_alone(Endpoint::prompt);
}

fn waits_alone(change: impl FnOnce(Endpoint<Gated>) -> Endpoint<Gated>) {
    let bench = Bench::new();
    let (open, gate) = sync_channel(1);
    let (waiting, is_waiting) = sync_channel(1);
    let inner = Namespace::new(bench.lab.host("tokyo"));
    let client = Gated { inner, gate: Arc::new(Mutex::new(gate)), waiting };
    let endpoint = Endpoint::new("TOKYO", random_ids());
    let endpoint = change(endpoint.with(NAMESPACE, Schema::virtualization(), client));
    let host = Host::new("tokyo", loopback(), endpoint, Arc::new(OPEN));
    let server = Server::start(vec![host], HttpLimits::default()).unwrap();
    let address = server.addresses().next().unwrap().1;

    let mut pulling = Connection::to(address);
    let (_, _, begun) = pulling.post(LET_IN, &bench.fixture("openwsman-subscribe"));
    let pull = bench.fixture("openwsman-pull-events");
    let pull = pull.replace("{context}", text(&begun, "n:EnumerationContext"));
    pulling.send(request(LET_IN, &pull).as_bytes());
    is_waiting.recv().unwrap();
    // The same subscription is in use, and everything else is not.
    let mut other = Connection::to(address);
    assert_has(&other.post(LET_IN, &pull).2, &["<s:Value>w:Concurrency</s:Value>"]);
    for _ in 0..10 {
        assert_eq!(other.post(LET_IN, &bench.fixture("openwsman-get")).0, 200);
    }
    drop(other);
    let ending = std::thread::spawn(move || server.shutdown());
    open.send(()).unwrap();
    let (status, _, events) = pulling.read().unwrap();
    assert_eq!(status, 200, "{events}");
    assert_has(&events, &["<p:__InstanceModificationEvent "]);
    ending.join().unwrap();
    assert!(pulling.read().is_none());
    assert!(TcpStream::connect(address).is_err());
}
