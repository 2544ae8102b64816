//! The `hvr` command: runs scripts, prints the rule book, compares recordings, looks at hosts, serves
//! labs.

mod cli;

mod files;

mod run;

mod table;

mod excerpt;

mod json;

mod docs;

mod compare;

mod explore;

mod connect;

mod doctor;

mod capture;

mod conformance;

mod markdown;

mod style;

#[cfg(feature = "wsman")]
mod ctl;

#[cfg(feature = "wsman")]
mod secret;

#[cfg(feature = "wsman")]
mod serve;

use clap::Parser;
use std::io;
use std::process::ExitCode;

/// How a command ended, which is its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// 0: everything went as expected.
    Held,
    /// 1: something did not go as a script says.
    Failed,
    /// 2: something could not be read, or was asked for wrongly.
    Broken,
}

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    cli.color.write_global();
    let mut out = anstream::AutoStream::auto(io::stdout().lock());
    let mut err = anstream::AutoStream::auto(io::stderr());
    let verdict = match &cli.command {
        cli::Command::Run(args) => run::run(args, &mut out, &mut err),
        cli::Command::Docs(args) => docs::docs(args, &mut out, &mut err),
        cli::Command::Compare(args) => compare::compare(args, &mut out, &mut err),
        cli::Command::Explore(args) => explore::explore(args, &mut out, &mut err),
        cli::Command::Doctor(args) => doctor::doctor(args, &mut out, &mut err),
        cli::Command::Capture(args) => capture::capture(args, &mut out, &mut err),
        cli::Command::Conformance(args) => conformance::conformance(args, &mut out, &mut err),
        #[cfg(feature = "wsman")]
        cli::Command::Serve(args) => serve::serve(args, &mut out, &mut err),
        #[cfg(feature = "wsman")]
        cli::Command::Ctl(args) => ctl::ctl(args, &mut out, &mut err),
    };
    match verdict {
        Ok(Verdict::Held) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::from(1),
        Ok(Verdict::Broken) => ExitCode::from(2),
        // Whoever reads our output, `head` for one, has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be done if this cannot be written either.
            let _ = style::error(&mut err, &format!("cannot write the output: {error}"));
            ExitCode::from(2)
        }
    }
}
