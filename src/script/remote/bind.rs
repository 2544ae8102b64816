//! What a script makes, found on hosts; and what cannot be found there.

use super::{Member, Remote};
use crate::engine::{Caller, HostSpec, VmSpec};
use crate::model::{EnabledState, HostId, ReplicationMode, VmId};
use crate::script::ast::{Line, Script, Statement};
use crate::script::describe;
use crate::script::expect::{Subject, power_word};
use crate::script::facts::VmFacts;
use crate::script::hash::id_of_name;
use crate::script::names::Names;
use crate::script::problem::{Problem, listed};
use crate::script::resolve::resolve_host;
use crate::script::text::Word;

/// Why `as=other` cannot be done.
pub(super) const SOMEBODY_ELSE: &str =
    "a call by somebody else needs a simulated world: hosts are called by who is logged in";

/// Why something that no client can ask for cannot be done.
pub(super) fn needs(what: &str) -> String {
    format!("`{what}` needs a simulated world: no client can ask for it")
}

impl Remote<'_> {
    /// Why a script cannot be run here: a problem for each line that needs a simulated world, or
    /// something that these hosts do not have. Nothing is changed by asking.
    ///
    /// What a call is about, and whether it is taken, is seen when it is made.
    pub fn problems(&self, script: &Script) -> Vec<Problem> {
        let lines = (1..).zip(&script.lines);
        lines.filter_map(|(number, line)| Some(self.problem(line)?.on(number))).collect()
    }

    fn problem(&self, line: &Line) -> Option<Problem> {
        let statement = line.statement.as_ref()?;
        let at_line = |why: String| Problem::new(statement.span(), why);
        match statement {
            Statement::Seed(_) => Some(at_line(needs("seed"))),
            Statement::Policy(_) => Some(at_line(needs("policy"))),
            Statement::Host(spec) => self.find_host(spec).err().map(at_line),
            Statement::Vm { host, vm } => match resolve_host(host, self) {
                Ok(host) => self.find_vm(host, vm).err().map(at_line),
                Err(problem) => Some(problem),
            },
            Statement::Call(call) => match call.caller {
                Caller::Administrator => self.unknown(&call.host),
                Caller::Other => Some(at_line(SOMEBODY_ELSE.to_owned())),
            },
            Statement::Expect(it) => match &it.of {
                Subject::Vm { host, facts, .. } => {
                    self.unknown(host).or_else(|| facts.as_ref().and_then(unseen).map(at_line))
                }
                Subject::Event { .. } => {
                    let why = "the log of a host needs a simulated world: its service has none";
                    Some(at_line(why.to_owned()))
                }
                Subject::Job { .. } => None,
            },
            Statement::Disturb(it) => Some(at_line(needs(it.verb.name()))),
            Statement::Configure { change, .. } => {
                Some(at_line(needs(describe::keyword_of(change).name())))
            }
            // Faults are at the edge, in front of any service.
            Statement::Advance(_)
            | Statement::Wait { .. }
            | Statement::Fault(_)
            | Statement::Fail(_) => None,
        }
    }

    fn unknown(&self, host: &Word) -> Option<Problem> {
        resolve_host(host, self).err()
    }

    /// The host that a script makes, if it is as the script says. What it does not say is as it is.
    pub(super) fn find_host(&self, spec: &HostSpec) -> Result<HostId, String> {
        let name = &spec.name;
        let host = self.host_named(name);
        let Some((host, member)) = host.and_then(|it| Some((it, self.member(it)?))) else {
            return Err(format!("no host was given as `{name}`, and none can be made"));
        };
        let plain = HostSpec::trusting(name);
        let HostSpec { build, settings, entries, .. } = spec.clone();
        if *spec != (HostSpec { build, settings, entries, ..plain.clone() }) {
            let why = "of a host, only its Windows and its replica server can be compared";
            return Err(format!("{why}; `{name}` is said to have more"));
        }
        let differs = |what: &str| Err(format!("{what} of `{name}` is not as the line says"));
        let service = member.service;
        let silent = |error: crate::Error| format!("`{name}`: {error}");
        if spec.build != plain.build && service.host().map_err(silent)?.build != spec.build {
            return differs("the Windows");
        }
        if spec.settings != plain.settings
            && service.service_settings().map_err(silent)? != spec.settings
        {
            return differs("the replica server");
        }
        if spec.entries != plain.entries {
            let there = service.authorization_entries().map_err(silent)?;
            let is_same = |a: &_| spec.entries.iter().any(|b| a == b);
            if there.len() != spec.entries.len() || !there.iter().all(is_same) {
                return differs("whom the replica server lets in");
            }
        }
        Ok(host)
    }

    /// The virtual machine that a script makes, if it is as the script says.
    pub(super) fn find_vm(&self, host: HostId, spec: &VmSpec) -> Result<VmId, String> {
        let member = self.member(host).ok_or("there is no such host")?;
        let (name, place) = (&spec.name, &member.name);
        let is_meant = |it: &VmId| spec.id == id_of_name(name) || spec.id == *it;
        let found: Vec<_> = member.named(name).map(|it| it.id).filter(|it| is_meant(it)).collect();
        let [id] = found[..] else {
            return Err(if found.is_empty() {
                format!(
                    "no such virtual machine is called `{name}` on {place}, and none can be made"
                )
            } else {
                let ids: Vec<_> = found.iter().map(|id| format!("id={{{id}}}")).collect();
                let ids = listed(ids.iter().map(|it| &**it));
                format!("{} are called `{name}` on {place}: write {ids}", found.len())
            });
        };
        member.compare(id, spec)?;
        Ok(id)
    }
}

impl Member<'_> {
    /// Compares what a service shows of a virtual machine that nobody replicates.
    fn compare(&self, id: VmId, spec: &VmSpec) -> Result<(), String> {
        let (name, place) = (&spec.name, &self.name);
        let silent = |error: crate::Error| format!("`{place}`: {error}");
        let there = self.service.vm(id).map_err(silent)?;
        let power = if spec.running { EnabledState::Enabled } else { EnabledState::Disabled };
        if there.power != power {
            let (found, said) = (power_word(there.power), power_word(power));
            return Err(format!("`{name}` on {place} is {found}, and the line says {said}"));
        }
        if there.mode != ReplicationMode::None {
            let mode = there.mode.name();
            return Err(format!("`{name}` on {place} is replicated already: it is a {mode}"));
        }
        if spec.disks != describe::blank_vm(name, spec.running).disks {
            let found = self.service.devices(id).map_err(silent)?.disks.len();
            if found != spec.disks.len() {
                let said = spec.disks.len();
                return Err(format!("`{name}` on {place} has {found} disks, not {said}"));
            }
        }
        Ok(())
    }
}

/// What an expectation looks at that no service shows.
fn unseen(facts: &VmFacts) -> Option<String> {
    let asked = [
        ("lacks", facts.lacks.is_some()),
        ("own", facts.own.is_some()),
        ("split_brain", facts.split_brain.is_some()),
        ("outage", facts.outage.is_some()),
        ("lost", facts.lost.is_some()),
        ("address", facts.address.is_some()),
    ];
    let (key, _) = asked.into_iter().find(|(_, is_asked)| *is_asked)?;
    Some(format!("`{key}=` needs a simulated world: no host shows it"))
}
