//! The arguments of the command line.

mod login;
pub(crate) use login::Login;

#[cfg(feature = "wsman")]
mod serve;
#[cfg(feature = "wsman")]
pub(crate) use serve::{Ctl, Serve};

use crate::connect::Named;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use hyperv_replica::testkit::explore::Mishap;
use std::path::PathBuf;
use std::str::FromStr;

/// A deterministic simulator of Hyper-V Replica's WMI service.
#[derive(Debug, Parser)]
#[command(name = "hvr", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// When to use colours.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  hvr run fixtures/scenarios/planned-failover.hvr   Run one script and show every step
  hvr run fixtures/scenarios                        Run every *.hvr file of a folder
  hvr run --json test.hvr                           The same for programs
  hvr docs InitiateFailover                         What an operation needs and refuses
  hvr explore --goal 'CommitFailover 32775'         A shortest way into that answer
  hvr doctor --host hq=lab:test.hvr#tokyo           What a host lacks, and what to do
  hvr capture --host hq=lab:test.hvr#tokyo          A script that rebuilds it";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run scripts and compare what happens with what they expect.
    ///
    /// Of one script, every step is shown: the virtual time, the host, what was called, the
    /// answer, and mode, state, health and power of each side after it. Of several scripts, a line
    /// each. Each script runs in a world of its own, from time zero, and gives the same result
    /// every time.
    ///
    /// With `--host`, one script runs on hosts that are there. What it makes is found on them:
    /// `vm web on tokyo` is the virtual machine that is called so. Lines that need a simulated
    /// world are refused before anything is done; the first step that goes otherwise than said is
    /// the last one.
    Run(Run),
    /// Print the rule of an operation: what it needs, what it refuses, and how we know.
    ///
    /// Without a method, prints the list of operations.
    Docs(Docs),
    /// Compare recordings of hosts with what the simulator does.
    ///
    /// Each call of a recording is made again in a world that begins as the recording began, at
    /// the recorded time. Listed is whatever the simulator answers or shows otherwise, with the
    /// rule by which it does and how that is known.
    Compare(Compare),

    /// Search through everything that can happen in a small lab.
    ///
    /// From two hosts and a virtual machine, or from where a script ends, everything on the menu
    /// is tried in every world, and every step judged by the invariants of Hyper-V Replica. Shows
    /// what was reached, by how many steps, and what was not; of each goal, a shortest script.
    Explore(Explore),

    /// Look at hosts: is replication set up, what is missing, what needs somebody.
    ///
    /// Only reads, but for the connection that is tried with `--from` and `--to`. Each finding says
    /// what to do, and where that is written.
    Doctor(Doctor),

    /// Write a script that rebuilds hosts in the simulator.
    ///
    /// Only reads. The script re-enacts what the hosts show: builds, servers, entries, virtual
    /// machines with their power, relationships with settings, states and recovery points. What
    /// cannot be rebuilt is a comment.
    Capture(Capture),

    /// Try the behaviours of Hyper-V Replica on hosts that were set aside for it.
    ///
    /// Without `--yes` tells only what would be done, and what would be skipped and why.
    Conformance(Conformance),

    /// Serve a lab as Windows hosts: each on a port of its own, over WS-Management.
    ///
    /// Runs the script, then answers clients of WMI until it is ended. Prints where each host is, and
    /// commands of clients that reach it.
    #[cfg(feature = "wsman")]
    Serve(Serve),

    /// Arrange a lab that is served: time, troubles, hosts, calls, looks.
    ///
    /// Lines of a script are run with no client's call in between, and shown as `hvr run` does.
    /// Besides, `fork NAME`, `drop NAME`, `reset`, `trace` and `hosts`. Hosts that join are served
    /// at once.
    #[cfg(feature = "wsman")]
    Ctl(Ctl),
}

/// The arguments of `hvr doctor`.
#[derive(Debug, Args)]
#[command(after_help = DOCTOR_STATUS)]
pub(crate) struct Doctor {
    /// A host to look at, by a name of your own: `NAME=lab:FILE.hvr#HOST`, or with
    /// WS-Management `NAME=https://HOST:5986/wsman`.
    #[arg(long, required = true, value_name = "NAME=ADDRESS")]
    pub(crate) host: Vec<Named>,

    /// Whether this host can replicate …
    #[arg(long, value_name = "NAME", requires = "to")]
    pub(crate) from: Option<String>,

    /// … to this one.
    #[arg(long, value_name = "NAME", requires = "from")]
    pub(crate) to: Option<String>,

    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,

    /// Who asks, and whom that believes.
    #[command(flatten)]
    pub(crate) login: Login,
}

const DOCTOR_STATUS: &str = "\
Exit status:
  0  nothing is wrong; there may be something to look at
  1  something is wrong
  2  a host does not answer, or the arguments are wrong";

/// The arguments of `hvr capture`.
#[derive(Debug, Args)]
#[command(after_help = CAPTURE_STATUS)]
pub(crate) struct Capture {
    /// A host to capture, by a name of your own: `NAME=lab:FILE.hvr#HOST`, or with
    /// WS-Management `NAME=https://HOST:5986/wsman`.
    #[arg(long, required = true, value_name = "NAME=ADDRESS")]
    pub(crate) host: Vec<Named>,

    /// Where to write the script, instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Who asks, and whom that believes.
    #[command(flatten)]
    pub(crate) login: Login,
}

const CAPTURE_STATUS: &str = "\
Exit status:
  0  the script comes to what was captured
  1  it comes near; its comments say what differs
  2  a host does not answer, or the arguments are wrong";

/// The arguments of `hvr conformance`.
#[allow(clippy::struct_excessive_bools)] // Each is a flag of its own.
#[derive(Debug, Args)]
#[command(after_help = CONFORMANCE_STATUS)]
pub(crate) struct Conformance {
    /// The hosts: the first has the virtual machines, the second gets replicas, the third extended
    /// ones. By a name of your own: `NAME=lab:FILE.hvr#HOST`, or with
    /// WS-Management `NAME=https://HOST:5986/wsman`.
    #[arg(long, required = true, value_name = "NAME=ADDRESS")]
    pub(crate) host: Vec<Named>,

    /// A virtual machine on the first host that the suite may do anything to, such as `web`,
    /// `web,disks=2` or `web,large`: copying its disks takes minutes.
    #[arg(long, value_name = "NAME")]
    pub(crate) vm: Vec<Spare>,

    /// All virtual machines on the first host whose names begin so.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) vm_prefix: Option<String>,

    /// Do it.
    #[arg(long)]
    pub(crate) yes: bool,

    /// Wait hours where a behaviour takes them.
    #[arg(long)]
    pub(crate) hours: bool,

    /// The guests write to their disks while they run.
    #[arg(long)]
    pub(crate) guest_writes: bool,

    /// Replica servers may be reconfigured for moments.
    #[arg(long)]
    pub(crate) reconfigure: bool,

    /// A folder for exports that both hosts reach by this path.
    #[arg(long, value_name = "PATH")]
    pub(crate) folder: Option<String>,

    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,

    /// Who asks, and whom that believes.
    #[command(flatten)]
    pub(crate) login: Login,
}

const CONFORMANCE_STATUS: &str = "\
Exit status:
  0  the hosts behave as is known, and nothing was left behind
  1  they deviate from what is documented or observed, or something was left behind
  2  a host does not answer, or the arguments are wrong";

/// A virtual machine that is given up for the suite: `NAME`, `NAME,disks=2`, `NAME,large`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spare {
    pub(crate) name: String,
    pub(crate) disks: u8,
    pub(crate) large: bool,
}

impl FromStr for Spare {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default().to_owned();
        let mut it = Self { name, disks: 1, large: false };
        for part in parts {
            match part.strip_prefix("disks=").map(str::parse) {
                Some(Ok(disks)) => it.disks = disks,
                None if part == "large" => it.large = true,
                _ => return Err(format!("expected `disks=2` or `large`, found `{part}`")),
            }
        }
        Ok(it)
    }
}

/// The arguments of `hvr compare`.
#[derive(Debug, Args)]
#[command(after_help = COMPARE_STATUS)]
pub(crate) struct Compare {
    /// Recordings, as `hvr run --record` and `layer::Recorder` make them; `-` for the standard
    /// input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) recordings: Vec<PathBuf>,

    /// List also what differs only in how fast things go.
    #[arg(long)]
    pub(crate) pace: bool,

    /// Begin where this script ends, such as one of `hvr capture`, instead of with what each
    /// recording saw first.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
}

const COMPARE_STATUS: &str = "\
Exit status:
  0  the simulator does what the recordings say
  1  it does something else
  2  a recording could not be read or rebuilt, or the arguments are wrong";

/// The arguments of `hvr run`.
#[allow(clippy::struct_excessive_bools)] // Each is a flag of its own.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct Run {
    /// Scripts, folders that are searched for *.hvr files, or `-` for the standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) paths: Vec<PathBuf>,

    /// Print one JSON document, with every step of every script.
    #[arg(long)]
    pub(crate) json: bool,

    /// Show every step even if there are several scripts.
    #[arg(long, short, conflicts_with = "json")]
    pub(crate) verbose: bool,

    /// Show only what does not go as expected.
    #[arg(long, short, conflicts_with_all = ["json", "verbose"])]
    pub(crate) quiet: bool,

    /// The width of the output in columns, instead of the terminal's.
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..))]
    pub(crate) width: Option<u16>,

    /// Run one script on this host and others that are named so, instead of in a world of its own.
    /// NAME is what the script calls the host: `NAME=lab:FILE.hvr#HOST`, or with WS-Management
    /// `NAME=https://HOST:5986/wsman`.
    #[arg(long, value_name = "NAME=ADDRESS")]
    pub(crate) host: Vec<Named>,

    /// Write down what the hosts were asked and what they answered, for `hvr compare`.
    #[arg(long, value_name = "FILE", requires = "host")]
    pub(crate) record: Option<PathBuf>,

    /// Do it, also where calls change real hosts; without, only tells what would be done there.
    #[arg(long, requires = "host")]
    pub(crate) yes: bool,

    /// Who asks, and whom that believes.
    #[command(flatten)]
    pub(crate) login: Login,
}

const EXIT_STATUS: &str = "\
Exit status:
  0  everything went as the scripts say
  1  something did not
  2  a script could not be read or understood, or cannot be run on the hosts, or the arguments
     are wrong";

/// The arguments of `hvr docs`.
#[derive(Debug, Args)]
#[command(after_help = DOCS_EXAMPLES)]
pub(crate) struct Docs {
    /// A method of WMI, such as `InitiateFailover`, or an operation, such as `PrepareFailover`.
    pub(crate) method: Option<String>,

    /// The requested state, by name or number, where each one has a rule of its own.
    pub(crate) state: Option<String>,

    /// Print Markdown as it is.
    #[arg(long)]
    pub(crate) markdown: bool,

    /// Print the whole rule book.
    #[arg(long, conflicts_with_all = ["method", "state"])]
    pub(crate) all: bool,
}

const DOCS_EXAMPLES: &str = "\
Examples:
  hvr docs InitiateFailover
  hvr docs RequestReplicationStateChangeEx Synced
  hvr docs ConcreteJob.RequestStateChange
  hvr docs --all";

/// The arguments of `hvr explore`.
#[allow(clippy::struct_excessive_bools)] // Each is a flag of its own.
#[derive(Debug, Args)]
#[command(after_help = EXPLORE_EXAMPLES)]
pub(crate) struct Explore {
    /// How many hosts the lab has.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=6))]
    pub(crate) hosts: u8,

    /// How many virtual machines it has.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=6))]
    pub(crate) vms: u8,

    /// Begin where this script ends, instead of with a lab.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["hosts", "vms"])]
    pub(crate) from: Option<PathBuf>,

    /// What to find: `METHOD CODE`, `METHOD CODE: REQUIREMENT`, `METHOD accepted`, `SIDE from STATE
    /// to STATE by CAUSE`, or a goal as the report names it. The search ends when everything is found.
    #[arg(long, value_name = "GOAL")]
    pub(crate) goal: Vec<String>,

    /// In which order worlds are looked into.
    #[arg(long, value_enum, default_value_t = Order::Breadth)]
    pub(crate) order: Order,

    /// Go no more steps than this from the beginning.
    #[arg(long, value_name = "STEPS")]
    pub(crate) depth: Option<u32>,

    /// Keep no more states than this.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) states: usize,

    /// Take no more memory than this for states and worlds: `512MiB`, `2GiB`, or bytes.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size)]
    pub(crate) memory: usize,

    /// How many threads search; the result is the same.
    #[arg(long, short, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) threads: u8,

    /// The seeds of random orders.
    #[arg(long, value_delimiter = ',', default_value = "1,2,3,4")]
    pub(crate) seed: Vec<u64>,

    /// What goes wrong.
    #[arg(long, value_delimiter = ',', value_name = "KIND", value_parser = mishap())]
    pub(crate) disturb: Vec<Mishap>,

    /// Call only these operations.
    #[arg(long, value_delimiter = ',', value_name = "METHOD")]
    pub(crate) only: Vec<String>,

    /// Do not call these operations.
    #[arg(long, value_delimiter = ',', value_name = "METHOD")]
    pub(crate) without: Vec<String>,

    /// How many recovery points replicas keep.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=24))]
    pub(crate) history: u16,

    /// Let senders resynchronise by themselves.
    #[arg(long)]
    pub(crate) auto_resync: bool,

    /// Let time pass half the way to what is due, too.
    #[arg(long)]
    pub(crate) half_way: bool,

    /// Do not judge every step by the invariants: several times as fast.
    #[arg(long)]
    pub(crate) unobserved: bool,

    /// Go on when an invariant does not hold, and tell how often that was.
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// Print only scripts: of each goal, or of everything that was reached if there is none.
    #[arg(long)]
    pub(crate) script: bool,
}

/// Bytes, with a unit or without.
fn size(text: &str) -> Result<usize, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    let unit = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (number, shift) = unit.unwrap_or((text, 0));
    let bytes = number.parse::<usize>().ok().and_then(|it| it.checked_mul(1 << shift));
    bytes.ok_or_else(|| "expected a size such as `512MiB`, `2GiB` or `4096`".to_owned())
}

const EXPLORE_EXAMPLES: &str = "\
Examples:
  hvr explore --depth 6                              Everything within six steps
  hvr explore --goal 'CommitFailover 32775'          A shortest way into that answer
  hvr explore --goal 'sender from 3 to 8 by replica refuses' --disturb host-troubles
                                                     A shortest way into that change of state
  hvr explore --depth 2 --unobserved --script        A script for everything that is reached
  hvr explore --disturb links,hosts --depth 5        With bad days
  hvr explore --from test.hvr --depth 3              From where a script ends
  hvr explore --order swarm --states 100000          What is too large to be searched whole

Exit status:
  0  every goal was reached, and every invariant holds
  1  a goal was not reached, or an invariant does not hold
  2  the arguments are wrong";

/// In which order to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// Level by level: shortest scripts.
    Breadth,
    /// As deep as possible first.
    Depth,
    /// In a random order for each seed.
    Swarm,
}

/// Reads what may go wrong by its name, and lists the names in the help.
fn mishap() -> impl TypedValueParser<Value = Mishap> {
    let named = |name: String| {
        let known = Mishap::ALL.iter().copied().find(|it| it.name() == name);
        known.ok_or("nothing goes wrong by that name")
    };
    PossibleValuesParser::new(Mishap::ALL.iter().map(|it| it.name())).try_map(named)
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless the environment says otherwise (`NO_COLOR`).
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Decides for every stream of this process.
    pub(crate) fn write_global(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::AlwaysAnsi,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
