//! The arguments of the command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

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
  hvr docs InitiateFailover                         What an operation needs and refuses";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run scripts and compare what happens with what they expect.
    ///
    /// Of one script, every step is shown: the virtual time, the host, what was called, the
    /// answer, and mode, state, health and power of each side after it. Of several scripts, a line
    /// each. Each script runs in a world of its own, from time zero, and gives the same result
    /// every time.
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
}

/// The arguments of `hvr compare`.
#[derive(Debug, Args)]
#[command(after_help = COMPARE_STATUS)]
pub(crate) struct Compare {
    /// Recordings, as `layer::Recorder` makes them; `-` for the standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) recordings: Vec<PathBuf>,

    /// List also what differs only in how fast things go.
    #[arg(long)]
    pub(crate) pace: bool,
}

const COMPARE_STATUS: &str = "\
Exit status:
  0  the simulator does what the recordings say
  1  it does something else
  2  a recording could not be read or rebuilt, or the arguments are wrong";

/// The arguments of `hvr run`.
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
}

const EXIT_STATUS: &str = "\
Exit status:
  0  everything went as the scripts say
  1  something did not
  2  a script could not be read or understood, or the arguments are wrong";

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
