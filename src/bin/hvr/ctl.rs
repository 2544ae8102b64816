//! `hvr ctl`: arranges a lab that `hvr serve` serves.

use crate::excerpt::{self, Source};
use crate::serve::{self, CONTROLLER, LINES, PATH, Told};
use crate::{Verdict, cli, secret, style, table};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use hyperv_replica::script::{Line, MAX_BYTES, Script};
use hyperv_replica::wsman::auth::{Credentials, basic};
use std::io::{self, Read, Write};
use tokio::net::TcpStream;
use tokio::runtime::Builder;

/// The longest answer that is read: a trace may be long.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// Has the lines done that the arguments say, and shows what came of them.
pub(crate) fn ctl(
    args: &cli::Ctl,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    let asked = lines(args).and_then(|lines| Ok((ask(args, lines.clone())?, lines)));
    let (told, lines) = match asked {
        Ok(asked) => asked,
        Err(why) => {
            style::error(err, &why)?;
            return Ok(Verdict::Broken);
        }
    };
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &told)?;
        writeln!(out)?;
    } else {
        show(args, &lines, &told, out, err)?;
    }
    let is_served = told.unserved.is_empty();
    Ok(match (told.answer.problems.is_empty(), told.answer.passed() && is_served) {
        (false, _) => Verdict::Broken,
        (true, false) => Verdict::Failed,
        (true, true) => Verdict::Held,
    })
}

/// What is to be done.
fn lines(args: &cli::Ctl) -> Result<String, String> {
    if !args.lines.is_empty() {
        return Ok(args.lines.join("\n"));
    }
    let mut text = String::new();
    // One more than may be asked: enough to tell that it is too long.
    let read = io::stdin().lock().take(MAX_BYTES as u64 + 1).read_to_string(&mut text);
    read.map_err(|error| format!("cannot read the standard input: {error}"))?;
    Ok(text)
}

fn show(
    args: &cli::Ctl,
    lines: &str,
    told: &Told,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<()> {
    let (source, answer) = (Source { name: "<lines>", text: lines }, &told.answer);
    for problem in &answer.problems {
        excerpt::problem(err, source, problem)?;
    }
    // What is shown below is no news in the table.
    let is_shown = |it: &str| ["trace", "hosts"].contains(&it);
    if !answer.report.steps.iter().all(|step| is_shown(&step.what) && step.fault.is_none()) {
        // What only control knows is no line of a script; its step stands for it.
        let lines = lines.lines().map(|it| it.parse::<Line>().unwrap_or_default()).collect();
        let width = args.width.map_or_else(style::terminal_width, usize::from);
        table::print(out, source, &Script { lines }, &answer.report, width)?;
    }
    let is_asked = answer.report.steps.iter().any(|it| it.what == "hosts");
    if is_asked || told.hosts.iter().any(|it| it.is_new) {
        serve::addresses(out, told.hosts.iter().map(|it| (&*it.name, &*it.url)))?;
    }
    for why in &told.unserved {
        style::error(err, why)?;
    }
    match &answer.trace {
        Some(trace) => write!(out, "{trace}"),
        None => Ok(()),
    }
}

fn token(args: &cli::Ctl) -> Result<String, String> {
    match (&args.token, &args.token_file) {
        (Some(token), _) => Ok(token.clone()),
        (None, Some(file)) => secret::first_line(file),
        (None, None) => std::env::var("HVR_TOKEN")
            .map_err(|_| "there is no `--token`, `--token-file` or HVR_TOKEN".to_owned()),
    }
}

/// Sends the lines, and reads what came of them.
fn ask(args: &cli::Ctl, lines: String) -> Result<Told, String> {
    let address = || format!("`{}` is no address such as http://127.0.0.1:5900{PATH}", args.url);
    let url: Uri = args.url.parse().map_err(|_| address())?;
    let (Some("http"), Some(authority), Some(port)) =
        (url.scheme_str(), url.authority(), url.port_u16())
    else {
        return Err(address());
    };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let authorization = basic::header(&Credentials::new(CONTROLLER, token(args)?));
    let mut authorization = HeaderValue::from_str(&authorization)
        .map_err(|_| "the token is none that a header can have".to_owned())?;
    authorization.set_sensitive(true);
    let path = if url.path() == "/" { PATH } else { url.path() };
    let request = Request::post(path)
        .header(HOST, authority.as_str())
        .header(CONTENT_TYPE, LINES)
        .header(AUTHORIZATION, authorization)
        .body(Full::new(Bytes::from(lines)))
        .map_err(|error| error.to_string())?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let (status, body) = runtime
        .block_on(exchange(&host, port, request))
        .map_err(|error| format!("{} cannot be reached: {error}", args.url))?;
    match status {
        StatusCode::OK => serde_json::from_slice(&body)
            .map_err(|error| format!("{} does not answer as a lab does: {error}", args.url)),
        StatusCode::UNAUTHORIZED => Err(format!("{} does not know this token", args.url)),
        StatusCode::PAYLOAD_TOO_LARGE => {
            Err(format!("there are too many lines: {MAX_BYTES} bytes are sent at most"))
        }
        status => Err(format!("{} answers {status}", args.url)),
    }
}

type Lost = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(
    host: &str,
    port: u16,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), Lost> {
    let stream = TcpStream::connect((host, port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // What goes wrong with the connection is told by the request that waits for it.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await?;
    Ok((status, body.to_bytes()))
}
