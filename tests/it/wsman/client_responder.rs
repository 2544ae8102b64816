//! A server of HTTP that answers what a test wants, and nothing else.

use hyper::header::{CONTENT_TYPE, HeaderName};
use hyper::{HeaderMap, Response, StatusCode};
use hyperv_replica::wsman::{Authenticate, Authenticator, Peer, Verdict};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What becomes of a request.
pub(super) enum Act {
    Answer(Response<Vec<u8>>),
    /// These bytes, whatever they are, and the end of the connection.
    Bytes(Vec<u8>),
    /// An answer, and the end of the connection, which the answer does not mention.
    AnswerAndLeave(Response<Vec<u8>>),
    /// Nothing, and the end of the connection.
    Leave,
    /// Nothing at all.
    Silence,
}

/// What a server does on each connection: a number from 0, headers, body.
pub(super) type Handler = Arc<Mutex<dyn FnMut(usize, &HeaderMap, Vec<u8>) -> Act + Send>>;

pub(super) struct Responder {
    pub(super) address: SocketAddr,
    connections: Arc<Mutex<usize>>,
}

impl Responder {
    pub(super) fn new(
        handler: impl FnMut(usize, &HeaderMap, Vec<u8>) -> Act + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Mutex::new(0));
        let handler: Handler = Arc::new(Mutex::new(handler));
        let counter = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let number = {
                    let mut count = counter.lock().unwrap();
                    *count += 1;
                    *count - 1
                };
                let handler = Arc::clone(&handler);
                thread::spawn(move || serve(number, &stream.unwrap(), &handler));
            }
        });
        Self { address, connections }
    }

    /// A server that lets in whom the guard does, and answers as told what it is asked then.
    pub(super) fn guarded(
        guard: impl Authenticate + 'static,
        mut answer: impl FnMut(&str) -> Response<Vec<u8>> + Send + 'static,
    ) -> Self {
        let mut doors: Vec<Box<dyn Authenticator>> = Vec::new();
        Self::new(move |number, headers, body| {
            while doors.len() <= number {
                let address = "127.0.0.1:1".parse().unwrap();
                doors.push(guard.connection(Peer { address, is_encrypted: false }));
            }
            let door = &mut doors[number];
            Act::Answer(match door.check(headers, body) {
                Verdict::Answer(response) => response,
                Verdict::Granted { body, .. } if body.is_empty() => {
                    door.seal(Response::new(Vec::new()))
                }
                Verdict::Granted { body, .. } => {
                    door.seal(answer(std::str::from_utf8(&body).unwrap()))
                }
            })
        })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/wsman", self.address)
    }

    pub(super) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

fn serve(number: usize, stream: &TcpStream, handler: &Handler) {
    let mut reader = BufReader::new(stream);
    while let Some((headers, body)) = request(&mut reader) {
        let act = handler.lock().unwrap()(number, &headers, body);
        let (response, is_last) = match act {
            Act::Answer(response) => (response, false),
            Act::AnswerAndLeave(response) => (response, true),
            Act::Bytes(bytes) => {
                let _ = (&*stream).write_all(&bytes);
                break;
            }
            Act::Leave => break,
            Act::Silence => continue,
        };
        let mut bytes = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
        for (name, value) in response.headers() {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        let length = response.body().len();
        bytes.extend_from_slice(format!("content-length: {length}\r\n\r\n").as_bytes());
        bytes.extend_from_slice(response.body());
        if (&*stream).write_all(&bytes).is_err() || is_last {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn request(reader: &mut BufReader<&TcpStream>) -> Option<(HeaderMap, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|it| *it > 0)?;
    assert_eq!(line, "POST /wsman HTTP/1.1\r\n");
    let mut headers = HeaderMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    let length =
        headers.get("content-length").map_or(0, |it| it.to_str().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((headers, body))
}

/// A reply to a request, with this in its body.
pub(super) fn reply(request: &str, body: &str) -> Response<Vec<u8>> {
    soap(StatusCode::OK, &envelope(id_of(request), body))
}

pub(super) fn soap(status: StatusCode, text: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(text.as_bytes().to_vec());
    *response.status_mut() = status;
    let of = "application/soap+xml;charset=UTF-8".parse().unwrap();
    response.headers_mut().insert(CONTENT_TYPE, of);
    response
}

pub(super) fn envelope(relates_to: &str, body: &str) -> String {
    format!(
        r#"<s:Envelope xml:lang="en-US" xmlns:s="http://www.w3.org/2003/05/soap-envelope"
            xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
            xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration"
            xmlns:e="http://schemas.xmlsoap.org/ws/2004/08/eventing"
            xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
            xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common"
            xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
            <s:Header><a:RelatesTo>{relates_to}</a:RelatesTo></s:Header>
            <s:Body>{body}</s:Body></s:Envelope>"#
    )
}

/// What is between a tag and the next one.
pub(super) fn text_of<'a>(request: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = request.split_once(&format!("<{tag}"))?;
    let (_, rest) = rest.split_once('>')?;
    rest.split_once('<').map(|(text, _)| text)
}

pub(super) fn id_of(request: &str) -> &str {
    text_of(request, "a:MessageID").expect("a request has an id")
}
