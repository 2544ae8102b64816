//! From [`Script`] to text.

use super::ast::{Answer, CallLine, Expected, Line, Script, Statement};
use super::describe;
use super::names::Nameless;
use super::text::{Arg, Keyword, Word};
use super::writer::Writer;
use crate::engine::Caller;
use crate::model::time::format_duration;
use crate::model::{Flaw, HostId};
use std::fmt;

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(statement) = &self.statement {
            statement.fmt(f)?;
        }
        if let Some(answer) = &self.answer {
            write!(f, "  => {}", answer.expected)?;
        }
        let Some(comment) = &self.comment else { return Ok(()) };
        if self.statement.is_some() {
            f.write_str("  ")?;
        }
        write!(f, "#{}", comment.trim_end().replace(['\n', '\r', '\0'], " "))
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed(seed) => write!(f, "seed {seed}"),
            Self::Policy(policy) => {
                f.write_str("policy")?;
                write_args(f, &args_of(|writer| describe::policy(writer, &mut policy.clone())))
            }
            Self::Host(spec) => {
                f.write_str("host")?;
                write_args(f, &args_of(|writer| describe::host(writer, &mut spec.clone())))
            }
            Self::Vm { host, vm } => {
                write!(f, "vm {} on {host}", Word::name(&vm.name))?;
                f.write_str(if vm.running { " running" } else { "" })?;
                write_args(f, &args_of(|writer| describe::vm(writer, &mut vm.clone())))
            }
            Self::Call(call) => call.fmt(f),
            Self::Advance(duration) => write!(f, "advance {}", format_duration(*duration)),
            Self::Wait { job } => write!(f, "wait {job}"),
            Self::Expect(expectation) => expectation.fmt(f),
            Self::Disturb(line) => {
                f.write_str(line.verb.name())?;
                write_args(f, &line.args)
            }
            Self::Configure { host, change } => {
                write!(f, "{} {host}", describe::keyword_of(change).name())?;
                write_args(f, &args_of(|writer| describe::change(writer, &mut change.clone())))
            }
            Self::Fault(fault) => fault.fmt(f),
            Self::Fail(says) => write!(f, "{} {}", Keyword::Fail.name(), Word::quoted(says)),
        }
    }
}

impl fmt::Display for CallLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caller = match self.caller {
            Caller::Administrator => "",
            Caller::Other => " as=other",
        };
        let flaw = match self.flaw {
            None => "",
            Some(Flaw::Null) => " with=Null",
            Some(Flaw::WrongClass) => " with=WrongClass",
        };
        write!(f, "{}{caller}{flaw} {}", self.host, self.method)?;
        write_args(f, &self.args)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expected.fmt(f)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("0"),
            Self::Started(None) => f.write_str("4096"),
            Self::Started(Some(alias)) => write!(f, "4096 {alias}"),
            Self::Refused(code) => write!(f, "{}", code.to_wire()),
            Self::NotImplemented => f.write_str("1"),
            Self::Missing => f.write_str("missing"),
            Self::Rejected => f.write_str("rejected"),
            Self::Unanswered => f.write_str("unanswered"),
        }
    }
}

pub(super) fn write_args(f: &mut fmt::Formatter<'_>, args: &[Arg]) -> fmt::Result {
    args.iter().try_for_each(|arg| write!(f, " {arg}"))
}

/// The arguments that a description writes where nothing has a name.
pub(super) fn args_of(describe: impl FnOnce(&mut Writer<'_>)) -> Vec<Arg> {
    let mut writer = Writer::new(&Nameless, HostId(0));
    describe(&mut writer);
    writer.finish()
}
