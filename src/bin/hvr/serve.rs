//! `hvr serve`: a lab as Windows hosts, until somebody ends it.

mod control;

mod end;

mod estate;

mod identity;

mod lab;

mod shown;

pub(crate) use control::{LINES, PATH, Told};
pub(crate) use shown::addresses;

use crate::secret::Secret;
use crate::{Verdict, cli, style};
use control::Controlled;
use end::End;
use estate::{Estate, Plan};
use hyperv_replica::model::SimTime;
use hyperv_replica::sim::{Clock, Wall};
use hyperv_replica::wsman::auth::{Guard, Users};
use hyperv_replica::wsman::tls::Tls;
use hyperv_replica::wsman::{Host, HttpLimits};
use identity::Kept;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Whose token lets somebody arrange the lab.
pub(crate) const CONTROLLER: &str = "control";

/// How long a client waits for a clock that stands, until that is told.
const REMIND_AFTER: Duration = Duration::from_secs(5);

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
    let mut told = None;
    end.wait(|| match served.reminder(&mut told) {
        Some(note) => style::note(err, &note),
        None => Ok(()),
    })?;
    served.estate.close();
    Ok(Verdict::Held)
}

/// A lab that is being served.
struct Served {
    /// The hosts, and where each of them is.
    estate: Arc<Estate>,
    /// Who is let in.
    user: String,
    password: Secret,
    /// The certificate, with TLS.
    identity: Option<Kept>,
    control: Option<Controlling>,
    /// What the person who serves it should know.
    notes: Vec<String>,
}

/// Where a lab is arranged, and by whom.
struct Controlling {
    address: SocketAddr,
    token: Secret,
}

impl Served {
    fn start(args: &cli::Serve) -> Result<Self, String> {
        refuse_exposure(args)?;
        let password = Secret::new(args.password.as_deref(), args.password_file.as_deref())?;
        let lab::Built { lab, faults, mut notes } =
            lab::build(&args.script, args.journal.as_deref())?;
        if lab.read(|world| world.hosts().next().is_none()) {
            return Err(format!("`{}` has no host to serve", args.script.display()));
        }
        let identity = args.tls.then(|| identity::find(args, &lab)).transpose()?;
        notes.extend(identity.as_ref().and_then(Kept::note));
        let tls = identity.as_ref().map(|it| Tls::new(&it.identity)).transpose();
        let tls = tls.map_err(|it| it.to_string())?.map(Arc::new);
        let clock = Clock::new(lab, args.clock, WallClock::new());
        let users = Users::default().with(&args.user, password.text());
        let estate = Estate::new(clock, faults, Plan::new(args, users, tls));

        let token = args.control.map(|_| Secret::generate());
        let more = match args.control.zip(token.as_ref()) {
            Some((port, token)) => vec![control(port, token, &estate)?],
            None => Vec::new(),
        };
        let limits = HttpLimits { connections: args.max_connections, ..HttpLimits::default() };
        let address = estate.start(more, limits)?.pop();
        let control = match token.zip(address) {
            None => None,
            Some((token, address)) => {
                let token = match &args.token_file {
                    None => token,
                    Some(path) => token.written_to(path)?,
                };
                Some(Controlling { address, token })
            }
        };
        Ok(Self { estate, user: args.user.clone(), password, identity, control, notes })
    }

    /// What somebody should know who sees nothing happen, unless that was told at this time.
    fn reminder(&self, told: &mut Option<SimTime>) -> Option<String> {
        let clock = self.estate.clock();
        let waited = clock.awaited().filter(|it| *it >= REMIND_AFTER)?;
        let now = clock.lab().now();
        if told.replace(now) == Some(now) {
            return None;
        }
        let how = match &self.control {
            Some(control) => {
                format!("`hvr ctl --url {} 'advance 1m'` lets time pass", control.url())
            }
            None => "without `--control` nobody can let time pass".to_owned(),
        };
        let waited = waited.as_secs();
        Some(format!("a client has waited for {waited} s, and the clock is manual: {how}"))
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

/// The port of the host with this number.
fn listener(plan: &Plan, number: usize) -> Result<TcpListener, String> {
    let number = u16::try_from(number).unwrap_or(u16::MAX);
    let port = match plan.port {
        0 => Some(0),
        first => first.checked_add(number),
    };
    let port = port.ok_or_else(|| format!("there are not enough ports from {} on", plan.port))?;
    bind(SocketAddr::new(plan.listen, port))
}

fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).map_err(|error| {
        format!("cannot listen on {address}: {error}; `--port` chooses another, 0 one that is free")
    })
}

/// Control is for this machine alone.
fn control(port: u16, token: &Secret, estate: &Arc<Estate>) -> Result<Host, String> {
    let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
    let listener = TcpListener::bind(address)
        .map_err(|error| format!("cannot listen on {address} for `--control`: {error}"))?;
    let users = Users::default().with(CONTROLLER, token.text());
    let guard = Guard::new(CONTROLLER, users);
    let controlled = Controlled::new(Arc::clone(estate));
    Ok(Host::new(CONTROLLER, listener, controlled, Arc::new(guard)))
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
