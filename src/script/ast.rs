//! What a script says: its lines, without their layout.

use super::expect::{Expectation, Subject};
use super::method::Method;
use super::text::{Arg, Span, Word};
use crate::engine::{Caller, HostChange, HostSpec, Policy, VmSpec};
use crate::layer::Fault;
use crate::model::{ErrorCode, Flaw};
use std::time::Duration;

/// A script: every line of its text, comments and blank lines included.
///
/// Scripts are equal if they say the same. Columns, the width of blanks and arguments that only
/// repeat a default do not count; [`Display`](std::fmt::Display) writes the plain form, and
/// `parse(&script.to_string())` gives an equal script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The lines; the first is line 1.
    pub lines: Vec<Line>,
}

/// A line: a statement, an expected answer, a comment, or none of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// What is done.
    pub statement: Option<Statement>,
    /// What stands behind `=>`.
    pub answer: Option<Answer>,
    /// What stands behind `#`. Line breaks in it are written as blanks.
    pub comment: Option<String>,
}

impl Line {
    /// A line with nothing but a comment.
    pub fn comment(text: &str) -> Self {
        Self { comment: Some(text.to_owned()), ..Self::default() }
    }
}

impl From<Statement> for Line {
    fn from(statement: Statement) -> Self {
        Self { statement: Some(statement), ..Self::default() }
    }
}

/// What a line does.
///
/// A host is named by a [`Word`]: its name, or bare `@2` for the host with the number 2. A virtual
/// machine is named by its name or bare `{GUID}`, a job by its alias or bare `{GUID}`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Statement {
    /// `seed 7`: the seed of the world.
    Seed(u64),
    /// `policy boot=30s StartReplication=0`: what Windows leaves open is so in this world.
    Policy(Box<Policy>),
    /// `host tokyo`: a host joins the world.
    Host(HostSpec),
    /// `vm web on tokyo running`: a virtual machine is defined.
    Vm {
        /// Where.
        host: Word,
        /// What.
        vm: VmSpec,
    },
    /// `tokyo StartReplication web Network`: a client calls a method.
    Call(CallLine),
    /// `advance 2h`: time passes.
    Advance(Duration),
    /// `wait job1`: time passes until the job has ended.
    Wait {
        /// The job.
        job: Word,
    },
    /// `expect tokyo web Primary Replicating`: nothing happens; something is looked at.
    Expect(Expectation),
    /// `cut tokyo osaka`: something happens that no client asked for.
    Disturb(DisturbLine),
    /// `occupy tokyo 443`: an administrator changes a machine by other means than WMI.
    Configure {
        /// Which host.
        host: Word,
        /// What is changed on it.
        change: HostChange,
    },
    /// `fault tokyo InitiateFailover web times=2 => 32775`: from here on, calls go wrong at the
    /// edge.
    Fault(Fault),
    /// `fail "the virtual machine runs twice"`: this line fails, and says so. What a test has found
    /// here, where no `expect` can tell it.
    Fail(Box<str>),
}

impl Statement {
    /// The host that it is about.
    pub(super) fn place(&self) -> Option<&Word> {
        match self {
            Self::Vm { host, .. } | Self::Configure { host, .. } => Some(host),
            Self::Call(call) => Some(&call.host),
            Self::Expect(it) => match &it.of {
                Subject::Vm { host, .. } | Subject::Event { host, .. } => Some(host),
                Subject::Job { .. } => None,
            },
            _ => None,
        }
    }

    /// What it says, without its host.
    pub(super) fn without_place(&self) -> String {
        let text = self.to_string();
        match self {
            Self::Vm { host, .. } => text.replacen(&format!(" on {host}"), "", 1),
            Self::Configure { host, .. } => text.replacen(&format!(" {host}"), "", 1),
            Self::Call(call) => {
                text.strip_prefix(&format!("{} ", call.host)).unwrap_or(&text).to_owned()
            }
            Self::Expect(it) => match &it.of {
                Subject::Vm { host, .. } | Subject::Event { host, .. } => {
                    text.replacen(&format!(" {host}"), "", 1)
                }
                Subject::Job { .. } => text,
            },
            _ => text,
        }
    }

    /// Where in its line it is.
    pub(super) fn span(&self) -> Span {
        match self {
            Self::Expect(it) => it.span,
            Self::Wait { job } => job.span(),
            Self::Call(call) => call.span,
            _ => Span { start: 1, end: 2 },
        }
    }
}

/// Something that happens, as a line writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisturbLine {
    /// What happens.
    pub verb: Verb,
    /// The words behind it. Parsing has checked that the verb takes them.
    pub args: Vec<Arg>,
    pub(super) span: Span,
}

/// A call as a line writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallLine {
    /// The host that is asked.
    pub host: Word,
    /// Who asks: `as=other` is nobody's administrator.
    pub caller: Caller,
    /// What is wrong with a parameter: `with=Null`, `with=WrongClass`.
    pub flaw: Option<Flaw>,
    /// What for.
    pub method: Method,
    /// The words behind the method. Parsing has checked that the method takes them.
    pub args: Vec<Arg>,
    pub(super) span: Span,
}

macro_rules! verbs {
    ($($(#[$meta:meta])* $verb:ident = $name:literal;)+) => {
        /// What may happen to a link, a host or a virtual machine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Verb {
            $($(#[$meta])* $verb,)+
        }

        impl Verb {
            /// Every verb.
            pub const ALL: &'static [Self] = &[$(Self::$verb,)+];

            /// The word that begins the line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$verb => $name,)+ }
            }
        }
    };
}

verbs! {
    /// `cut tokyo osaka`: nothing passes between the two.
    Cut = "cut";
    /// `mute tokyo osaka`: nothing passes from the first to the second.
    Mute = "mute";
    /// `slow tokyo osaka 1MiB/s`: the link carries no more than that.
    Slow = "slow";
    /// `lossy tokyo osaka 3`: every third message in a direction is lost.
    Lossy = "lossy";
    /// `heal tokyo osaka`: the link is as it should be.
    Heal = "heal";
    /// `crash tokyo`: the host loses power.
    Crash = "crash";
    /// `shutdown tokyo`: the host is shut down in order.
    ShutDown = "shutdown";
    /// `boot tokyo`: the host comes up again.
    Boot = "boot";
    /// `trouble tokyo StorageFull`, `trouble osaka BackupRuns web`: a trouble begins.
    Trouble = "trouble";
    /// `relieve tokyo StorageFull`: it ends.
    Relieve = "relieve";
    /// `change_disks tokyo web`: the disks are changed while the virtual machine is off.
    ChangeDisks = "change_disks";
    /// `corrupt_log tokyo web`: the change log becomes unreadable.
    CorruptLog = "corrupt_log";
    /// `corrupt_undo_log osaka web point=#2`: what a recovery point is kept in becomes unreadable.
    CorruptUndoLog = "corrupt_undo_log";
    /// `resize tokyo web disk=200GiB`: a disk takes another size.
    Resize = "resize";
    /// `plug osaka web adapter=0 connected=yes`: an adapter is plugged into something else.
    Plug = "plug";
    /// `delete osaka web`: the virtual machine is gone.
    Delete = "delete";
    /// `migrate tokyo web osaka`: the virtual machine is moved to the second host.
    Migrate = "migrate";
}

/// An expected answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What is expected.
    pub expected: Expected,
    pub(super) span: Span,
}

impl Answer {
    /// Where it stood.
    pub fn span(&self) -> Span {
        self.span
    }
}

impl From<Expected> for Answer {
    fn from(expected: Expected) -> Self {
        Self { expected, span: Span::default() }
    }
}

/// The answers that a line can expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// `=> 0`.
    Completed,
    /// `=> 4096`, `=> 4096 job1`: a job, and what later lines call it.
    Started(Option<String>),
    /// `=> 32775`.
    Refused(ErrorCode),
    /// `=> 1`: Windows does not implement the method.
    NotImplemented,
    /// `=> missing`: what the call is made to is not there.
    Missing,
    /// `=> rejected`: an input that is no call makes no sense.
    Rejected,
    /// `=> unanswered`: no answer came; the call may or may not have happened.
    Unanswered,
}
