//! What clients do wrong, as a list.

use crate::model::time::format_duration;
use crate::model::{Call, SimTime, VmId};
use std::fmt;

macro_rules! lints {
    ($($(#[$meta:meta])* $variant:ident = $name:literal, $why:literal, $page:literal;)+) => {
        /// A mistake that clients of Hyper-V Replica make.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Lint {
            $($(#[$meta])* #[doc = ""] #[doc = concat!("`", $name, "`: ", $why, ".")]
            #[doc = ""] #[doc = concat!("Source: <", $page, ">.")] $variant,)+
        }

        impl Lint {
            /// Every lint.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// A stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Why it matters, as a sentence without a full stop.
            pub const fn why(self) -> &'static str {
                match self { $(Self::$variant => $why,)+ }
            }

            /// A public page on it.
            pub const fn page(self) -> &'static str {
                match self { $(Self::$variant => $page,)+ }
            }
        }
    };
}

lints! {
    /// A call was answered 4096, and the client went on, or was done, without a look at the job or
    /// at what the job is about.
    UnwatchedJob = "unwatched-job",
        "4096 says that a job was started, not that anything is done; it may yet fail",
        "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob";
    /// A job that runs was looked at again after less than the shortest pause; or what it is about
    /// was, or the list of all jobs, on and on.
    HastyPoll = "hasty-poll",
        "each look is a query to the management service of a busy host; jobs take seconds to hours",
        "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob";
    /// A job was polled beyond all reason: for longer than any takes, or on and on after its end.
    EndlessPoll = "endless-poll",
        "a job that has ended never changes again and is removed after five minutes; whoever still \
         waits, waits for ever",
        "https://github.com/FuseCP/FuseCP/issues/146";
    /// The client went on with the next step after a job it saw fail.
    IgnoredFailure = "ignored-failure",
        "the step that the next one builds on did not happen",
        "https://learn.microsoft.com/windows/win32/hyperv_v2/geterrorex-msvm-concretejob";
    /// The client repeated or took back what a job had completed with warnings (32768).
    WarningTakenForFailure = "warning-taken-for-failure",
        "a job that completed with warnings has done its work",
        "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob";
    /// The client never asked again after a refusal that passes by itself: 32774, or 32775 while
    /// another job had the virtual machine.
    GaveUpTooEarly = "gave-up-too-early",
        "the virtual machine was busy for a moment; the same call succeeds a little later",
        "https://github.com/microsoft/wmi/pull/27";
    /// The client started a replica that is not failed over.
    StartedReplica = "started-replica",
        "a replica is off because it is a replica, which its mode says; that is no outage, and it \
         cannot be started",
        "https://github.com/a-schild/Zabbix-HyperV-Templates/issues/35";
    /// The client called a method without `Ex`, on a host that has the one with it. Whoever names no
    /// relationship does so.
    DeprecatedMethod = "deprecated-method",
        "methods without Ex act on relationship 0, whichever was meant, and are deprecated since \
         Windows Server 2012 R2",
        "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservice";
    /// The client was done and had not deleted a test replica that it made, or may have made: where no
    /// answer came, a look says.
    LeftTestReplica = "left-test-replica",
        "a test replica keeps disks of its own and stands in the way of the next test until it is \
         deleted",
        "https://learn.microsoft.com/windows/win32/hyperv_v2/testreplicasystem-msvm-replicationservice";
    /// The client repeated a call to which no answer had come, without a look in between.
    BlindRepeat = "blind-repeat",
        "a call whose answer was lost may have happened; what the virtual machine looks like says",
        "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationrelationship";
    /// The client requested a state that is in no value map of WMI.
    UnknownState = "unknown-state",
        "WMI numbers states from 0 without a gap, PowerShell shifts them by one from 2 on; its \
         numbers mean something else here, or nothing",
        "https://github.com/asand3r/zbx-hyperv/issues/1";
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A mistake, and the call that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The mistake.
    pub lint: Lint,
    /// The host that was called.
    pub host: String,
    /// When, by the service's time.
    pub at: SimTime,
    /// The call.
    pub call: Call,
    /// The virtual machine that the call was about, if any.
    pub vm: Option<VmId>,
}

impl fmt::Display for Finding {
    /// The name, the call with its place, why it matters, and the page.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lint, host, at, call, vm } = self;
        write!(f, "{lint}: {} on {host}", call.operation())?;
        if let Some(vm) = vm {
            write!(f, " of {{{vm}}}")?;
        }
        let at = format_duration(at.since(SimTime::ZERO));
        write!(f, " after {at}: {} ({})", lint.why(), lint.page())
    }
}
