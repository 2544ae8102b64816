//! What a served host bears: requests in a second, a day of traffic, clients that behave badly.
//!
//! The server is a process of its own, so that its processor time and memory are its own. Everything
//! is on loopback and bounded in number and time: a minute, or seconds with `--test`.
//!
//! ```sh
//! cargo bench --features wsman --bench load [-- --test]
//! ```
//!
//! Throughput is given by the wall clock and by the server's processor time: the second is what one
//! core does, whatever else the machine is doing.

#![allow(clippy::disallowed_methods, reason = "load is a matter of real time")]

mod client;
mod process;
mod server;
mod traffic;

use client::Connection;
use hyperv_replica::cim::CimClient;
use hyperv_replica::sim::Pace;
use hyperv_replica::wsman::auth::Credentials;
use hyperv_replica::wsman::{Client, Options};
use process::{Served, load_average};
use std::error::Error;
use std::io::Write;
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use traffic::{Answers, Kind, Traffic};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long each part takes.
struct Plan {
    /// Each step of throughput.
    step: Duration,
    /// The day.
    day: Duration,
    /// Whether that is long enough for everything that is bounded to fill up.
    is_judged: bool,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let plan = if words.iter().any(|it| it == "--test") {
        Plan { step: Duration::from_millis(300), day: Duration::from_secs(2), is_judged: false }
    } else {
        Plan { step: Duration::from_secs(3), day: Duration::from_secs(30), is_judged: true }
    };
    let outcome = match &words[..] {
        [argument, pace] if argument == server::ARGUMENT => server::serve(pace),
        _ => measure(&plan),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(plan: &Plan) -> Outcome<()> {
    println!("load average of the machine: {}", load_average());
    throughput(plan)?;
    sealed(plan)?;
    bad_company(plan)?;
    day(plan)?;
    println!("load average of the machine: {}", load_average());
    Ok(())
}

/// What a step measured.
struct Step {
    answers: Answers,
    elapsed: Duration,
    /// The server's processor time.
    processor: Option<Duration>,
}

impl Step {
    /// Runs as many connections side by side, each asking as soon as it is answered.
    fn run(served: &Served, connections: u64, time: Duration, traffic: &Traffic) -> Outcome<Self> {
        let (before, began) = (served.processor_time(), Instant::now());
        let until = began + time;
        let answers = thread::scope(|scope| {
            let all: Vec<_> = (0..connections)
                .map(|number| scope.spawn(move || traffic.ask_until(until, number)))
                .collect();
            let mut answers = Answers::default();
            for one in all {
                answers.add(one.join().map_err(|_| "a client panicked")??);
            }
            Outcome::Ok(answers)
        })?;
        let processor =
            served.processor_time().zip(before).map(|(after, before)| after.saturating_sub(before));
        Ok(Self { answers, elapsed: began.elapsed(), processor })
    }

    fn print(&mut self, name: &str) {
        let count = self.answers.count();
        let rate = |time: Duration| {
            #[expect(clippy::cast_precision_loss, reason = "a count for people")]
            let rate = count as f64 / time.as_secs_f64();
            rate
        };
        let of_core = self.processor.filter(|it| !it.is_zero()).map(rate);
        let of_core = of_core.map_or_else(|| "?".to_owned(), |it| format!("{it:.0}"));
        let [median, p99, p999, most] = [500, 990, 999, 1000].map(|it| self.answers.quantile(it));
        println!(
            "{name:<36} {count:>7} {:>8.0} {of_core:>8} {median:>9.2?} {p99:>9.2?} {p999:>9.2?} {most:>9.2?}",
            rate(self.elapsed),
        );
    }
}

fn head(title: &str) {
    println!(
        "\n{title:<36} {:>7} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9}",
        "count", "per s", "per core", "median", "99 %", "99.9 %", "most"
    );
}

fn throughput(plan: &Plan) -> Outcome<()> {
    head("Basic, connections");
    let served = Served::start(Pace::REAL)?;
    for (kind, name) in [
        (Kind::Get, "Get of a virtual machine"),
        (Kind::Query, "a query for one of them"),
        (Kind::Enumerate, "all 20 relationships"),
    ] {
        for connections in [1, 16, 256] {
            let traffic = Traffic::new(&served, kind);
            let mut step = Step::run(&served, connections, plan.step, &traffic)?;
            step.answers.expect_only_success(name)?;
            step.print(&format!("{connections:>3}  {name}"));
        }
    }
    Ok(())
}

/// By the crate's own client, which reads what it gets.
fn sealed(plan: &Plan) -> Outcome<()> {
    head("NTLM, sealed, the crate's client");
    let served = Served::start(Pace::REAL)?;
    let credentials = Credentials::new(&served.user, served.password.as_str());
    let client =
        Client::new(Options::new(format!("http://{}/wsman", served.address), credentials))?;
    let (before, began) = (served.processor_time(), Instant::now());
    let mut answers = Answers::default();
    while began.elapsed() < plan.step {
        let asked = Instant::now();
        let rows = client.query(&traffic::query_for("vm03"))?;
        if rows.len() != 1 {
            return Err("the query finds another number of virtual machines".into());
        }
        answers.note(200, asked.elapsed());
    }
    let processor =
        served.processor_time().zip(before).map(|(after, before)| after.saturating_sub(before));
    Step { answers, elapsed: began.elapsed(), processor }.print("  1  a query for one of them");
    Ok(())
}

/// Good clients beside such that are slow, silent, or send nonsense: the good ones must be served, and
/// a new one let in afterwards.
fn bad_company(plan: &Plan) -> Outcome<()> {
    const SLOW: usize = 64;
    const SILENT: usize = 64;
    head("16 good connections, Get");
    let served = Served::start(Pace::REAL)?;
    let traffic = Traffic::new(&served, Kind::Get);
    Step::run(&served, 16, plan.step, &traffic)?.print("alone");

    let is_over = AtomicBool::new(false);
    let request = traffic.first_request();
    let mut step = thread::scope(|scope| {
        let silent: Vec<_> =
            (0..SILENT).filter_map(|_| TcpStream::connect(served.address).ok()).collect();
        let mut slow: Vec<_> =
            (0..SLOW).filter_map(|_| TcpStream::connect(served.address).ok()).collect();
        let (is_over, request, address) = (&is_over, &request, served.address);
        scope.spawn(move || {
            // A byte at a time, each connection at its own place of a good request.
            for byte in request.iter().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                for stream in &mut slow {
                    // It may have been closed, which is right.
                    let _ = stream.write_all(&[*byte]);
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        for seed in 0..4 {
            scope.spawn(move || client::talk_nonsense(address, request, seed, is_over));
        }
        let step = Step::run(&served, 16, plan.step, &traffic);
        is_over.store(true, Ordering::Relaxed);
        drop(silent);
        step
    })?;
    step.answers.expect_only_success("in bad company")?;
    step.print("beside 64 slow, 64 silent, 4 mad");
    let (status, _) = Connection::open(served.address)?.ask(&request)?;
    if status != 200 {
        return Err(format!("afterwards, a good request is answered {status}").into());
    }
    Ok(())
}

/// A day of a busy estate in virtual time: reads, jobs, enumerations and subscriptions that nobody
/// ends. Memory must not grow once everything that is kept for a while has its size.
fn day(plan: &Plan) -> Outcome<()> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const PARTS: u32 = 8;
    /// What an allocator keeps for itself, in KiB.
    const SLACK_KIB: u64 = 2048;
    let times = DAY.as_millis().div_ceil(plan.day.as_millis());
    let served = Served::start(Pace::Times(u32::try_from(times)?))?;
    head("A day, 8 connections, everything");
    let traffic = Traffic::new(&served, Kind::Everything);
    let mut sizes = Vec::new();
    for part in 1..=PARTS {
        let mut step = Step::run(&served, 8, plan.day / PARTS, &traffic)?;
        let size = served.memory_kib();
        let shown = size.map_or_else(|| "?".to_owned(), |it| it.to_string());
        step.print(&format!("{:>2} h, {shown} KiB resident", 24 * part / PARTS));
        sizes.extend(size);
    }
    // The first half fills what is bounded.
    let (noon, night) = (sizes.get((sizes.len() / 2).wrapping_sub(1)), sizes.last());
    if let (Some(&noon), Some(&night)) = (noon, night) {
        println!("from 12 h to 24 h: {noon} to {night} KiB");
        if plan.is_judged && night > noon + noon / 20 + SLACK_KIB {
            return Err("memory grows with the traffic".into());
        }
    }
    Ok(())
}
